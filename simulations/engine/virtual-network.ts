import type { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import type { Cancel } from '../../src/core/ports.ts'
import type { LatencyModel } from '../models/latency.ts'
import type { Carrier } from './carrier.ts'
import type { EventQueue, SimEvent } from './event-queue.ts'
import type { LinkRule } from './link-rules.ts'
import { type CallOutcome, NetworkCounters } from './network-counters.ts'
import type { SeededRandom } from './random.ts'
import type { SimPeer } from './sim-peer.ts'
import type { Trace } from './trace.ts'

/** What the network does to messages. All probabilities are per message. */
export interface NetworkModel {
  readonly latency: LatencyModel
  /** Share of messages that are lost, requests and answers alike. */
  readonly loss: number
  /** Share of requests that arrive twice. */
  readonly duplication: number
  /**
   * What becomes of a request to a peer that is gone. `silence`: nothing comes back (the host is off); `refusal`: the host
   * says at once that nobody listens, and the request fails as unreachable after one round trip.
   */
  readonly deadPeers: 'silence' | 'refusal'
  /** A connection that cannot be made has failed after so long. ms. Matters for silent peers with a later deadline. */
  readonly dialTimeoutMs: number
}

/** What the network needs of the simulation. */
export interface NetworkInit {
  readonly queue: EventQueue
  readonly model: NetworkModel
  readonly carrier: Carrier
  readonly trace: Trace
  readonly loss: SeededRandom
  readonly jitter: SeededRandom
  readonly now: () => number
  readonly find: (contact: Contact) => SimPeer | undefined
}

const TIMEOUT: RpcOutcome = { ok: false, failure: { type: 'timeout' } }
const UNREACHABLE: RpcOutcome = {
  ok: false,
  failure: { type: 'unreachable', reason: 'nobody listens there' },
}
const NO_CONNECTION: RpcOutcome = {
  ok: false,
  failure: { type: 'unreachable', reason: 'no connection could be made' },
}
const MALFORMED: RpcOutcome = {
  ok: false,
  failure: { type: 'malformed', reason: 'the peer reset the stream' },
}

/**
 * The network between simulated peers: the `Network` port's contract in virtual time, with latency, loss, duplication,
 * rules for single links, and peers that are gone.
 *
 * A request that is answered costs two events: its arrival and that of its answer. A timeout is scheduled only when it is
 * certain or possible that no answer comes in time, so that the queue is not full of timeouts that never go off.
 */
export class VirtualNetwork {
  readonly counters: NetworkCounters = new NetworkCounters()
  /** In order; the first verdict other than `pass` counts. */
  readonly rules: LinkRule[] = []
  readonly #init: NetworkInit
  #model: NetworkModel

  constructor(init: NetworkInit) {
    this.#init = init
    this.#model = init.model
  }

  get model(): NetworkModel {
    return this.#model
  }

  /** From now on nothing is lost or doubled. */
  calm(): void {
    this.#model = { ...this.#model, loss: 0, duplication: 0 }
  }

  /** See `PeerHost.send`. */
  send(
    from: SimPeer,
    to: Contact,
    request: RpcRequest,
    deadline: number,
    settle: (outcome: RpcOutcome) => void,
  ): Cancel {
    const { carrier, find, now } = this.#init
    if (!from.isUp) return () => undefined
    const target = find(to)
    const call = new Call({ network: this, from, target, request, deadline, settle, sentAt: now() })
    this.counters.opened(request.type)
    call.arriving = carrier.carryRequest(request)
    this.counters.sent(request.type, carrier.bytes)
    from.traffic?.sent(request.type, carrier.bytes)
    this.#dispatch(call)
    return () => call.cancel()
  }

  /** Lets a request set out. */
  #dispatch(call: Call): void {
    const { loss } = this.#init
    const model = this.#model
    const { from, target } = call
    const delay = target === undefined ? undefined : this.#transit(from, target)
    if (target === undefined || delay === undefined) {
      this.counters.lost()
      if (target === undefined) this.#expire(call)
      else this.#timeout(call, call.deadline, TIMEOUT)
      return
    }
    this.#schedule(call, delay)
    if (call.sentAt + delay >= call.deadline) this.#timeout(call, call.deadline, TIMEOUT)
    if (!loss.chance(model.duplication)) return
    this.counters.duplicated()
    this.#init.queue.push(
      this.#init.now() + delay + this.#latency(from, target),
      from.nextOrder(),
      new Duplicate(this, call),
    )
  }

  /** A request has arrived at the place of its receiver. */
  deliver(call: Call): void {
    const { target, from, arriving, request } = call
    if (target === undefined) return
    const isDuplicate = call.phase !== 'request'
    if (!isDuplicate) call.phase = 'answering'
    if (target.node === undefined) {
      this.counters.lost()
      if (!isDuplicate) this.#nobodyThere(call, target)
      return
    }
    this.counters.delivered(request.type)
    target.traffic?.received(request.type, call.bytes)
    this.#traceCall(call, false)
    if (arriving === undefined) {
      this.#reply(call, target, MALFORMED)
      return
    }
    const incarnation = target.incarnation
    if (from.node?.mode === 'server') target.node.seen(from.contact)
    target.node.answer(from.contact, arriving, (outcome) => {
      if (target.incarnation !== incarnation || isDuplicate) return
      this.#reply(call, target, outcome)
    })
    // The answer waits for the disk, or never comes.
    if (call.phase === 'answering') this.#timeout(call, call.deadline, TIMEOUT)
  }

  /** An answer, a failure or the deadline has come. */
  settle(call: Call, outcome: RpcOutcome, isMessage: boolean): boolean {
    if (isMessage) this.counters.delivered('reply')
    if (call.isOver) return false
    call.isOver = true
    if (call.from.incarnation !== call.incarnation) {
      this.counters.closed('abandoned')
      return false
    }
    if (isMessage) {
      this.#traceCall(call, true)
      call.from.traffic?.received('reply', call.bytes)
    }
    this.counters.closed(endOf(outcome))
    if (call.target !== undefined) call.from.onOutcome?.(call.target.contact, outcome)
    call.settle(outcome)
    return true
  }

  /** The caller no longer cares. */
  cancelled(call: Call): void {
    if (call.isOver) return
    call.isOver = true
    this.counters.closed('cancelled')
  }

  #reply(call: Call, target: SimPeer, outcome: RpcOutcome): void {
    const { carrier, now } = this.#init
    call.phase = 'reply'
    const carried = carrier.carryOutcome(call.request, outcome)
    call.outcome = carried
    call.bytes = carrier.bytes
    this.counters.sent('reply', carrier.bytes)
    target.traffic?.sent('reply', carrier.bytes)
    const delay = this.#transit(target, call.from)
    if (delay === undefined) {
      this.counters.lost()
      this.#timeout(call, call.deadline, TIMEOUT)
      return
    }
    if (now() + delay >= call.deadline) this.#timeout(call, call.deadline, TIMEOUT)
    this.#schedule(call, delay)
  }

  /** The receiver is gone. */
  #nobodyThere(call: Call, target: SimPeer): void {
    const { now } = this.#init
    const model = this.#model
    const back = now() + this.#latency(target, call.from)
    if (model.deadPeers === 'refusal' && back < call.deadline) {
      this.#timeout(call, back, UNREACHABLE)
    } else {
      this.#expire(call)
    }
  }

  /** Nothing will come back: the deadline, or the end of the attempt to connect if that is earlier. */
  #expire(call: Call): void {
    const dialEnd = call.sentAt + this.#model.dialTimeoutMs
    if (dialEnd < call.deadline) this.#timeout(call, dialEnd, NO_CONNECTION)
    else this.#timeout(call, call.deadline, TIMEOUT)
  }

  #timeout(call: Call, at: number, outcome: RpcOutcome): void {
    if (call.expires) return
    call.expires = true
    const { queue, now } = this.#init
    queue.push(Math.max(at, now()), call.from.nextOrder(), new CallEnd(this, call, outcome))
  }

  #schedule(call: Call, delay: number): void {
    const { queue, now } = this.#init
    queue.push(now() + delay, call.from.nextOrder(), call)
  }

  /** How long a message takes; `undefined`: it is lost. */
  #transit(from: SimPeer, to: SimPeer): number | undefined {
    const { loss, now } = this.#init
    const model = this.#model
    if (loss.chance(model.loss)) return undefined
    let delay = this.#latency(from, to)
    for (const rule of this.rules) {
      const verdict = rule({ from: from.index, to: to.index, now: now() })
      if (verdict.type === 'drop') return undefined
      if (verdict.type === 'delay') {
        delay += verdict.ms
        break
      }
    }
    return delay
  }

  #latency(from: SimPeer, to: SimPeer): number {
    const { jitter } = this.#init
    const model = this.#model
    return (
      model.latency.oneWayMs(from.index, to.index, jitter) + from.extraDelayMs + to.extraDelayMs
    )
  }

  #traceCall(call: Call, isReply: boolean): void {
    const { trace, now } = this.#init
    const { from, target, request } = call
    const key = 'target' in request ? request.target : undefined
    const to = target?.index ?? -1
    if (isReply) trace.add(now(), to, from.index, 'reply', key)
    else trace.add(now(), from.index, to, request.type, key)
  }
}

