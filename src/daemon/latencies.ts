import type { LatencyOutput } from '../api/peer.ts'

/** Each bin ends so many times later than the one before: a quantile is right to within a twentieth. */
const GROWTH = 1.1

/** Where the first bin ends, ms. */
const FIRST_MS = 0.05

/** Bins; the last one ends beyond ten minutes. */
const BINS = 172

const GROWTH_LOG = Math.log(GROWTH)

/** How a set of durations lies, in bounded memory whatever their number: counts in bins that grow with the duration. */
export class Latencies {
  readonly #bins = new Map<number, number>()
  #count = 0

  add(durationMs: number): void {
    const bin = binOf(durationMs)
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + 1)
    this.#count += 1
  }

  /** All zero without durations. */
  get output(): LatencyOutput {
    return { count: this.#count, p50Ms: this.#quantile(0.5), p95Ms: this.#quantile(0.95) }
  }

  #quantile(share: number): number {
    let left = Math.ceil(share * this.#count)
    for (const bin of [...this.#bins.keys()].sort((a, b) => a - b)) {
      left -= this.#bins.get(bin) ?? 0
      if (left <= 0) return middleOf(bin)
    }
    return 0
  }
}

function binOf(durationMs: number): number {
  if (!(durationMs > FIRST_MS)) return 0
  return Math.min(BINS - 1, Math.ceil(Math.log(durationMs / FIRST_MS) / GROWTH_LOG))
}

/** The duration that is off by the same share from both ends of the bin. ms. */
function middleOf(bin: number): number {
  return bin === 0 ? FIRST_MS : FIRST_MS * GROWTH ** (bin - 0.5)
}
