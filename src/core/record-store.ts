import { type HeldRecord, HeldRecords, placeOf, recordBytes, type Usage } from './held-records.ts'
import { bytesEqual, compareDistance, compareKeys, type Key, keyFromDigest, owned } from './key.ts'
import { ENVELOPE_OVERHEAD_BYTES_MAX } from './limits.ts'
import type { NodeOptions } from './options.ts'
import type { Hash, StorageWrite, UnixMs } from './ports.ts'
import type { RecordOrigin, StoredRecord, ValueRecord } from './record.ts'
import type { RefusalCode, StorePutResult } from './store-put-result.ts'
import {
  decodeStoredRecord,
  deleteStoredRecord,
  encodeStoredRecord,
  recordKeyOf,
} from './stored-record-codec.ts'
import type { Validators, ValidVerdict } from './validators.ts'

type Quotas = 'storeBytesMax' | 'storeRecordsMax' | 'storeWriterSharePercent'

/** The options that a store obeys. */
export type RecordStoreOptions = Pick<NodeOptions, 'valueBytesMax' | 'recordLifetimeMs' | Quotas>

/** What a store needs to know. */
export interface RecordStoreInit {
  readonly options: RecordStoreOptions
  readonly validators: Validators
  /** The peer's own point of the keyspace: what is far from it is evicted first. */
  readonly self: Key
  readonly hash: Hash
  /** Hears of every value that takes a place, whichever way it came; not of one that only lives longer. */
  readonly onValue?: (held: HeldRecord) => void
}

/** A record that arrives. */
export interface PutInput {
  readonly record: ValueRecord
  /** The point of the keyspace of `record.key`. */
  readonly target: Key
  readonly origin: RecordOrigin
  readonly now: UnixMs
  /**
   * Compare-and-set: refused as stale unless the version held is this one (0: none is held). A store that holds no value of
   * the key has nothing to compare with and accepts. Writing the very value that is held is a retry, and no conflict.
   */
  readonly ifVersion?: number
}

/** What was read at the start. */
export interface LoadResult {
  /** Records held now. */
  readonly loaded: number
  /** Deletes the entries that were malformed, invalid, expired or beyond the quotas. */
  readonly dropped: StorageWrite[]
}

/**
 * A prolongation of a life by less than this is none. A remaining life is told in one message and counted from its arrival,
 * so that each hop would add its delay, and copies that replicate to one another could keep a value for ever. ms.
 */
const PROLONGATION_MIN_MS = 5_000

const RANK: Readonly<Record<RecordOrigin, number>> = { cached: 0, replica: 1, owner: 2 }

/**
 * The records a peer holds. It decides and returns the writes; it does no I/O.
 *
 * **Which value stands**: the winner by the validator, whatever the order of arrival. A tombstone is a value like others.
 *
 * **How long it lives**: until `now + min(ttlMs, recordLifetimeMs)` of its arrival, and never beyond the end that its owner
 * signed. When the same value arrives again the later end counts: so an owner prolongs by publishing again. A replica tells
 * with each copy the life that is left (`ttlMs`), so replication prolongs nothing. A stranger who omits `ttlMs` can keep a
 * value alive that has no signed end, but never for more than `recordLifetimeMs` from his last message; he could as well
 * store it anew. A tombstone lives at least as long as the copy it took the place of would have, unless it has a signed end.
 *
 * **What goes when there is no room**: cached copies, then replicas, in each case those farthest from the peer's own key;
 * never the owner's own, and never something nearer than what arrives. One writer's signed records take at most
 * `storeWriterSharePercent` of the store, except on the writer's own peer. Unsigned values have no writer to hold to account:
 * they are bounded by the whole quota, and a flood of them displaces only what is farther away.
 */
export class RecordStore {
  readonly #options: RecordStoreOptions
  readonly #validators: Validators
  readonly #self: Key
  readonly #hash: Hash
  readonly #onValue: RecordStoreInit['onValue']
  /** Made with the first record: most of a hundred thousand simulated peers hold none. */
  #held: HeldRecords | undefined
  /** Held, but not on the disk, which refused them. */
  readonly #unwritten = new WeakSet<ValueRecord>()

