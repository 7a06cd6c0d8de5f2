import { CLOCK_SKEW_MAX_MS } from './limits.ts'
import type { UnixMs } from './ports.ts'

/**
 * Hybrid logical timestamps, the versions of `/kv/` values: wall clock and counter in one whole number, so that a later
 * write has a higher one even when clocks differ, and no timestamp strays far from real time.
 *
 * The upper 43 bits are milliseconds since 1970 (until the year 2248), the lower 10 a counter: together a safe integer of a
 * double, which JSON, options and comparisons take as it is. The paper's 48 + 16 bits would need a bigint. A counter that
 * overflows carries into the milliseconds, which keeps the order.
 * Source: Kulkarni et al., "Logical Physical Clocks and Consistent Snapshots" (OPODIS 2014), section 6 for the compact form.
 */

const COUNTERS = 1024
const MS_MAX = 2 ** 43 - 1

/** The lowest timestamp of a millisecond. Out-of-range times are taken as the nearest in range. */
export function hybridTimestamp(ms: UnixMs): number {
  return Math.min(Math.max(Math.floor(ms), 0), MS_MAX) * COUNTERS
}

/** The wall-clock part of a timestamp. */
export function hybridTime(version: number): UnixMs {
  return Math.floor(version / COUNTERS)
}

/** How far a timestamp lies ahead of `now`. ms; negative if it lies behind. */
export function hybridSkew(version: number, now: UnixMs): number {
  return hybridTime(version) - now
}

/** A writer's clock: its timestamps rise, and lie above all it has observed. */
export class HybridClock {
  #last = 0

  /** The timestamp of a write at `now`. */
  next(now: UnixMs): number {
    this.#last = Math.min(Math.max(hybridTimestamp(now), this.#last + 1), Number.MAX_SAFE_INTEGER)
    return this.#last
  }

  /**
   * Takes note of another's timestamp, so that our next one is higher. One that lies more than `CLOCK_SKEW_MAX_MS` ahead is
   * ignored (then `false`): every validator refuses it, and a hostile one must not carry our clock away.
   */
  observe(version: number, now: UnixMs): boolean {
    if (!Number.isSafeInteger(version) || hybridSkew(version, now) > CLOCK_SKEW_MAX_MS) return false
    if (version > this.#last) this.#last = version
    return true
  }
}
