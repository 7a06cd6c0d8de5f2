import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Wall time of a run and of its phases. Not part of what a simulation shows: only of what it cost. */
export class Stopwatch {
  readonly #startedAt: number = performance.now()
  readonly #begun: { readonly name: string; readonly at: number }[] = []

  /** A phase begins, and the one before ends. */
  begin(name: string): void {
    this.#begun.push({ name, at: performance.now() })
  }

  /** Since it was made. ms. */
  elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  phases(): { readonly name: string; readonly wallMs: number }[] {
    const now = performance.now()
    return this.#begun.map(({ name, at }, i) => ({
      name,
      wallMs: (this.#begun[i + 1]?.at ?? now) - at,
    }))
  }
}

/** Bytes of live objects, after a full collection of garbage: without one the figure tells of the collector's mood. */
export function liveBytes(): number {
  // The flag is the whole process's and stays: taking it back would take it from a run in another thread.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void // what the flag brings about
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
