import { bitAt, commonPrefixLength, compareKeys, type Key } from '../core/key.ts'
import type { Instant, Random } from '../core/ports.ts'
import type { Region } from '../core/replicate-region.ts'
import type { Duty } from './maintenance.ts'

/** What a sweep works on. */
export interface SweepSource {
  /** How much there is; 0: there is nothing to sweep. */
  size(): number
  /** The point of the first thing that is due, from `from` on in order of the keyspace. */
  firstDue(from: Key | undefined): Key | undefined
  /** Stores what is due in the region around `first`; the region that was covered, or `undefined` if nobody was reached. */
  run(first: Key): Promise<Region | undefined>
  /** Remembers where the sweep stands, for a restart: `undefined` between two sweeps. */
  saveCursor(cursor: Key | undefined): void
}

/** The part of the interval over which a sweep of the whole keyspace is spread. */
const SPREAD = 0.8

/**
 * Walks the keyspace once per interval, region by region, and spreads the walk over the interval: the pause after a region
 * is that region's share of the keyspace. One region at a time. A sweep that a restart cut off goes on where it stopped.
 */
export class SweepDuty implements Duty {
  readonly name: string
  readonly #intervalMs: number
  readonly #random: Random
  readonly #source: SweepSource
  readonly #clock: { now(): Instant }
  #cursor: Key | undefined
  #startedAt: Instant
  #dueAt: Instant

  constructor(init: {
    name: string
    /** 0: never. */
    intervalMs: number
    random: Random
    clock: { now(): Instant }
    source: SweepSource
  }) {
    this.name = init.name
    this.#intervalMs = init.intervalMs
    this.#random = init.random
    this.#source = init.source
    this.#clock = init.clock
    // Peers that hold the same records must not sweep at the same time: one that comes first spares the others the work.
    this.#startedAt = init.clock.now()
    this.#dueAt = this.#startedAt + init.intervalMs * init.random.fraction()
  }

  /** Takes up the sweep that the last run of the peer left unfinished. */
  resume(cursor: Key): void {
    this.#cursor = cursor
    this.#dueAt = this.#clock.now()
  }

  nextDueAt(_now: Instant): Instant {
    if (this.#intervalMs === 0 || this.#source.size() === 0) return Number.POSITIVE_INFINITY
    return this.#dueAt
  }

  async run(now: Instant): Promise<void> {
    if (this.#cursor === undefined) this.#startedAt = now
    const first = this.#source.firstDue(this.#cursor)
    if (first === undefined) {
      this.#finish()
      return
    }
    const region = await this.#source.run(first)
    if (region === undefined) {
      this.#dueAt = this.#clock.now() + this.#intervalMs / 20 // nobody there: the same region later
      return
    }
    this.#cursor = endOf(region, first)
    this.#source.saveCursor(this.#cursor)
    if (this.#cursor === undefined) {
      this.#finish()
      return
    }
    this.#dueAt = this.#clock.now() + this.#intervalMs * SPREAD * 2 ** -region.bits
  }

  #finish(): void {
    this.#cursor = undefined
    this.#source.saveCursor(undefined)
    const intervalMs = this.#intervalMs * (0.9 + this.#random.fraction() / 5)
    this.#dueAt = Math.max(this.#clock.now(), this.#startedAt + intervalMs)
  }
}

/** The first point after a region that holds `first`; `undefined` at the end of the keyspace. */
export function endOf(region: Region, first: Key): Key | undefined {
  const end = region.key.slice()
  const bits = Math.min(region.bits, end.length * 8)
  for (let bit = bits - 1; bit >= 0; bit--) {
    const mask = 0x80 >> (bit & 7)
    const index = bit >> 3
    if (bitAt(end, bit) === 0) {
      end[index] = (end[index] as number) | mask // bit is below the key's length
      clearFrom(end, bit + 1)
      return compareKeys(end, first) > 0 ? end : undefined
    }
    end[index] = (end[index] as number) & ~mask
  }
  return undefined
}

function clearFrom(key: Key, from: number): void {
  for (let bit = from; bit < key.length * 8; bit++) {
    key[bit >> 3] = (key[bit >> 3] as number) & ~(0x80 >> (bit & 7)) // below length
  }
}

/** Whether a point lies in a region. */
export function isInRegion(key: Key, region: Region): boolean {
  return commonPrefixLength(key, region.key) >= region.bits
}
