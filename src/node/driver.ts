import { assert } from '../core/assert.ts'
import type { Contact } from '../core/contact.ts'
import type { OperationKind } from '../core/events.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Operation } from '../core/operation.ts'
import type { Cancel, Instant, Ports } from '../core/ports.ts'

/** What a drive reports to the peer it works for. */
export interface DriveHooks {
  sent(to: Contact, request: RpcRequest, now: Instant): void
  /** Called before the operation hears of it. */
  settled(to: Contact, request: RpcRequest, outcome: RpcOutcome, times: RequestTimes): void
  /**
   * The operation is done while this request is under way: whether it is left so, for what its outcome tells of the peer. Who
   * says so may still `cancel` it.
   */
  leaves(to: Contact, cancel: Cancel): boolean
  /** The outcome of a request that was left under way. */
  settledAfterEnd(to: Contact, outcome: RpcOutcome, times: RequestTimes): void
}

/** When a request was sent and when it ended; see `Network.send` for the round trip. */
export interface RequestTimes {
  readonly sentAt: Instant
  readonly now: Instant
  readonly rttMs: number
}

/** How an operation ended. */
export type DriveEnd<Result> =
  | { readonly type: 'done'; readonly result: Result }
  | { readonly type: 'aborted'; readonly reason: unknown }

/**
 * Drives one operation: sends what it asks for, tells it what came back, and wakes it when it wants to. This is the only
 * place that waits; everything that decides is in the operation.
 */
export class Drive<Result> {
  readonly kind: OperationKind
  readonly #operation: Operation<Result>
  readonly #ports: Ports
  readonly #hooks: DriveHooks
  readonly #ended: (end: DriveEnd<Result>) => void
  /** The requests under way and what takes them back. Every operation bounds how many it has. */
  readonly #underWay = new Map<number, { readonly to: Contact; readonly cancel: Cancel }>()
  #nextRequest = 0
  #cancelAlarm: Cancel | undefined
  #alarmAt: Instant = Number.POSITIVE_INFINITY
  #isOver = false

  constructor(init: {
    kind: OperationKind
    operation: Operation<Result>
    ports: Ports
    hooks: DriveHooks
    /** Called once, never from within `start`'s caller's own `abort`. */
    ended: (end: DriveEnd<Result>) => void
  }) {
    this.kind = init.kind
    this.#operation = init.operation
    this.#ports = init.ports
    this.#hooks = init.hooks
    this.#ended = init.ended
  }

  start(): void {
    this.#advance(this.#ports.clock.now())
  }

  /** Gives up: takes back what is under way and ends with `reason`. Without effect after the end. */
  abort(reason: unknown): void {
    if (this.#isOver) return
    this.#release(() => false)
    this.#ended({ type: 'aborted', reason })
  }

  #advance(now: Instant): void {
    for (;;) {
      const step = this.#operation.next(now)
      if (step.type === 'send') {
        this.#send(step.to, step.request, step.deadline, now)
      } else if (step.type === 'wait') {
        assert(step.until > now, `waiting until ${step.until}, which is not after ${now}`)
        this.#setAlarm(step.until)
        return
      } else {
        this.#release((to, cancel) => this.#hooks.leaves(to, cancel))
        this.#ended({ type: 'done', result: step.result })
        return
      }
    }
  }

  #send(to: Contact, request: RpcRequest, deadline: Instant, now: Instant): void {
    this.#hooks.sent(to, request, now)
    const number = this.#nextRequest++
    const cancel = this.#ports.network.send(to, request, deadline, (outcome, rttMs) => {
      if (!this.#underWay.delete(number)) return
      const endedAt = this.#ports.clock.now()
      const times = { sentAt: now, now: endedAt, rttMs: rttMs ?? endedAt - now }
      this.#settle(to, request, outcome, times)
    })
    this.#underWay.set(number, { to, cancel })
  }

  #settle(to: Contact, request: RpcRequest, outcome: RpcOutcome, times: RequestTimes): void {
    if (this.#isOver) {
      this.#hooks.settledAfterEnd(to, outcome, times)
      return
    }
    this.#hooks.settled(to, request, outcome, times)
    if (this.#isOver) return // an observer may have aborted it
    const { now } = times
    if (outcome.ok) this.#operation.onResponse(to, outcome.response, now, request)
    else this.#operation.onFailure(to, outcome.failure, now, request)
    // When the alarm is due already this process was busy: there may be more answers, which are not to be taken for late.
    if (now < this.#alarmAt) this.#advance(now)
  }

  #setAlarm(at: Instant): void {
    if (at === this.#alarmAt) return
    this.#cancelAlarm?.()
    this.#alarmAt = at
    this.#cancelAlarm = Number.isFinite(at)
      ? this.#ports.clock.setAlarm(at, () => {
          this.#alarmAt = Number.POSITIVE_INFINITY
          this.#cancelAlarm = undefined
          if (!this.#isOver) this.#advance(this.#ports.clock.now())
        })
      : undefined
  }

  #release(isLeft: (to: Contact, cancel: Cancel) => boolean): void {
    this.#isOver = true
    this.#cancelAlarm?.()
    this.#cancelAlarm = undefined
    for (const [number, { to, cancel }] of this.#underWay) {
      if (isLeft(to, cancel)) continue
      this.#underWay.delete(number)
      cancel()
    }
  }
}
