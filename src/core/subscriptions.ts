import { assert } from './assert.ts'
import { type Key, toHex } from './key.ts'
import {
  SUBSCRIPTIONS_MAX,
  SUBSCRIPTIONS_PER_KEY_MAX,
  SUBSCRIPTIONS_PER_PEER_MAX,
  WATCH_ANSWER_BYTES_MAX,
  WATCH_BACKLOG_BYTES_MAX,
  WATCH_BACKLOG_MAX,
  WATCH_LEASE_MS,
  WATCH_REQUESTS_MAX,
  WATCH_SWEEP_MS,
  WATCH_WAIT_MS,
} from './limits.ts'
import type { RpcResponse, WatchCursor } from './message.ts'
import type { Instant, Random } from './ports.ts'
import type { ValueRecord } from './record.ts'

/** What a watcher is told; the node adds the contacts. */
export type WatchAnswer = Omit<Extract<RpcResponse, { type: 'watch' }>, 'type' | 'closer'>

/** A request of a watcher. */
export interface WatchPoll {
  /** The peer id of who asks. */
  readonly watcher: string
  readonly target: Key
  readonly cursor: WatchCursor | undefined
  readonly waitMs: number
  /** The value held now, for a watcher who is new here. */
  readonly current: ValueRecord | undefined
  readonly now: Instant
}

/** A request that waits for the next value. */
export interface WatchTicket {
  readonly watcher: string
  readonly cursor: WatchCursor
  readonly endsAt: Instant
}

/** An answer to a request that has waited. */
export interface WatchDelivery {
  readonly ticket: WatchTicket
  readonly answer: WatchAnswer
}

/** What becomes of a request: an answer now, or later by its ticket, or none. */
export type WatchPollResult =
  | { readonly type: 'answer'; readonly answer: WatchAnswer }
  | { readonly type: 'wait'; readonly ticket: WatchTicket }
  | { readonly type: 'refused'; readonly reason: string }

/** Bounds; the defaults are those of limits.ts. */
export interface SubscriptionLimits {
  readonly total: number
  readonly perKey: number
  readonly perPeer: number
  readonly backlogBytes: number
}

const LIMITS: SubscriptionLimits = {
  total: SUBSCRIPTIONS_MAX,
  perKey: SUBSCRIPTIONS_PER_KEY_MAX,
  perPeer: SUBSCRIPTIONS_PER_PEER_MAX,
  backlogBytes: WATCH_BACKLOG_BYTES_MAX,
}

/** One watcher of one key; he has a request or a few under way: at most `WATCH_REQUESTS_MAX`. */
interface Subscription {
  readonly tickets: Set<WatchTicket>
  leaseEndsAt: Instant
}

/** A key with at least one subscription. */
interface WatchedKey {
  readonly text: string
  readonly epoch: number
  /** Values that have landed since the epoch began. */
  serial: number
  /** The last of them: the newest has `serial`. At most `WATCH_BACKLOG_MAX`. */
  readonly backlog: ValueRecord[]
  readonly subscriptions: Map<string, Subscription>
}

/**
 * Who watches which of the keys that this peer holds, or may come to hold.
 *
 * A watcher asks for what comes after a cursor. If there is something, he has the answer at once; else the request waits
 * until a value lands, or its time is over. Between two of his requests the last few values are kept for him, so that he
 * misses none while they come no faster than he can ask; what had to be dropped is counted in the next answer. The lease
 * runs from the last request: who stops asking is forgotten. (ZooKeeper's watches go off once and tell no count; a client
 * cannot know what it missed. The cursor is what etcd's watchers have in the revision.)
 *
 * Every bound is on (watcher, key) pairs; a watcher within his lease is never thrown out for another.
 */
export class Subscriptions {
  readonly #random: Random
  readonly #limits: SubscriptionLimits
  readonly #keys = new Map<string, WatchedKey>()
  readonly #countByPeer = new Map<string, number>()
  readonly #keyOf = new Map<WatchTicket, WatchedKey>()
  #count = 0
  #backlogBytes = 0

