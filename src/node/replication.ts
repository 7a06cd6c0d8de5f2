import type { Contact } from '../core/contact.ts'
import { compareKeys, type Key, keyFromDigest } from '../core/key.ts'
import { REPLICATE_RECORDS_MAX } from '../core/limits.ts'
import type { RpcRequest } from '../core/message.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Ports, StorageWrite, UnixMs } from '../core/ports.ts'
import { PUBLICATIONS_PREFIX, type Publication, Publications } from '../core/publications.ts'
import type { RecordStore } from '../core/record-store.ts'
import {
  type Region,
  type RegionItem,
  type RegionResult,
  ReplicateRegion,
} from '../core/replicate-region.ts'
import type { Lookups } from './lookups.ts'
import type { Duty } from './maintenance.ts'
import type { OperationRunner } from './operation-runner.ts'
import { remainingLifeMs } from './server.ts'
import { isInRegion, SweepDuty } from './sweep-duty.ts'

/** What keeping values alive needs of its peer. */
export interface ReplicationInit {
  readonly self: () => Contact
  readonly isServer: () => boolean
  readonly options: NodeOptions
  readonly ports: Ports
  readonly records: RecordStore
  readonly runner: OperationRunner
  readonly lookups: Lookups
}

const CURSOR_KEYS = {
  replicate: new TextEncoder().encode('m/replicate'),
  republish: new TextEncoder().encode('m/republish'),
}

/** A publication is not repeated when it was made within this part of the interval: a put between two sweeps. */
const RECENT = 0.5

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
      intervalMs: init.options.replicateIntervalMs,
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
      intervalMs: init.options.republishIntervalMs,
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
    const dropped = this.publications.load(await storage.load(PUBLICATIONS_PREFIX), (key) =>
      keyFromDigest(hash(key)),
    )
    this.#write(dropped)
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

  /** Whether a held record is due: a replica that nobody has stored here within the interval. */
  #isDue({ origin, receivedAt, expiresAt }: Held, now: UnixMs): boolean {
    if (origin === 'cached' || expiresAt <= now) return false
    return receivedAt + this.#init.options.replicateIntervalMs <= now
  }

  #firstHeldDue(from: Key | undefined): Key | undefined {
    const now = this.#init.ports.clock.wallClock()
    for (const held of this.#init.records.range(from)) {
      if (this.#isDue(held, now)) return held.target
    }
    return undefined
  }

  async #replicateRegion(first: Key): Promise<Region | undefined> {
    const { ports, records, options } = this.#init
    const now = ports.clock.wallClock()
    const take = (region: Region): RegionItem[] => {
      const items: RegionItem[] = []
      for (const held of records.range(first)) {
        if (!isInRegion(held.target, region) || items.length >= REPLICATE_RECORDS_MAX) break
        if (!this.#isDue(held, now)) continue
        // The life that is left travels along: replication prolongs nothing.
        const ttlMs = remainingLifeMs(held.expiresAt, now)
        const record = { ...held.record, ttlMs }
        const { target } = held
        items.push({ target, request: { type: 'put-value', key: record.key, target, record } })
      }
      return items
    }
    const result = await this.#run(first, take, true)
    if (result === undefined) return undefined
    for (const { item, acknowledged, wanted, selfIsNear } of result.items) {
      // Whoever is no longer one of the k closest, and has seen k others take the value over, is done with it.
      const isDone = !selfIsNear && wanted >= options.k && acknowledged >= wanted
      if (isDone && 'key' in item.request) this.#release(item.request.key)
    }
    return covered(result, first)
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
    for (const publication of this.publications.range(from)) {
      if (this.#isPublicationDue(publication, now)) return publication.target
    }
    return undefined
  }

  #isPublicationDue({ publishedAt, endsAt }: Publication, now: UnixMs): boolean {
    if (endsAt !== undefined && endsAt <= now) return false
    return publishedAt + this.#init.options.republishIntervalMs * RECENT <= now
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
    const result = await this.#run(first, take, this.#init.isServer())
    if (result === undefined) return undefined
    this.#write(
      taken.map((publication) => this.publications.set({ ...publication, publishedAt: now })),
    )
    return covered(result, first)
  }

  /** What publishes it again; `undefined` and forgotten, if this peer no longer holds it. */
  #requestOf({ kind, key, target, endsAt }: Publication, now: UnixMs): RpcRequest | undefined {
    const { records, options, self } = this.#init
    if (kind === 'provider') return { type: 'add-provider', key, target, providers: [self()] }
    const held = records.get(key, now)
    if (held === undefined || held.origin !== 'owner') {
      this.#write(this.publications.remove(kind, key))
      return undefined
    }
    const ttlMs = Math.min(options.recordLifetimeMs, endsAt === undefined ? Infinity : endsAt - now)
    const record = { ...held.record, ttlMs }
    const result = records.put({ record, target, origin: 'owner', now }) // the own copy lives on as well
    if (result.type === 'stored') this.#write(result.write)
    return { type: 'put-value', key, target, record }
  }

  /** One run over a region; `undefined` if nobody was reached, or the peer is stopping. */
  async #run(
    first: Key,
    take: (region: Region) => RegionItem[],
    selfHolds: boolean,
  ): Promise<RegionResult | undefined> {
    const { options, runner, lookups } = this.#init
    // Any preimage will do for the answer of others, so the record's own key is sent: it hashes to the point wanted.
    const key = this.#preimageAt(first)
    if (key === undefined) return undefined
    const request = { type: 'find-node', key, target: first } as const
    const operation = new ReplicateRegion({
      lookup: lookups.prepare(request, { count: 2 * options.k }),
      holders: options.k,
      selfHolds,
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

  #write(batch: readonly StorageWrite[]): void {
    const { storage, observer, clock } = this.#init.ports
    if (batch.length === 0) return
    storage.write(batch, (error) => {
      if (error !== undefined) observer?.observe({ type: 'storage-failed', at: clock.now(), error })
    })
  }
}

type Held = NonNullable<ReturnType<RecordStore['get']>>

/** What a run has dealt with: its region, or one point only if there was more in it than one run takes. */
function covered(result: RegionResult, first: Key): Region {
  const last = result.items.at(-1)?.item.target
  if (result.items.length < REPLICATE_RECORDS_MAX || last === undefined) return result.region
  return { key: compareKeys(last, first) > 0 ? last : first, bits: first.length * 8 }
}

function cursorWrite(key: Uint8Array, cursor: Key | undefined): StorageWrite {
  return { key, value: cursor }
}
