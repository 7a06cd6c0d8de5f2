import type { Contact } from '../core/contact.ts'
import { compareKeys, type Key, keyFromDigest } from '../core/key.ts'
import { REPLICATE_RECORDS_MAX } from '../core/limits.ts'
import type { RpcRequest } from '../core/message.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Instant, Ports, StorageWrite, UnixMs } from '../core/ports.ts'
import type { ProviderStore } from '../core/provider-store.ts'
import { PUBLICATIONS_PREFIX, type Publication, Publications } from '../core/publications.ts'
import type { ValueRecord } from '../core/record.ts'
import type { RecordStore } from '../core/record-store.ts'
import {
  type Region,
  type RegionItem,
  type RegionResult,
  type ReplicatedItem,
  ReplicateRegion,
} from '../core/replicate-region.ts'
import type { Lookups } from './lookups.ts'
import type { Duty } from './maintenance.ts'
import type { OperationRunner } from './operation-runner.ts'
import { writeRecord } from './record-writes.ts'
import { remainingLifeMs } from './server.ts'
import { pagesOf } from './storage-pages.ts'
import { endOf, isInRegion, SweepDuty } from './sweep-duty.ts'

/** What keeping values alive needs of its peer. */
export interface ReplicationInit {
  readonly self: () => Contact
  readonly isServer: () => boolean
  readonly options: NodeOptions
  readonly ports: Ports
  readonly records: RecordStore
  readonly providers: ProviderStore
  readonly runner: OperationRunner
  readonly lookups: Lookups
  /** Brings the own copy of a key up to date, for others hold a newer one; never rejects. */
  readonly catchUp: (key: Uint8Array) => Promise<void>
}

const CURSOR_KEYS = {
  replicate: new TextEncoder().encode('m/replicate'),
  republish: new TextEncoder().encode('m/republish'),
}

/** Sweeps in an interval: how soon after a thing has fallen due it is found. Each looks only for what is due. */
const SWEEPS_PER_INTERVAL = 8

/** Keys that a region's run reads anew at once: callers' own operations come first. */
const CATCH_UPS_AT_ONCE = 8

/**
 * Keeps values alive while peers come and go: what this peer holds for others is stored again at the k closest every
 * hour, unless somebody else has done it within the hour; what it published itself, every 22 hours (Kademlia, section 2.5).
 */
export class Replication {
  readonly publications: Publications = new Publications()
  readonly duties: readonly Duty[]
  readonly #init: ReplicationInit
  readonly #replicate: SweepDuty
  readonly #republish: SweepDuty

