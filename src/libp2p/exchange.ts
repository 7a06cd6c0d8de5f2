import type { Contact } from '../core/contact.ts'
import type { RpcFailure, RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Clock, Instant } from '../core/ports.ts'

/** See `Network.send`. */
type Settle = (outcome: RpcOutcome, rttMs?: number) => void

/** One request's life, from `send` to its one outcome. */
export class Exchange {
  readonly to: Contact
  readonly request: RpcRequest
  readonly deadline: Instant
  /** Whether it has been sent again after its stream broke: once is all it gets. */
  isRetried = false
  /** When it was last sent. */
  sentAt: Instant = 0
  /** When the stream was open that was opened for it; `undefined`: there was one. */
  openedAt: Instant | undefined
  #settle: Settle | undefined
  readonly #cancelAlarm: Cancel

  constructor(init: {
    readonly to: Contact
    readonly request: RpcRequest
    readonly deadline: Instant
    readonly clock: Clock
    readonly settle: Settle
  }) {
    this.to = init.to
    this.request = init.request
    this.deadline = init.deadline
    this.#settle = init.settle
    this.#cancelAlarm = init.clock.setAlarm(init.deadline, () => this.fail({ type: 'timeout' }))
  }

  /** Whether its outcome is still awaited. A place in a queue outlives that: answers come in order. */
  get isOpen(): boolean {
    return this.#settle !== undefined
  }

  /** Reports the outcome; only the first one counts. */
  settle(outcome: RpcOutcome, rttMs?: number): void {
    const settle = this.#settle
    if (settle === undefined) return
    this.#settle = undefined
    this.#cancelAlarm()
    settle(outcome, rttMs)
  }

  fail(failure: RpcFailure): void {
    this.settle({ ok: false, failure })
  }

  /** Nobody wants the outcome any more. */
  cancel(): void {
    this.#settle = undefined
    this.#cancelAlarm()
  }
}
