import type { Instant } from './ports.ts'

/** When a lookup last went into the range of each bucket. Source: Kademlia, section 2.3. */
export class RangeTouches {
  /** By prefix length. */
  readonly #touchedAt: Instant[] = []

  /** Ranges up to this prefix length are known from now on; new ones count as touched now. */
  growTo(prefixLength: number, now: Instant): void {
    while (this.#touchedAt.length <= prefixLength) this.#touchedAt.push(now)
  }

  /** A lookup went into a range; unknown ones are passed over. */
  touched(prefixLength: number, now: Instant): void {
    if (prefixLength < this.#touchedAt.length) this.#touchedAt[prefixLength] = now
  }

  /** The prefix lengths down to `depth` whose range no lookup went into for `intervalMs`, farthest first. */
  due(now: Instant, intervalMs: number, depth: number): number[] {
    const due: number[] = []
    for (let i = 0; i <= depth; i++) {
      if ((this.#touchedAt[i] as Instant) + intervalMs <= now) due.push(i) // depth is that of a known range
    }
    return due
  }

  /** When `due` next has something to say; `Infinity` without ranges. */
  nextDueAt(intervalMs: number, depth: number): Instant {
    let next = Infinity
    for (let i = 0; i <= depth; i++) {
      next = Math.min(next, (this.#touchedAt[i] as Instant) + intervalMs) // as above
    }
    return next
  }
}
