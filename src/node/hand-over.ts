import type { Contact } from '../core/contact.ts'
import { commonPrefixLength, compareDistance, type Key } from '../core/key.ts'
import type { RequestTiming } from '../core/lookup-init.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Instant, Ports, UnixMs } from '../core/ports.ts'
import { type Push, PushItems } from '../core/push-items.ts'
import type { RecordStore } from '../core/record-store.ts'
import type { RoutingTable } from '../core/routing-table.ts'
import type { Duty } from './maintenance.ts'
import type { OperationRunner } from './operation-runner.ts'
import { remainingLifeMs } from './server.ts'

/** How long newcomers are gathered before records are handed to them: one that joins brings others to light. ms. */
const GATHER_MS = 1_000

/** Newcomers gathered at once; replication serves those beyond. */
const NEWCOMERS_MAX = 256

/** Newcomers remembered, so that none is served twice within an interval of replication. */
const SERVED_MAX = 1_024

/** Records handed over in one go; replication serves the rest. Bounds the memory of a run. */
const PUSHES_MAX = 20_000

/** Longest time that a newcomer's records may take. ms. */
const HAND_OVER_MS = 60_000

type Held = NonNullable<ReturnType<RecordStore['get']>>

/** What handing over needs of its peer. */
export interface HandOverInit {
  readonly self: () => Contact
  readonly isServer: () => boolean
  readonly options: NodeOptions
  readonly ports: Ports
  readonly table: RoutingTable
  readonly records: RecordStore
  readonly runner: OperationRunner
  readonly timing: RequestTiming
}

/**
 * Hands records to newcomers. One that is now among the k closest of a key gets its record from one peer only: the one
 * closest to the key of those that were there before (Kademlia, section 2.5: a node transfers a pair only if its own id is
 * closer to the key than the ids of the other nodes). Whom a peer meets while it joins was there before it, and is no
 * newcomer: else who starts again would send all that it holds to all who hold it.
 */
export class HandOver implements Duty {
  readonly name = 'hand-over'
  readonly #init: HandOverInit
  /** At most `NEWCOMERS_MAX`. */
  readonly #newcomers: Contact[] = []
  /** When newcomers were handed something, by their ids, in order; at most `SERVED_MAX`. */
  readonly #served = new Map<string, Instant>()
  #dueAt: Instant = Number.POSITIVE_INFINITY
  /** Whether this peer is the one that comes, and not those it meets. */
  #isComing = false

  constructor(init: HandOverInit) {
    this.#init = init
  }

  /** This peer is about to join a network that others make up. */
  comes(): void {
    this.#isComing = true
  }

  /** It has joined, or tried to. */
  hasCome(): void {
    this.#isComing = false
  }

  /** A contact has entered the table. */
  joined(contact: Contact): void {
    const { records, isServer, ports, options } = this.#init
    if (this.#isComing || options.replicateIntervalMs === 0) return
    if (records.size === 0 || !isServer() || this.#newcomers.length >= NEWCOMERS_MAX) return
    if (this.#wasServed(contact, ports.clock.now())) return
    if (this.#newcomers.length === 0) this.#dueAt = ports.clock.now() + GATHER_MS
    this.#newcomers.push(contact)
  }

  nextDueAt(_now: Instant): Instant {
    return this.#dueAt
  }

  async run(now: Instant): Promise<void> {
    this.#dueAt = Number.POSITIVE_INFINITY
    // By their ids: the table may have replaced the contact meanwhile, for one with the peer's own word on its addresses.
    const newcomers = new Set(this.#newcomers.splice(0).map(({ id }) => id))
    const pushes = this.#pushesFor(newcomers)
    if (pushes.length === 0) return
    for (const { to } of pushes) this.#serve(to, now)
    const { runner, timing } = this.#init
    const operation = new PushItems({ pushes, timing, deadline: now + HAND_OVER_MS })
    await runner.runUpkeep('replicate', undefined, operation)
  }

  /** Who comes and goes all the time must not be sent everything each time: replication serves him as all others. */
  #wasServed({ id }: Contact, now: Instant): boolean {
    const at = this.#served.get(id)
    return at !== undefined && now - at < this.#init.options.replicateIntervalMs
  }

  #serve({ id }: Contact, now: Instant): void {
    this.#served.delete(id)
    this.#served.set(id, now)
    const [oldest] = this.#served.keys()
    if (this.#served.size > SERVED_MAX && oldest !== undefined) this.#served.delete(oldest)
  }

  /** What these newcomers get from us: the records to which we were the closest of all others that we know. */
  #pushesFor(newcomers: ReadonlySet<string>): Push[] {
    const { records, table, options, ports } = this.#init
    const self = this.#init.self().key
    const now = ports.clock.wallClock()
    const pushes: Push[] = []
    const prefixLength = this.#ownRange(newcomers)
    for (const held of records.range(prefixStart(self, prefixLength))) {
      if (commonPrefixLength(held.target, self) < prefixLength || pushes.length >= PUSHES_MAX) break
      if (held.origin === 'cached' || held.expiresAt <= now) continue
      const closest = table.closest(held.target, options.k)
      const nearest = closest.find(({ id }) => !newcomers.has(id))
      const isOurs = nearest === undefined || compareDistance(held.target, self, nearest.key) < 0
      if (!isOurs) continue
      for (const to of closest) if (newcomers.has(to.id)) pushes.push(pushOf(to, held, now))
    }
    return pushes
  }

  /**
   * The prefix that a key shares with ours at least if nobody else we know is nearer to it. Beyond the first empty bucket
   * or that of the nearest neighbour, someone in the key's own bucket is.
   */
  #ownRange(newcomers: ReadonlySet<string>): number {
    let expected = 0
    for (const { prefixLength, contacts } of this.#init.table.groups()) {
      if (prefixLength > expected) break
      if (contacts.every(({ id }) => newcomers.has(id))) break
      expected = prefixLength + 1
    }
    return expected
  }
}

function pushOf(to: Contact, { record, target, expiresAt }: Held, now: UnixMs): Push {
  const ttlMs = remainingLifeMs(expiresAt, now)
  const request = {
    type: 'put-value',
    key: record.key,
    target,
    record: { ...record, ttlMs },
  } as const
  return { to, request }
}

/** The first point of the keyspace that shares `prefixLength` bits with `key`. */
function prefixStart(key: Key, prefixLength: number): Key {
  const start = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) {
    const bits = Math.min(8, Math.max(0, prefixLength - i * 8))
    start[i] = (key[i] as number) & (0xff << (8 - bits)) // i < length
  }
  return start
}
