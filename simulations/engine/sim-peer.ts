import type { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import type {
  Cancel,
  Clock,
  Envelopes,
  Hash,
  Instant,
  Network,
  Observer,
  Ports,
  UnixMs,
} from '../../src/core/ports.ts'
import type { KademliaNode } from '../../src/node/kademlia-node.ts'
import { type EventQueue, eventOrder, type SimEvent } from './event-queue.ts'
import type { PeerTraffic } from './peer-traffic.ts'
import type { SeededRandom } from './random.ts'
import { type DiskModel, SimStorage } from './storage.ts'

/** What a peer needs of the simulation it lives in. */
export interface PeerHost {
  readonly queue: EventQueue
  /** Virtual time, in ms. */
  readonly now: number
  readonly hash: Hash
  readonly envelopes: Envelopes
  readonly disk: DiskModel
  /** See `Network.send`; the deadline is in the simulation's time. */
  send(
    from: SimPeer,
    to: Contact,
    request: RpcRequest,
    deadline: number,
    settle: (outcome: RpcOutcome) => void,
  ): Cancel
}

/** The wall clock of a simulation begins here: 2026-01-01 UTC. */
export const EPOCH_MS: UnixMs = 1_767_225_600_000

/**
 * One peer of the simulation: its host computer and network connection, around the production node. It is its own set of
 * ports: with a hundred thousand of them, six objects more for each would be felt.
 *
 * A crash ends an incarnation. Whatever the crashed one had asked for (alarms, answers, writes) never happens, and the next
 * one begins with the same identity and what its disk holds.
 */
export class SimPeer implements Ports, Clock, Network {
  /** Its number in the simulation. */
  readonly index: number
  readonly contact: Contact
  readonly random: SeededRandom
  readonly storage: SimStorage
  readonly #host: PeerHost
  observer: Observer | undefined
  /** The running node; `undefined` while the peer is down. */
  node: KademliaNode | undefined
  /** Counts crashes and ends: what belongs to an earlier one is passed over. */
  incarnation = 0
  /** When its present incarnation began. */
  upSince = 0
  /** How far its wall clock is ahead. ms. */
  skewMs = 0
  /** How much faster its monotonic clock runs: 1 is right, 1.0001 gains 0.1 ms a second. */
  clockRate = 1
  /** Each message from or to it takes so much longer. ms. */
  extraDelayMs = 0
  diskSlowness = 1
  /** Counts this peer's messages where a scenario wants it. */
  traffic: PeerTraffic | undefined
  /** Hears how each of its requests ended, before the node does. */
  onOutcome: ((to: Contact, outcome: RpcOutcome) => void) | undefined
  #events = 0

  constructor(init: { index: number; contact: Contact; random: SeededRandom; host: PeerHost }) {
    this.index = init.index
    this.contact = init.contact
    this.random = init.random
    this.#host = init.host
    this.storage = new SimStorage(this)
  }

  get isUp(): boolean {
    return this.node !== undefined
  }

  get clock(): Clock {
    return this
  }

  get network(): Network {
    return this
  }

  get hash(): Hash {
    return this.#host.hash
  }

  get envelopes(): Envelopes {
    return this.#host.envelopes
  }

  get disk(): DiskModel {
    return this.#host.disk
  }

  now(): Instant {
    return this.#host.now * this.clockRate
  }

  wallClock(): UnixMs {
    return Math.floor(EPOCH_MS + this.#host.now * this.clockRate + this.skewMs)
  }

  setAlarm(at: Instant, fire: () => void): Cancel {
    const { queue } = this.#host
    const alarm = new Alarm(this, queue, fire)
    queue.push(Math.max(this.#host.now, this.#toHostTime(at)), this.nextOrder(), alarm)
    return () => alarm.cancel()
  }

  /** See `DiskHost.after`. */
  after(ms: number, fire: () => void): void {
    const { queue, now } = this.#host
    queue.push(now + ms, this.nextOrder(), new Alarm(this, queue, fire))
  }

  send(
    to: Contact,
    request: RpcRequest,
    deadline: Instant,
    settle: (outcome: RpcOutcome) => void,
  ): Cancel {
    return this.#host.send(this, to, request, this.#toHostTime(deadline), settle)
  }

  /** The place of the next event that this peer schedules, among those of the same time. */
  nextOrder(): number {
    return eventOrder(this.index + 1, this.#events++)
  }

  /** The moment, in the simulation's time, at which this peer's clock shows `at`. */
  #toHostTime(at: Instant): number {
    if (this.clockRate === 1) return at
    let time = at / this.clockRate
    // Rounding must not let an alarm go off while the peer's clock still shows an earlier time.
    while (time * this.clockRate < at) time += Math.max(time * Number.EPSILON, Number.MIN_VALUE)
    return time
  }
}

/** An alarm of a peer's clock, or the end of a write to its disk. */
class Alarm implements SimEvent {
  isCancelled = false
  readonly #peer: SimPeer
  readonly #queue: EventQueue
  readonly #incarnation: number
  readonly #fire: () => void
  #isOver = false

  constructor(peer: SimPeer, queue: EventQueue, fire: () => void) {
    this.#peer = peer
    this.#queue = queue
    this.#incarnation = peer.incarnation
    this.#fire = fire
  }

  cancel(): void {
    if (this.isCancelled || this.#isOver) return
    this.isCancelled = true
    this.#queue.cancelled()
  }

  fire(): boolean {
    this.#isOver = true
    if (this.#peer.incarnation !== this.#incarnation) return false
    this.#fire()
    return true
  }
}
