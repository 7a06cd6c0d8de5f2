import { mean } from './contender.ts'

/** What one operation cost. */
export interface Figures {
  readonly operations: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the whole process: the peer that asks and those that answer. */
  readonly cpuMs: number
  /** Requests that all peers sent, each with one answer. */
  readonly requests: number
}

/** How long to measure. */
export interface Budget {
  readonly concurrency: number
  readonly seconds: number
}

/** A slow implementation gets this much more time to come to `OPERATIONS_MIN`. */
const PATIENCE = 2
const OPERATIONS_MIN = 20

/**
 * Runs an operation again and again for the time given, so many at once.
 *
 * @param act Returns false when there is nothing left to do: what was measured up to then counts.
 * @param requests Requests sent up to now.
 */
export async function measure(
  { concurrency, seconds }: Budget,
  act: () => Promise<boolean>,
  requests: () => number,
): Promise<Figures> {
  const durationsMs: number[] = []
  const requestsBefore = requests()
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const softEnd = startedAt + seconds * 1_000
  const hardEnd = startedAt + seconds * 1_000 * PATIENCE
  let begun = 0
  let isExhausted = false
  const worker = async (): Promise<void> => {
    for (;;) {
      const now = performance.now()
      if (isExhausted || now >= (begun < OPERATIONS_MIN ? hardEnd : softEnd)) return
      begun += 1
      if (await act()) durationsMs.push(performance.now() - now)
      else isExhausted = true
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const elapsedMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  const operations = durationsMs.length
  durationsMs.sort((a, b) => a - b)
  return {
    operations,
    perSecond: (operations / elapsedMs) * 1_000,
    p50Ms: percentile(durationsMs, 0.5),
    p99Ms: percentile(durationsMs, 0.99),
    cpuMs: (user + system) / 1_000 / operations,
    requests: (requests() - requestsBefore) / operations,
  }
}

/** What peers hold when they have nothing to do, in bytes for each. */
export interface Memory {
  /** Live objects and buffers. */
  readonly heapBytes: number
  /** What the operating system counts; the machine code of the libraries was there before. */
  readonly residentBytes: number
}

/** Memory of the process, after a full collection of garbage. */
export async function memoryNow(): Promise<Memory> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heapBytes: heapUsed + external, residentBytes: rss }
}

/** The share of a difference that falls to each peer. */
export function memoryPerPeer(before: Memory, after: Memory, peers: number): Memory {
  return {
    heapBytes: Math.round((after.heapBytes - before.heapBytes) / peers),
    residentBytes: Math.round((after.residentBytes - before.residentBytes) / peers),
  }
}

/** The middle one of several runs, number by number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : mean([sorted[middle - 1] ?? 0, sorted[middle] ?? 0])
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