  constructor(init: ReplicationInit) {
    this.#init = init
    const { random, clock } = init.ports
    this.#replicate = new SweepDuty({
      name: 'replicate',
      intervalMs: init.options.replicateIntervalMs / SWEEPS_PER_INTERVAL,
      random,
      clock,
      source: {
        size: () => (init.isServer() ? init.records.size : 0),
        firstDue: (from) => this.#firstHeldDue(from),
        run: (first) => this.#replicateRegion(first),
        saveCursor: (cursor) => this.#write([cursorWrite(CURSOR_KEYS.replicate, cursor)]),
      },
    })
    this.#republish = new SweepDuty({
      name: 'republish',
      intervalMs: init.options.republishIntervalMs / SWEEPS_PER_INTERVAL,
      random,
      clock,
      source: {
        size: () => this.publications.size,
        firstDue: (from) => this.#firstPublicationDue(from),
        run: (first) => this.#republishRegion(first),
        saveCursor: (cursor) => this.#write([cursorWrite(CURSOR_KEYS.republish, cursor)]),
      },
    })
    this.duties = [this.#replicate, this.#republish]
  }

  /** Reads what was published, and where the sweeps stood. */
  async load(): Promise<void> {
    const { storage, hash } = this.#init.ports
    for await (const page of pagesOf(storage, PUBLICATIONS_PREFIX)) {
      const dropped = this.publications.load(page, (key) => keyFromDigest(hash(key)))
      if (dropped.length > 0) this.#write(dropped)
    }
    this.#write(this.#forgetEnded())
    for (const [key, cursor] of await storage.load(new TextEncoder().encode('m/re'))) {
      if (compareKeys(key, CURSOR_KEYS.replicate) === 0) this.#replicate.resume(cursor)
      if (compareKeys(key, CURSOR_KEYS.republish) === 0) this.#republish.resume(cursor)
    }
  }

  /** Notes what was published just now; it is published again until `endsAt`. Returns the write that remembers it. */
  published(
    kind: Publication['kind'],
    key: Uint8Array,
    target: Key,
    endsAt?: UnixMs,
  ): StorageWrite {
    const publishedAt = this.#init.ports.clock.wallClock()
    return this.publications.set({ kind, key, target, publishedAt, endsAt })
  }

  /** Values published whose record ended while this peer was down. */
  #forgetEnded(): StorageWrite[] {
    const { records, ports } = this.#init
    const now = ports.clock.wallClock()
    const ended = [...this.publications.range()].filter(
      ({ kind, key }) => kind === 'value' && records.get(key, now)?.origin !== 'owner',
    )
    return ended.flatMap(({ kind, key }) => this.publications.remove(kind, key))
  }

  /** Whether a held record is due: a replica that nobody has stored here within the interval. */
  #isDue({ origin, receivedAt, expiresAt }: Held, now: UnixMs): boolean {
    if (origin === 'cached' || expiresAt <= now) return false
    return isOver(receivedAt, this.#init.options.replicateIntervalMs, now)
  }

  #firstHeldDue(from: Key | undefined): Key | undefined {
    const now = this.#init.ports.clock.wallClock()
    return firstOf(this.#init.records.range(from), (held) => this.#isDue(held, now))
  }

  async #replicateRegion(first: Key): Promise<Region | undefined> {
    const { records, options, ports } = this.#init
    const now = ports.clock.wallClock()
    const take = (region: Region): RegionItem[] =>
      this.#takeHeld(first, region, (held) => this.#isDue(held, now))
    const result = await this.#run(first, take, { selfHolds: true })
    if (result === undefined) return undefined
    for (const replicated of result.items) {
      const { request, target } = replicated.item
      if (request.type !== 'put-value' || records.get(request.key, now) === undefined) continue
      if (!replicated.isComplete) continue // due as before
      if (isTakenOver(replicated, options.k)) this.#release(request.key)
      else if (replicated.outdatedBy > 0)
        continue // see #catchUp
      else this.#put(request.record, target, 'replica', now) // as if it had arrived
    }
    await this.#catchUp(result)
    return covered(result, first)
  }

  /**
   * Gives each record to the peer that takes this one's place among the k closest, before it leaves; ends at the deadline.
   * Returns how many found one.
   */
  async leave(deadline: Instant): Promise<number> {
    const { ports, records, isServer } = this.#init
    const timeoutMs = (): number => deadline - ports.clock.now()
    let handedOver = 0
    let from: Key | undefined
    while (isServer() && timeoutMs() > 0) {
      const first: Key | undefined = firstOf(
        records.range(from),
        ({ origin }) => origin !== 'cached',
      )
      if (first === undefined) break
      const take = (region: Region): RegionItem[] => this.#takeHeld(first, region, () => true)
      const recipients = 'successor'
      const result = await this.#run(first, take, {
        selfHolds: true,
        recipients,
        timeoutMs: timeoutMs(),
      })
      if (result === undefined) break
      handedOver += result.items.filter(({ acknowledged }) => acknowledged > 0).length
      from = endOf(covered(result, first), first)
      if (from === undefined) break
    }
    return handedOver
  }

  /** The records of a region, from `first` on, with the life that is left to them: replication prolongs nothing. */
  #takeHeld(first: Key, region: Region, isWanted: (held: Held) => boolean): RegionItem[] {
    const { ports, records } = this.#init
    const now = ports.clock.wallClock()
    const items: RegionItem[] = []
    for (const held of records.range(first)) {
      if (!isInRegion(held.target, region) || items.length >= REPLICATE_RECORDS_MAX) break
      if (held.origin === 'cached' || held.expiresAt <= now || !isWanted(held)) continue
      const record = { ...held.record, ttlMs: remainingLifeMs(held.expiresAt, now) }
      const { target } = held
      items.push({ target, request: { type: 'put-value', key: record.key, target, record } })
    }
    return items
  }

  /**
   * Reads anew what others refused as outdated. An owner must learn of the newer value wherever he stands: he would publish
   * the old one again when theirs has ended, which for a tombstone would bring back what was deleted. And nobody gives up a
   * copy because one peer says that there is a newer one: it could be the last.
   */
  async #catchUp({ items }: RegionResult): Promise<void> {
    const outdated = items.filter(({ outdatedBy }) => outdatedBy > 0)
    const { records, ports, catchUp } = this.#init
    const keys = outdated.flatMap(({ item: { request } }) =>
      request.type === 'put-value' &&
      records.get(request.key, ports.clock.wallClock()) !== undefined
        ? [request.key]
        : [],
    )
    for (let i = 0; i < keys.length; i += CATCH_UPS_AT_ONCE) {
      await Promise.all(keys.slice(i, i + CATCH_UPS_AT_ONCE).map(catchUp))
    }
  }

  #release(key: Uint8Array): void {
    const { ports, records } = this.#init
    if (records.get(key, ports.clock.wallClock())?.origin !== 'replica') return
    this.#write(records.remove(key))
    const at = ports.clock.now()
    ports.observer?.observe({ type: 'record-removed', at, key, reason: 'released' })
  }

  #firstPublicationDue(from: Key | undefined): Key | undefined {
    const now = this.#init.ports.clock.wallClock()
    return firstOf(this.publications.range(from), (published) =>
      this.#isPublicationDue(published, now),
    )
  }

  #isPublicationDue({ publishedAt, endsAt }: Publication, now: UnixMs): boolean {
    if (endsAt !== undefined && endsAt <= now) return false
    // One sweep early, so that it is repeated once an interval at least.
    const { republishIntervalMs } = this.#init.options
    return isOver(publishedAt, republishIntervalMs * (1 - 1 / SWEEPS_PER_INTERVAL), now)
  }

  async #republishRegion(first: Key): Promise<Region | undefined> {
    const now = this.#init.ports.clock.wallClock()
    const taken: Publication[] = []
    const take = (region: Region): RegionItem[] => {
      const items: RegionItem[] = []
      for (const publication of this.publications.range(first)) {
        if (!isInRegion(publication.target, region)) break
        if (items.length >= REPLICATE_RECORDS_MAX) break
        if (!this.#isPublicationDue(publication, now)) continue
        const request = this.#requestOf(publication, now)
        if (request === undefined) continue
        taken.push(publication)
        items.push({ target: publication.target, request })
      }
      return items
    }
    const result = await this.#run(first, take, { selfHolds: this.#init.isServer() })
    if (result === undefined) return undefined
    // What was taken back or published anew meanwhile stands.
    const still = taken.filter(
      (one, i) =>
        result.items[i]?.isComplete === true && this.publications.get(one.kind, one.key) === one,
    )
    this.#write(
      still.map((publication) => this.publications.set({ ...publication, publishedAt: now })),
    )
    await this.#catchUp(result)
    return covered(result, first)
  }

  /** What publishes it again; `undefined` and forgotten, if this peer no longer holds it. */
  #requestOf({ kind, key, target, endsAt }: Publication, now: UnixMs): RpcRequest | undefined {
    const { records, providers, options, self, isServer } = this.#init
    if (kind === 'provider') {
      const admission = isServer() ? providers.add(key, target, self(), now) : undefined
      if (admission?.type === 'stored') this.#write(admission.write)
      return { type: 'add-provider', key, target, providers: [self()] }
    }
    const held = records.get(key, now)
    if (held === undefined || held.origin !== 'owner') {
      this.#write(this.publications.remove(kind, key))
      return undefined
    }
    const ttlMs = Math.min(options.recordLifetimeMs, endsAt === undefined ? Infinity : endsAt - now)
    const record = { ...held.record, ttlMs }
    this.#put(record, target, 'owner', now) // the own copy lives on as well
    return { type: 'put-value', key, target, record }
  }

  /** One run over a region; `undefined` if nobody was reached, or the peer is stopping. */
  async #run(
    first: Key,
    take: (region: Region) => RegionItem[],
    given: { selfHolds: boolean; recipients?: 'successor'; timeoutMs?: number },
  ): Promise<RegionResult | undefined> {
    const { options, runner, lookups } = this.#init
    // Any preimage will do for the answer of others, so the record's own key is sent: it hashes to the point wanted.
    const key = this.#preimageAt(first)
    if (key === undefined) return undefined
    const request = { type: 'find-node', key, target: first } as const
    const operation = new ReplicateRegion({
      lookup: lookups.prepare(request, { count: 2 * options.k, timeoutMs: given.timeoutMs }),
      holders: options.k,
      selfHolds: given.selfHolds,
      recipients: given.recipients ?? 'holders',
      take,
    })
    const result = await runner.runUpkeep('replicate', first, operation)
    return result?.reached === true ? result : undefined
  }

  #preimageAt(target: Key): Uint8Array | undefined {
    for (const { record, target: at } of this.#init.records.range(target)) {
      if (compareKeys(at, target) === 0) return record.key
      break
    }
    for (const { key, target: at } of this.publications.range(target)) {
      return compareKeys(at, target) === 0 ? key : undefined
    }
    return undefined
  }

  /** Takes a held record in once more. */
  #put(record: ValueRecord, target: Key, origin: 'owner' | 'replica', now: UnixMs): void {
    const result = this.#init.records.put({ record, target, origin, now })
    if (result.type === 'stored') writeRecord(this.#init, record, result.write, this.#onWritten)
  }

  #write(batch: readonly StorageWrite[]): void {
    if (batch.length > 0) this.#init.ports.storage.write(batch, this.#onWritten)
  }

  readonly #onWritten = (error: Error | undefined): void => {
    const { observer, clock } = this.#init.ports
    if (error !== undefined) observer?.observe({ type: 'storage-failed', at: clock.now(), error })
  }
}