/** One request under way. It is itself the event of the request's arrival, then that of the answer's. */
class Call implements SimEvent {
  readonly isCancelled = false
  readonly from: SimPeer
  readonly target: SimPeer | undefined
  readonly request: RpcRequest
  readonly deadline: number
  readonly settle: (outcome: RpcOutcome) => void
  readonly sentAt: number
  /** The caller's incarnation. */
  readonly incarnation: number
  /** The request as its receiver sees it. */
  arriving: RpcRequest | undefined
  outcome: RpcOutcome | undefined
  phase: 'request' | 'answering' | 'reply' = 'request'
  /** Size of the message under way. */
  bytes = 0
  /** Settled or cancelled. */
  isOver = false
  /** An end without an answer is scheduled. */
  expires = false
  readonly #network: VirtualNetwork

  constructor(init: {
    network: VirtualNetwork
    from: SimPeer
    target: SimPeer | undefined
    request: RpcRequest
    deadline: number
    settle: (outcome: RpcOutcome) => void
    sentAt: number
  }) {
    this.#network = init.network
    this.from = init.from
    this.target = init.target
    this.request = init.request
    this.deadline = init.deadline
    this.settle = init.settle
    this.sentAt = init.sentAt
    this.incarnation = init.from.incarnation
  }

  fire(): boolean {
    if (this.phase === 'request') {
      this.#network.deliver(this)
      return false
    }
    return this.outcome !== undefined && this.#network.settle(this, this.outcome, true)
  }

  cancel(): void {
    this.#network.cancelled(this)
  }
}

/** The end of a request that got no answer. */
class CallEnd implements SimEvent {
  readonly isCancelled = false
  readonly #network: VirtualNetwork
  readonly #call: Call
  readonly #outcome: RpcOutcome

  constructor(network: VirtualNetwork, call: Call, outcome: RpcOutcome) {
    this.#network = network
    this.#call = call
    this.#outcome = outcome
  }

  fire(): boolean {
    return this.#network.settle(this.#call, this.#outcome, false)
  }
}

/** A request that arrives once more. Its receiver works on it again; nobody hears of the second answer. */
class Duplicate implements SimEvent {
  readonly isCancelled = false
  readonly #network: VirtualNetwork
  readonly #call: Call

  constructor(network: VirtualNetwork, call: Call) {
    this.#network = network
    this.#call = call
  }

  fire(): boolean {
    if (this.#call.phase !== 'request') this.#network.deliver(this.#call)
    else this.#network.counters.lost()
    return false
  }
}

function endOf(outcome: RpcOutcome): CallOutcome {
  return outcome.ok ? 'answered' : outcome.failure.type
}