  constructor(init: RecordStoreInit) {
    this.#options = init.options
    this.#validators = init.validators
    this.#self = init.self
    this.#hash = init.hash
    this.#onValue = init.onValue
  }

  /** Records held, expired ones that were not yet swept among them. */
  get size(): number {
    return this.#held?.size ?? 0
  }

  /** What they count against `storeBytesMax`: keys, values and a constant for each. */
  get bytes(): number {
    return this.#held?.bytes ?? 0
  }

  /** What the signed records of a writer (peer id text) take up. */
  usage(writer: string): Usage {
    return this.#held?.usage(writer) ?? { bytes: 0, records: 0 }
  }

  /** The record of a key, unless it has expired; may be a tombstone. */
  get(key: Uint8Array, now: UnixMs): HeldRecord | undefined {
    const held = this.#held?.get(key)
    return held === undefined || held.expiresAt <= now ? undefined : held
  }

  /** Takes a record in, or says why not. On success memory holds it; the caller makes `write` durable. */
  put(input: PutInput): StorePutResult {
    const { record, now } = input
    const size = this.#sizeFault(record)
    if (size !== undefined) return refused('too-large', size)
    const verdict = this.#validators.validate(record.key, record.value, now)
    if (!verdict.valid) return refused(verdict.code ?? 'invalid', verdict.reason)
    const current = this.get(record.key, now)
    if (current !== undefined && bytesEqual(current.record.value, record.value)) {
      return this.#putAgain(current, input, verdict)
    }
    if (current !== undefined) {
      const conflict = this.#conflict(current, input, verdict)
      if (conflict !== undefined) return refused('stale', conflict, current.version)
    }
    const held = this.#heldFrom(input, verdict, current)
    // Written so that a ttl which is no number has ended too.
    if (!(held.expiresAt > now)) return refused('expired', 'the life of the record is over')
    return this.#admit(held)
  }

  /** The disk refused a value: when it comes again it is written again, and is acknowledged no sooner. */
  unwritten({ key, value }: ValueRecord): void {
    const held = this.#held?.get(key)
    if (held !== undefined && bytesEqual(held.record.value, value)) this.#unwritten.add(held.record)
  }

  /** Whether the disk has refused the value that is held. */
  isUnwritten(key: Uint8Array): boolean {
    const held = this.#held?.get(key)
    return held !== undefined && this.#unwritten.has(held.record)
  }

  /** Forgets a record; returns the write that forgets it on the disk. */
  remove(key: Uint8Array): StorageWrite[] {
    const held = this.#held?.get(key)
    if (held === undefined) return []
    this.#held?.remove(held)
    return [deleteStoredRecord(key)]
  }

  /** Removes at most `limit` records whose life is over, those first that ended first. */
  sweep(now: UnixMs, limit: number): { removed: StoredRecord[]; write: StorageWrite[] } {
    const removed: StoredRecord[] = []
    for (const held of this.#held?.expired(now) ?? []) {
      if (removed.length >= limit) break
      this.#held?.remove(held)
      removed.push(held)
    }
    return { removed, write: removed.map(({ record }) => deleteStoredRecord(record.key)) }
  }

  /** When the next record ends: the time for a sweep. */
  nextExpiryAt(): UnixMs | undefined {
    return this.#held?.firstToExpire?.expiresAt
  }

  /**
   * The records in the order of their points in the keyspace, from `from` on, up to but not including `to`; expired ones that
   * were not yet swept among them. The store may change meanwhile: nothing is given twice, nothing that stays is left out.
   */
  *range(from?: Key, to?: Key): IterableIterator<HeldRecord> {
    for (const held of this.#held?.inKeyOrder(from) ?? []) {
      if (to !== undefined && compareKeys(held.target, to) >= 0) return
      yield held
    }
  }

