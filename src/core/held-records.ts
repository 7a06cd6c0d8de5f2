import { assert } from './assert.ts'
import { compareDistance, compareKeys, distanceFraction, type Key } from './key.ts'
import { RECORD_KEY_BYTES_MAX } from './limits.ts'
import { OrderedSet } from './ordered-set.ts'
import type { UnixMs } from './ports.ts'
import type { RecordOrigin, StoredRecord, ValueRecord } from './record.ts'

/** A record in the store, with what its validator said of it. */
export interface HeldRecord extends StoredRecord {
  /** The point of the keyspace that its key stands at. */
  readonly target: Key
  /** Where `target` stands, as a fraction of the keyspace: compared first, for numbers compare faster than bytes. */
  readonly position: number
  /** How far that is from the peer's own key, likewise. */
  readonly distance: number
  readonly version: number
  readonly writer: string | undefined
  readonly deleted: boolean
  /** Moves when the same value arrives again. */
  receivedAt: UnixMs
}

/** The numbers that records are ordered by; see `HeldRecord`. */
export function placeOf(target: Key, self: Key): Pick<HeldRecord, 'position' | 'distance'> {
  const origin = new Uint8Array(target.length)
  return { position: distanceFraction(origin, target), distance: distanceFraction(self, target) }
}

/** What a record counts against the quotas beside key and value: its places in the indexes. Bytes. */
export const HELD_RECORD_OVERHEAD_BYTES = 256

/** What a record counts against the byte quotas. */
export function recordBytes({ key, value }: ValueRecord): number {
  return key.length + value.length + HELD_RECORD_OVERHEAD_BYTES
}

/** How much of the store something takes. */
export interface Usage {
  readonly bytes: number
  readonly records: number
}

const NOTHING: Usage = { bytes: 0, records: 0 }

/** The records of a store, found by key, in key order, by expiry and in the order in which they may be evicted. */
export class HeldRecords {
  readonly #byText = new Map<string, HeldRecord>()
  readonly #byKey = new OrderedSet<HeldRecord>(byTarget)
  readonly #byExpiry = new OrderedSet<HeldRecord>(
    (a, b) => a.expiresAt - b.expiresAt || byTarget(a, b),
  )
  /** By distance from the peer's own key. The owner's records are in neither: they are never evicted. */
  readonly #evictable: Readonly<Record<'cached' | 'replica', OrderedSet<HeldRecord>>>
  readonly #byWriter = new Map<string, Usage>()
  #bytes = 0
  /** The key last asked for and its text: one put asks for the same key several times. */
  #lastKey: Uint8Array | undefined
  #lastText = ''

  constructor(self: Key) {
    const byDistance = (a: HeldRecord, b: HeldRecord): number =>
      a.distance - b.distance ||
      compareDistance(self, a.target, b.target) ||
      compareKeys(a.record.key, b.record.key)
    this.#evictable = {
      cached: new OrderedSet<HeldRecord>(byDistance),
      replica: new OrderedSet<HeldRecord>(byDistance),
    }
  }

  get size(): number {
    return this.#byText.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: Uint8Array): HeldRecord | undefined {
    if (key.length > RECORD_KEY_BYTES_MAX) return undefined
    return this.#byText.get(this.#textOf(key))
  }

  /** Adds a record whose key is not held yet. */
  add(held: HeldRecord): void {
    const text = this.#textOf(held.record.key)
    assert(!this.#byText.has(text), `record ${text} is held already`)
    this.#byText.set(text, held)
    this.#byKey.add(held)
    this.#byExpiry.add(held)
    if (held.origin !== 'owner') this.#evictable[held.origin].add(held)
    this.#count(held, 1)
  }

  remove(held: HeldRecord): void {
    const deleted = this.#byText.delete(this.#textOf(held.record.key))
    assert(deleted, 'a record to remove is held')
    this.#byKey.delete(held)
    this.#byExpiry.delete(held)
    if (held.origin !== 'owner') this.#evictable[held.origin].delete(held)
    this.#count(held, -1)
  }

  /** What the signed records of a writer take up. */
  usage(writer: string): Usage {
    return this.#byWriter.get(writer) ?? NOTHING
  }

  /** Writers with signed records here. */
  get writers(): number {
    return this.#byWriter.size
  }

  /** The record that expires first. */
  get firstToExpire(): HeldRecord | undefined {
    return this.#byExpiry.first
  }

  /** Records that have expired at `now`, the earliest first. */
  *expired(now: UnixMs): IterableIterator<HeldRecord> {
    for (const held of this.#byExpiry.ascending()) {
      if (held.expiresAt > now) return
      yield held
    }
  }

  /** In the order of keys, from `from` on; goes on rightly when records come and go meanwhile. */
  inKeyOrder(from: Key | undefined): IterableIterator<HeldRecord> {
    if (from === undefined) return this.#byKey.ascending()
    return this.#byKey.ascending((held) => compareKeys(held.target, from) < 0)
  }

  /** Those of an origin that may be evicted, the farthest from the peer's own key first. */
  farthest(origin: Exclude<RecordOrigin, 'owner'>): IterableIterator<HeldRecord> {
    return this.#evictable[origin].descending()
  }

  /** A key's bytes as a string for the map, one character a byte. Keys are never changed once they are here. */
  #textOf(key: Uint8Array): string {
    if (key !== this.#lastKey) {
      // Not spread: that goes by an iterator, and takes five times as long.
      const text: unknown = Reflect.apply(String.fromCharCode, undefined, key)
      this.#lastText = String(text)
      this.#lastKey = key
    }
    return this.#lastText
  }

  #count(held: HeldRecord, sign: 1 | -1): void {
    const bytes = sign * recordBytes(held.record)
    this.#bytes += bytes
    if (held.writer === undefined) return
    const before = this.usage(held.writer)
    const after: Usage = { bytes: before.bytes + bytes, records: before.records + sign }
    if (after.records === 0) this.#byWriter.delete(held.writer)
    else this.#byWriter.set(held.writer, after)
  }
}

function byTarget(a: HeldRecord, b: HeldRecord): number {
  // Different keys share a target only in the small keyspaces of tests.
  return (
    a.position - b.position ||
    compareKeys(a.target, b.target) ||
    compareKeys(a.record.key, b.record.key)
  )
}
