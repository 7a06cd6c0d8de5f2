import type { Contact } from '../core/contact.ts'
import type { HeldRecord } from '../core/held-records.ts'
import { RECORD_KEY_BYTES_MAX, WATCH_REPLICAS } from '../core/limits.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Ports } from '../core/ports.ts'
import type { RecordStore } from '../core/record-store.ts'
import type { RoutingTable } from '../core/routing-table.ts'
import {
  Subscriptions,
  type WatchAnswer,
  type WatchDelivery,
  type WatchTicket,
} from '../core/subscriptions.ts'

type WatchRequest = Extract<RpcRequest, { type: 'watch' }>

/** Takes the outcome of a request, once. */
export type Reply = (outcome: RpcOutcome) => void

/** A request that waits, with what its answer needs. */
interface Waiting {
  readonly from: Contact
  readonly request: WatchRequest
  readonly reply: Reply
}

/** Answers the watchers of keys that this peer holds: at once where there is news, else when some comes. */
export class WatchAnswers {
  readonly #ports: Ports
  readonly #records: RecordStore
  readonly #table: RoutingTable
  readonly #subscriptions: Subscriptions
  readonly #waiting = new Map<WatchTicket, Waiting>()
  #cancelSweep: Cancel | undefined

  constructor(init: { ports: Ports; records: RecordStore; table: RoutingTable }) {
    this.#ports = init.ports
    this.#records = init.records
    this.#table = init.table
    this.#subscriptions = new Subscriptions(init.ports.random)
  }

  /** Watchers that this peer tells of news: pairs of peer and key. */
  get size(): number {
    return this.#subscriptions.size
  }

  /** `reply` is called once, perhaps much later; never after `signal`, which ends the subscription. */
  answer(from: Contact, request: WatchRequest, reply: Reply, signal?: AbortSignal): void {
    const { key, target, cursor, waitMs } = request
    const { clock } = this.#ports
    if (key.length > RECORD_KEY_BYTES_MAX) {
      reply(refused(`a key of 1 to ${RECORD_KEY_BYTES_MAX} bytes is needed`))
      return
    }
    const current = this.#records.get(key, clock.wallClock())?.record
    const now = clock.now()
    const result = this.#subscriptions.poll({
      watcher: from.id,
      target,
      cursor,
      waitMs,
      current,
      now,
    })
    this.#armSweep()
    const refusal = result.type === 'refused' ? result.reason : undefined
    this.#ports.observer?.observe({
      type: 'request-received',
      at: now,
      from,
      request: 'watch',
      refusal,
    })
    if (result.type === 'refused') {
      reply(refused(result.reason))
      return
    }
    if (result.type === 'answer') {
      reply(this.#outcome(from, request, result.answer))
      return
    }
    const { ticket } = result
    this.#waiting.set(ticket, { from, request, reply })
    const onGone = (): void => {
      if (this.#waiting.delete(ticket)) this.#subscriptions.cancel(ticket)
    }
    signal?.addEventListener('abort', onGone, { once: true })
  }

  /** A value has taken its place in the store. */
  landed({ target, record }: HeldRecord): void {
    this.#deliver(this.#subscriptions.landed(target, record))
  }

  /** Ends all subscriptions; watchers turn to other holders. */
  close(reason: string): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    for (const ticket of this.#subscriptions.clear()) this.#take(ticket)?.reply(refused(reason))
  }

  #armSweep(): void {
    if (this.#cancelSweep !== undefined) return
    const { clock } = this.#ports
    const at = this.#subscriptions.nextSweepAt(clock.now())
    if (!Number.isFinite(at)) return
    this.#cancelSweep = clock.setAlarm(at, () => {
      this.#cancelSweep = undefined
      this.#deliver(this.#subscriptions.sweep(clock.now()))
      this.#armSweep()
    })
  }

  #deliver(deliveries: readonly WatchDelivery[]): void {
    for (const { ticket, answer } of deliveries) {
      const waiting = this.#take(ticket)
      waiting?.reply(this.#outcome(waiting.from, waiting.request, answer))
    }
  }

  #take(ticket: WatchTicket): Waiting | undefined {
    const waiting = this.#waiting.get(ticket)
    this.#waiting.delete(ticket)
    return waiting
  }

  /** With news come no contacts: they are told by renewals, which are as frequent as they need be. */
  #outcome(from: Contact, { target }: WatchRequest, answer: WatchAnswer): RpcOutcome {
    const hasNews = answer.records.length > 0
    const closer = hasNews ? [] : this.#table.closest(target, 2 * WATCH_REPLICAS, from)
    return { ok: true, response: { type: 'watch', ...answer, closer } }
  }
}

function refused(reason: string): RpcOutcome {
  return { ok: false, failure: { type: 'refused', reason } }
}