  /**
   * Takes in what the storage holds; what was put meanwhile stands. Everything is validated again: a disk can lie. The wall
   * clock may have gone back since, so that a record counts as valid at the time when it was received.
   */
  load(entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>, now: UnixMs): LoadResult {
    const dropped: StorageWrite[] = []
    for (const [key, value] of entries) {
      if (this.#held?.get(recordKeyOf(key)) !== undefined) continue
      const held = this.#fromStorage(key, value, now)
      const result = held === undefined ? undefined : this.#admit(held)
      if (result?.type !== 'stored') {
        dropped.push({ key, value: undefined })
      } else {
        for (const { record } of result.evicted) dropped.push(deleteStoredRecord(record.key))
      }
    }
    return { loaded: this.size, dropped }
  }

  #fromStorage(key: Uint8Array, value: Uint8Array, now: UnixMs): HeldRecord | undefined {
    const stored = decodeStoredRecord(key, value)
    if (stored === undefined) return undefined
    const { record, receivedAt } = stored
    if (this.#sizeFault(record) !== undefined) return undefined
    const verdict = this.#validators.validate(record.key, record.value, Math.max(now, receivedAt))
    if (!verdict.valid) return undefined
    const { expiresAt: signedEnd = Number.POSITIVE_INFINITY, version, writer, deleted } = verdict
    const { recordLifetimeMs } = this.#options
    const expiresAt = Math.min(stored.expiresAt, receivedAt + recordLifetimeMs, signedEnd)
    if (expiresAt <= now) return undefined
    const target = keyFromDigest(this.#hash(record.key))
    const place = placeOf(target, this.#self)
    return { ...stored, expiresAt, target, ...place, version, writer, deleted }
  }

  /** The same value once more: it may live longer and rise in rank. */
  #putAgain(current: HeldRecord, input: PutInput, verdict: ValidVerdict): StorePutResult {
    const again = this.#heldFrom(input, verdict, current)
    const least = input.origin === 'owner' ? 1 : PROLONGATION_MIN_MS
    const prolongs = again.expiresAt - current.expiresAt >= least
    const rises = RANK[input.origin] > RANK[current.origin]
    // When it last arrived matters to the next replication only, and is not worth a write.
    current.receivedAt = input.now
    const isUnwritten = this.#unwritten.delete(current.record)
    if (!prolongs && !rises && !isUnwritten) return { type: 'unchanged' }
    const held: HeldRecord = {
      ...current,
      expiresAt: prolongs ? again.expiresAt : current.expiresAt,
      origin: rises ? input.origin : current.origin,
    }
    this.#held?.remove(current)
    this.#held?.add(held)
    return { type: 'stored', write: [encodeStoredRecord(held)], evicted: [] }
  }

  /** Why a value must not take the place of the current one; `undefined`: it may. */
  #conflict(current: HeldRecord, input: PutInput, verdict: ValidVerdict): string | undefined {
    const { record, ifVersion } = input
    if (ifVersion !== undefined && ifVersion !== current.version) {
      return `version ${ifVersion} was expected, version ${current.version} is held`
    }
    const difference =
      verdict.version - current.version ||
      this.#validators.select(record.key, record.value, current.record.value)
    if (difference > 0) return undefined
    if (difference === 0) {
      // Neither is better. A copy says how much life it has left, so that an older put never takes a later one's place.
      const { expiresAt } = this.#heldFrom(input, verdict, current)
      if (expiresAt >= current.expiresAt) return undefined
      return 'another value is held that was put later'
    }
    if (verdict.version < current.version) {
      return `version ${verdict.version} is older than version ${current.version}, which is held`
    }
    return `another value of version ${current.version} is held and wins`
  }

  #heldFrom(
    { record, target, origin, now }: PutInput,
    verdict: ValidVerdict,
    current: HeldRecord | undefined,
  ): HeldRecord {
    const { version, writer, deleted } = verdict
    const lifetimeMs = Math.min(
      record.ttlMs ?? Number.POSITIVE_INFINITY,
      this.#options.recordLifetimeMs,
    )
    const granted = now + lifetimeMs
    const outlived = deleted ? (current?.expiresAt ?? 0) : 0
    const expiresAt = Math.min(
      Math.max(granted, outlived),
      verdict.expiresAt ?? Number.POSITIVE_INFINITY,
    )
    // A newer value from elsewhere ends our ownership, but not our duty as a holder.
    const held =
      current === undefined ? 'cached' : current.origin === 'owner' ? 'replica' : current.origin
    return {
      record: { key: owned(record.key), value: owned(record.value) },
      target,
      ...placeOf(target, this.#self),
      origin: RANK[held] > RANK[origin] ? held : origin,
      receivedAt: now,
      expiresAt,
      version,
      writer,
      deleted,
    }
  }

  /** Makes room and adds the record; the one of the same key, if there is one, goes. */
  #admit(held: HeldRecord): StorePutResult {
    const records = this.#held ?? new HeldRecords(this.#self)
    const previous = records.get(held.record.key)
    const growth =
      recordBytes(held.record) - (previous === undefined ? 0 : recordBytes(previous.record))
    const share = this.#shareFault(records, held, previous)
    if (share !== undefined) return refused('full', share)
    const evicted = this.#planEviction(records, held, growth, previous)
    if (evicted === undefined) return refused('full', this.#fullReason(records))
    this.#held = records
    for (const victim of evicted) records.remove(victim)
    if (previous !== undefined) records.remove(previous)
    records.add(held)
    this.#onValue?.(held)
    const write = evicted.map(({ record }) => deleteStoredRecord(record.key))
    write.push(encodeStoredRecord(held))
    return { type: 'stored', write, evicted }
  }

  /** Which records to evict for one that arrives: none if there is room; `undefined` if no room can be made. */
  #planEviction(
    records: HeldRecords,
    held: HeldRecord,
    growth: number,
    previous: HeldRecord | undefined,
  ): HeldRecord[] | undefined {
    const { storeBytesMax, storeRecordsMax } = this.#options
    let bytes = records.bytes + growth - storeBytesMax
    let count = records.size + (previous === undefined ? 1 : 0) - storeRecordsMax
    const evicted: HeldRecord[] = []
    for (const origin of ['cached', 'replica'] as const) {
      if (RANK[origin] > RANK[held.origin]) break
      for (const victim of bytes > 0 || count > 0 ? records.farthest(origin) : []) {
        if (origin === held.origin && !this.#isFarther(victim, held)) break
        if (victim === previous) continue
        evicted.push(victim)
        bytes -= recordBytes(victim.record)
        count -= 1
        if (bytes <= 0 && count <= 0) break
      }
    }
    return bytes > 0 || count > 0 ? undefined : evicted
  }

  #isFarther(a: HeldRecord, b: HeldRecord): boolean {
    return compareDistance(this.#self, a.target, b.target) > 0
  }

  /** Why a writer may not take more; a record that takes no more than the one it replaces is always welcome. */
  #shareFault(
    records: HeldRecords,
    held: HeldRecord,
    previous: HeldRecord | undefined,
  ): string | undefined {
    const { writer } = held
    if (writer === undefined || held.origin === 'owner') return undefined
    const { storeBytesMax, storeRecordsMax, storeWriterSharePercent: percent } = this.#options
    const own = previous?.writer === writer ? previous : undefined
    const moreBytes = recordBytes(held.record) - (own === undefined ? 0 : recordBytes(own.record))
    const moreRecords = own === undefined ? 1 : 0
    if (moreBytes <= 0 && moreRecords === 0) return undefined
    const usage = records.usage(writer)
    const bytesMax = Math.floor((storeBytesMax * percent) / 100)
    const recordsMax = Math.max(1, Math.floor((storeRecordsMax * percent) / 100))
    if (usage.bytes + moreBytes <= bytesMax && usage.records + moreRecords <= recordsMax) {
      return undefined
    }
    return `the writer ${writer} has used up his share of this store: ${percent} % of ${storeBytesMax} bytes and ${storeRecordsMax} records`
  }

  #fullReason(records: HeldRecords): string {
    const { storeBytesMax, storeRecordsMax } = this.#options
    return `the store is full with nearer records: ${records.bytes} of ${storeBytesMax} bytes, ${records.size} of ${storeRecordsMax} records`
  }

  #sizeFault({ key, value }: ValueRecord): string | undefined {
    // What is signed comes with its envelope; what is not is bare.
    const overhead = this.#validators.for(key)?.immutable === true ? 0 : ENVELOPE_OVERHEAD_BYTES_MAX
    const limit = this.#options.valueBytesMax + overhead
    return value.length > limit
      ? `the value has ${value.length} bytes, the limit is ${limit}`
      : undefined
  }
}

function refused(code: RefusalCode, reason: string, heldVersion?: number): StorePutResult {
  return { type: 'refused', code, reason, ...(heldVersion !== undefined && { heldVersion }) }
}