  constructor(random: Random, limits: Partial<SubscriptionLimits> = {}) {
    this.#random = random
    this.#limits = { ...LIMITS, ...limits }
  }

  /** Pairs of watcher and key. */
  get size(): number {
    return this.#count
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#keyOf.size
  }

  poll(given: WatchPoll): WatchPollResult {
    const { watcher, target, cursor, current, now } = given
    const text = toHex(target)
    const known = this.#keys.get(text)
    const refusal = this.#refusal(watcher, known)
    if (refusal !== undefined) return { type: 'refused', reason: refusal }
    const key = known ?? this.#addKey(text)
    const subscription = key.subscriptions.get(watcher) ?? this.#subscribe(key, watcher)
    subscription.leaseEndsAt = now + WATCH_LEASE_MS
    if (cursor === undefined || cursor.epoch !== key.epoch || cursor.serial > key.serial) {
      return { type: 'answer', answer: { ...introduction(key, current), missed: 0 } }
    }
    if (cursor.serial < key.serial) return { type: 'answer', answer: answerAfter(key, cursor) }
    const waitMs = Math.min(Math.max(0, given.waitMs), WATCH_WAIT_MS)
    const ticket: WatchTicket = { watcher, cursor, endsAt: now + waitMs }
    if (subscription.tickets.size >= WATCH_REQUESTS_MAX) {
      return {
        type: 'refused',
        reason: `${WATCH_REQUESTS_MAX} requests of yours wait for this key`,
      }
    }
    subscription.tickets.add(ticket)
    this.#keyOf.set(ticket, key)
    return { type: 'wait', ticket }
  }

  /** A value has taken its place in the store. Returns the answers that it completes. */
  landed(target: Key, record: ValueRecord): WatchDelivery[] {
    const key = this.#keys.get(toHex(target))
    if (key === undefined) return []
    key.serial += 1
    this.#remember(key, record)
    const cursor = cursorOf(key)
    const deliveries: WatchDelivery[] = []
    for (const ticket of this.#takeTickets(key)) {
      // Who waits had all that came before.
      deliveries.push({ ticket, answer: { cursor, records: [record], missed: 0 } })
    }
    return deliveries
  }

  /** The watcher no longer waits for this answer: he is gone, or has lost interest. */
  cancel(ticket: WatchTicket): void {
    const key = this.#keyOf.get(ticket)
    const subscription = key?.subscriptions.get(ticket.watcher)
    if (key === undefined || subscription === undefined) return
    this.#keyOf.delete(ticket)
    subscription.tickets.delete(ticket)
    if (subscription.tickets.size === 0) this.#unsubscribe(key, ticket.watcher)
  }

  /** Ends waits and leases that are over; returns the answers to the waits: that nothing has happened. */
  sweep(now: Instant): WatchDelivery[] {
    const deliveries: WatchDelivery[] = []
    for (const key of this.#keys.values()) {
      for (const [watcher, subscription] of key.subscriptions) {
        for (const ticket of subscription.tickets) {
          if (ticket.endsAt > now) continue
          subscription.tickets.delete(ticket)
          this.#keyOf.delete(ticket)
          deliveries.push({ ticket, answer: { cursor: cursorOf(key), records: [], missed: 0 } })
        }
        if (subscription.leaseEndsAt <= now && subscription.tickets.size === 0) {
          this.#unsubscribe(key, watcher)
        }
      }
    }
    return deliveries
  }

  /** When to sweep next; `Infinity` while nobody watches anything. */
  nextSweepAt(now: Instant): Instant {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : now + WATCH_SWEEP_MS
  }

