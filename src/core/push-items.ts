import type { Contact } from './contact.ts'
import { REPLICATE_REQUESTS_MAX, REPLICATE_REQUESTS_PER_PEER_MAX } from './limits.ts'
import type { RequestTiming } from './lookup-init.ts'
import type { RpcFailure, RpcRequest, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'

/** A request for one certain peer. */
export interface Push {
  readonly to: Contact
  readonly request: RpcRequest
}

/** What became of a list of pushes. */
export interface PushResult {
  readonly acknowledged: number
  readonly failed: number
  /** Left unsent, because their peer did not answer or the deadline came. */
  readonly unsent: number
}

/** Sends requests to peers that are known already: some at a time, and none more to a peer that does not answer. */
export class PushItems implements Operation<PushResult> {
  readonly #timing: RequestTiming
  readonly #deadline: Instant
  /** What each peer still has to be sent, first come first. */
  readonly #queues = new Map<Contact, Push[]>()
  readonly #underWay = new Map<Contact, number>()
  readonly #gone = new Set<Contact>()
  #underWayTotal = 0
  #acknowledged = 0
  #failed = 0
  #result: PushResult | undefined

  constructor(init: { pushes: readonly Push[]; timing: RequestTiming; deadline: Instant }) {
    this.#timing = init.timing
    this.#deadline = init.deadline
    for (const push of init.pushes) {
      const queue = this.#queues.get(push.to)
      if (queue === undefined) this.#queues.set(push.to, [push])
      else queue.push(push)
    }
    // Taken from the end: that moves nothing.
    for (const queue of this.#queues.values()) queue.reverse()
  }

  next(now: Instant): Step<PushResult> {
    if (this.#result !== undefined) return { type: 'done', result: this.#result }
    if (now >= this.#deadline) return this.#end()
    const push = this.#underWayTotal < REPLICATE_REQUESTS_MAX ? this.#dequeue() : undefined
    if (push !== undefined) {
      const { to, request } = push
      this.#underWayTotal += 1
      this.#underWay.set(to, (this.#underWay.get(to) ?? 0) + 1)
      const deadline = Math.min(this.#deadline, now + this.#timing.timeoutMs(to))
      return { type: 'send', to, request, deadline }
    }
    return this.#underWayTotal > 0 ? { type: 'wait', until: this.#deadline } : this.#end()
  }

  onResponse(from: Contact, _response: RpcResponse, _now: Instant): void {
    this.#settle(from)
    this.#acknowledged += 1
  }

  onFailure(from: Contact, failure: RpcFailure, _now: Instant): void {
    this.#settle(from)
    this.#failed += 1
    if (failure.type !== 'refused') this.#gone.add(from)
  }

  #settle(from: Contact): void {
    this.#underWayTotal -= 1
    this.#underWay.set(from, (this.#underWay.get(from) ?? 1) - 1)
  }

  #dequeue(): Push | undefined {
    for (const [to, queue] of this.#queues) {
      if (this.#gone.has(to)) continue
      if ((this.#underWay.get(to) ?? 0) >= REPLICATE_REQUESTS_PER_PEER_MAX) continue
      const push = queue.pop()
      if (queue.length === 0) this.#queues.delete(to)
      return push
    }
    return undefined
  }

  #end(): Step<PushResult> {
    this.#result = {
      acknowledged: this.#acknowledged,
      failed: this.#failed + this.#underWayTotal,
      unsent: [...this.#queues.values()].reduce((sum, { length }) => sum + length, 0),
    }
    return { type: 'done', result: this.#result }
  }
}
