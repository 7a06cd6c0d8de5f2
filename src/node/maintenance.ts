import type { Contact } from '../core/contact.ts'
import { commonPrefixLength, type Key } from '../core/key.ts'
import { SAVED_CONTACTS_MAX } from '../core/limits.ts'
import type { Instant, Random } from '../core/ports.ts'
import { PREIMAGE_BITS_MAX, type PreimageFinder } from '../core/preimages.ts'
import type { RoutingTable } from '../core/routing-table.ts'

/** A duty: something the peer does by itself from time to time. */
export interface Duty {
  readonly name: string
  /** When it is next due; `Infinity`: not as things stand. */
  nextDueAt(now: Instant): Instant
  /** Does it. Called when it is due; harmless when it is not. The promise never rejects. */
  run(now: Instant): Promise<void>
}

/** How soon a duty that has just run may run again. ms. Keeps a mistaken due time from spinning. */
const PAUSE_MIN_MS = 1_000

/**
 * Runs the duties, each at most once at a time, by one alarm at the earliest due time. When something happened that may
 * make a duty due earlier, `rearm` looks again.
 */
export class Maintenance {
  readonly #duties: readonly Duty[]
  readonly #clock: { now(): Instant; setAlarm(at: Instant, fire: () => void): () => void }
  /**
   * Until when each duty may not run, by its index; `Infinity` while it runs. Made with the first that runs: most simulated
   * peers are idle.
   */
  #earliest: Instant[] | undefined
  #cancel: (() => void) | undefined
  #alarmAt: Instant = Number.POSITIVE_INFINITY
  #isStarted = false

  constructor(
    duties: readonly Duty[],
    clock: { now(): Instant; setAlarm(at: Instant, fire: () => void): () => void },
  ) {
    this.#duties = duties
    this.#clock = clock
  }

  start(): void {
    this.#isStarted = true
    this.rearm()
  }

  stop(): void {
    this.#isStarted = false
    this.#cancel?.()
    this.#cancel = undefined
    this.#alarmAt = Number.POSITIVE_INFINITY
  }

  /** Sets the alarm to the earliest due time. */
  rearm(): void {
    if (!this.#isStarted) return
    const now = this.#clock.now()
    let earliest = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#duties.length; i++) earliest = Math.min(earliest, this.#dueAt(i, now))
    this.#arm(earliest, now)
  }

  #arm(earliest: Instant, now: Instant): void {
    if (earliest === this.#alarmAt) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#alarmAt = earliest
    if (Number.isFinite(earliest)) {
      this.#cancel = this.#clock.setAlarm(Math.max(earliest, now), () => this.#fire())
    }
  }

  #dueAt(index: number, now: Instant): Instant {
    const duty = this.#duties[index] as Duty // callers pass an index below the length
    const dueAt = duty.nextDueAt(now)
    return this.#earliest === undefined ? dueAt : Math.max(dueAt, this.#earliest[index] ?? 0)
  }

  #fire(): void {
    this.#cancel = undefined
    this.#alarmAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    this.#earliest ??= this.#duties.map(() => 0)
    const earliest = this.#earliest
    const due: number[] = []
    let next = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#duties.length; i++) {
      const dueAt = this.#dueAt(i, now)
      if (dueAt <= now) due.push(i)
      else next = Math.min(next, dueAt)
    }
    for (const i of due) earliest[i] = Number.POSITIVE_INFINITY
    this.#arm(next, now) // before they run: what they change may rearm
    for (const i of due) {
      const duty = this.#duties[i] as Duty // it was due
      void duty.run(now).then(() => {
        earliest[i] = this.#clock.now() + PAUSE_MIN_MS
        this.rearm()
      })
    }
  }
}

/**
 * Keeps the table fresh: a bucket that no lookup touched for an interval gets a lookup of a random key in its range, and
 * the own neighbourhood one of the own key (Kademlia, section 2.3). One lookup at a time; that of a bucket goes no further
 * than the bucket needs (`Lookups.freshen`), but where a peer has just joined.
 */