type Held = NonNullable<ReturnType<RecordStore['get']>>

/**
 * Whoever is no longer one of the k closest, and has seen k others take the value over or say that they hold a newer one, is
 * done with it.
 */
function isTakenOver(
  { acknowledged, outdatedBy, wanted, selfIsNear }: ReplicatedItem,
  k: number,
): boolean {
  return !selfIsNear && wanted >= k && acknowledged + outdatedBy >= wanted
}

/** Whether an interval since a moment is over; one of the future is long past: the clock went back since. */
function isOver(since: UnixMs, intervalMs: number, now: UnixMs): boolean {
  return since + intervalMs <= now || since > now
}

/** The point of the first that is wanted. */
function firstOf<Item extends { target: Key }>(
  items: Iterable<Item>,
  isWanted: (item: Item) => boolean,
): Key | undefined {
  for (const item of items) if (isWanted(item)) return item.target
  return undefined
}

/**
 * What a run has dealt with: its region; or up to one point only, if there was more in it than one run takes, or than there was
 * time for. At least the first: a peer too slow for one must come to the others.
 */
function covered({ items, region }: RegionResult, first: Key): Region {
  const cut = items.findIndex(({ isComplete }) => !isComplete)
  const last = items[cut < 0 ? items.length - 1 : Math.max(0, cut - 1)]?.item.target
  if (last === undefined || (cut < 0 && items.length < REPLICATE_RECORDS_MAX)) return region
  return { key: compareKeys(last, first) > 0 ? last : first, bits: first.length * 8 }
}

function cursorWrite(key: Uint8Array, cursor: Key | undefined): StorageWrite {
  return { key, value: cursor }
}