  /** Forgets everyone; returns the tickets of those who wait. */
  clear(): WatchTicket[] {
    const tickets = [...this.#keyOf.keys()]
    this.#keys.clear()
    this.#keyOf.clear()
    this.#countByPeer.clear()
    this.#count = 0
    this.#backlogBytes = 0
    return tickets
  }

  #refusal(watcher: string, known: WatchedKey | undefined): string | undefined {
    if (known?.subscriptions.has(watcher) === true) return undefined
    const { total, perKey, perPeer } = this.#limits
    if (this.#count >= total) return `busy: ${total} subscriptions stand at this peer`
    if ((known?.subscriptions.size ?? 0) >= perKey) {
      return `busy: ${perKey} subscriptions to this key stand at this peer`
    }
    if ((this.#countByPeer.get(watcher) ?? 0) >= perPeer) {
      return `busy: ${perPeer} subscriptions of yours stand at this peer`
    }
    return undefined
  }

  #addKey(text: string): WatchedKey {
    const epoch = this.#random.below(2 ** 32)
    const key: WatchedKey = { text, epoch, serial: 0, backlog: [], subscriptions: new Map() }
    this.#keys.set(text, key)
    return key
  }

  #subscribe(key: WatchedKey, watcher: string): Subscription {
    const subscription: Subscription = { tickets: new Set(), leaseEndsAt: 0 }
    key.subscriptions.set(watcher, subscription)
    this.#countByPeer.set(watcher, (this.#countByPeer.get(watcher) ?? 0) + 1)
    this.#count += 1
    return subscription
  }

  #unsubscribe(key: WatchedKey, watcher: string): void {
    key.subscriptions.delete(watcher)
    this.#count -= 1
    const left = (this.#countByPeer.get(watcher) ?? 0) - 1
    if (left > 0) this.#countByPeer.set(watcher, left)
    else this.#countByPeer.delete(watcher)
    if (key.subscriptions.size > 0) return
    this.#keys.delete(key.text)
    for (const record of key.backlog) this.#backlogBytes -= record.value.length
  }

  /** Keeps the value for those who are about to ask; the oldest of this key make room, not those of other keys. */
  #remember(key: WatchedKey, record: ValueRecord): void {
    key.backlog.push(record)
    this.#backlogBytes += record.value.length
    while (
      key.backlog.length > WATCH_BACKLOG_MAX ||
      (this.#backlogBytes > this.#limits.backlogBytes && key.backlog.length > 0)
    ) {
      const dropped = key.backlog.shift()
      this.#backlogBytes -= dropped?.value.length ?? 0
    }
    assert(this.#backlogBytes >= 0, `backlog of ${this.#backlogBytes} bytes`)
  }

  #takeTickets(key: WatchedKey): WatchTicket[] {
    const taken: WatchTicket[] = []
    for (const { tickets } of key.subscriptions.values()) {
      taken.push(...tickets)
      tickets.clear()
    }
    for (const ticket of taken) this.#keyOf.delete(ticket)
    return taken
  }
}

function cursorOf({ epoch, serial }: WatchedKey): WatchCursor {
  return { epoch, serial }
}

/** What one who is new here is told: the present value, and where the count stands. */
function introduction(
  key: WatchedKey,
  current: ValueRecord | undefined,
): Omit<WatchAnswer, 'missed'> {
  return { cursor: cursorOf(key), records: current === undefined ? [] : [current] }
}

/** The values after a cursor, as many as an answer takes; the rest by the next request. */
function answerAfter(key: WatchedKey, { serial }: WatchCursor): WatchAnswer {
  const { backlog, epoch } = key
  const oldest = key.serial - backlog.length + 1
  const first = Math.max(serial + 1, oldest)
  const records: ValueRecord[] = []
  let bytes = 0
  for (const record of backlog.slice(first - oldest)) {
    bytes += record.value.length
    if (records.length > 0 && bytes > WATCH_ANSWER_BYTES_MAX) break
    records.push(record)
  }
  return {
    cursor: { epoch, serial: first - 1 + records.length },
    records,
    missed: first - serial - 1,
  }
}