export class RefreshDuty implements Duty {
  readonly name = 'refresh'
  readonly #table: RoutingTable
  readonly #self: Key
  readonly #preimages: PreimageFinder
  readonly #random: Random
  readonly #intervalMs: number
  readonly #lookup: (key: Uint8Array | undefined) => Promise<unknown>
  readonly #freshen: (key: Uint8Array, lacking: number) => Promise<unknown>
  #selfDueAt: Instant

  constructor(init: {
    table: RoutingTable
    self: Key
    preimages: PreimageFinder
    random: Random
    intervalMs: number
    now: Instant
    /** Looks up a preimage, or the own id for `undefined`; never rejects. */
    lookup: (key: Uint8Array | undefined) => Promise<unknown>
    /** Looks up a preimage as far as its bucket needs it, which lacks so many living contacts; never rejects. */
    freshen: (key: Uint8Array, lacking: number) => Promise<unknown>
  }) {
    this.#table = init.table
    this.#self = init.self
    this.#preimages = init.preimages
    this.#random = init.random
    // Peers that started together must not refresh together.
    this.#intervalMs = init.intervalMs * (0.8 + init.random.fraction() / 5)
    this.#lookup = init.lookup
    this.#freshen = init.freshen
    this.#selfDueAt = init.now + init.intervalMs * (0.5 + init.random.fraction() / 2)
  }

  nextDueAt(_now: Instant): Instant {
    if (this.#table.size === 0) return Number.POSITIVE_INFINITY
    return Math.min(this.#selfDueAt, this.#table.nextRefreshAt(this.#intervalMs))
  }

  async run(now: Instant): Promise<void> {
    if (this.#selfDueAt <= now) {
      // Before the buckets of the neighbourhood fall due, so that they never need lookups of their own.
      this.#selfDueAt = now + this.#intervalMs * (0.8 + this.#random.fraction() / 5)
      await this.#lookup(undefined)
      this.#touchNeighbourhood(now)
    }
    const due = this.#table.refreshDue(now, this.#intervalMs)
    for (const prefixLength of due) {
      if (prefixLength >= PREIMAGE_BITS_MAX) return // the deeper ones follow
      const bucket = this.#table.groups().find((group) => group.prefixLength === prefixLength)
      await this.#freshen(this.#inBucket(prefixLength), this.#table.k - (bucket?.live ?? 0))
    }
  }

  /**
   * Refreshes all buckets farther than the own neighbourhood, which a lookup of the own key has just filled; for a peer
   * that has joined.
   */
  async refreshFarther(now: Instant): Promise<void> {
    this.#touchNeighbourhood(now)
    const depth = this.#neighbourhoodDepth()
    for (let i = 0; i < depth; i++) await this.#lookup(this.#inBucket(i))
  }

  /** A preimage of a random key in the range of a bucket. */
  #inBucket(prefixLength: number): Uint8Array {
    return this.#preimages.inBucket(this.#self, prefixLength, this.#random)
  }

  /** The prefix length from which on the k nearest neighbours are all there is. */
  #neighbourhoodDepth(): number {
    const farthest = this.#table.neighbours().at(-1)
    if (farthest === undefined) return 0
    return Math.min(commonPrefixLength(this.#self, farthest.key) + 1, PREIMAGE_BITS_MAX)
  }

  /** A lookup of the own key finds the whole neighbourhood: its buckets need no lookup of their own. */
  #touchNeighbourhood(now: Instant): void {
    const inBucket = this.#self.slice()
    for (let bit = this.#neighbourhoodDepth(); bit <= this.#table.depth; bit++) {
      const mask = 0x80 >> (bit & 7)
      inBucket[bit >> 3] = (this.#self[bit >> 3] as number) ^ mask // depth is below the key's length
      this.#table.touched(inBucket, now)
      inBucket[bit >> 3] = this.#self[bit >> 3] as number
    }
  }
}

/** The contacts worth saving: the nearest first, then those of other buckets; at most `SAVED_CONTACTS_MAX`. */
export function contactsToSave(table: RoutingTable, self: Key): Contact[] {
  const nearest = table.closest(self, SAVED_CONTACTS_MAX / 2)
  const chosen = new Set(nearest)
  for (const contact of table.contacts()) {
    if (chosen.size >= SAVED_CONTACTS_MAX) break
    chosen.add(contact)
  }
  return [...chosen]
}
