import type { Connection, Stream } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Contact } from '../core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { DecodeContext } from '../wire/message-decoder.ts'
import { InboundLoad } from './inbound-load.ts'
import { type InboundContext, type InboundCounters, InboundStream } from './inbound-stream.ts'
import {
  INBOUND_BURST,
  INBOUND_IDLE_MS,
  INBOUND_PEERS_MAX,
  INBOUND_RATE_PER_S,
  INBOUND_STREAMS_MAX,
  INBOUND_STREAMS_PER_CONNECTION_MAX,
  REQUEST_OVERHEAD_BYTES_MAX,
  SWEEP_MS,
} from './limits.ts'
import { TokenBucket } from './token-bucket.ts'

/** What the server side is made of. */
export interface InboundInit {
  readonly registrar: Registrar
  readonly protocol: string
  readonly clock: Clock
  readonly decoding: DecodeContext
  /** The largest value, in bytes; larger requests are malformed. */
  readonly valueBytesMax: number
  /** Contacts in an answer to peers of another kind. */
  readonly strangersContactsMax: number
  /** The contact that stands for the sender of a request. */
  readonly senderOf: (connection: Connection) => Contact
  readonly answer: (
    from: Contact,
    request: RpcRequest,
    reply: (outcome: RpcOutcome) => void,
  ) => void
}

/** A peer's rate, and the streams it has open. */
interface Guest {
  readonly rate: TokenBucket
  readonly streams: Map<InboundStream, Connection>
}

/** The server side: takes streams of the protocol, and bounds what others can make it do. */
export class Inbound {
  readonly counters: InboundCounters = { streams: 0, requests: 0, malformed: 0, throttled: 0 }
  readonly #init: InboundInit
  readonly #context: InboundContext
  /** Streams, the latest opened last. */
  readonly #streams = new Map<InboundStream, Connection>()
  readonly #guests = new Map<string, Guest>()
  #cancelSweep: Cancel | undefined
  #isServing = false
  #changed: Promise<void> = Promise.resolve()

  constructor(init: InboundInit) {
    this.#init = init
    this.#context = {
      clock: init.clock,
      decoding: init.decoding,
      requestBytesMax: init.valueBytesMax + REQUEST_OVERHEAD_BYTES_MAX,
      strangersContactsMax: init.strangersContactsMax,
      load: new InboundLoad(),
      counters: this.counters,
      senderOf: (stream) => this.#senderOf(stream),
      answer: init.answer,
      onEnd: (stream) => this.#forget(stream),
    }
  }

  /** Streams that others hold open. */
  get openStreams(): number {
    return this.#streams.size
  }

  /**
   * Begins or ends serving. While it does not, the protocol is neither handled nor advertised: identify tells peers. Changes
   * come about one after another, so that the last one stands.
   */
  serve(isServing: boolean): Promise<void> {
    const changed = this.#changed.then(() => this.#serve(isServing))
    this.#changed = changed.catch(() => {}) // whoever made the change hears of its failure
    return changed
  }

  async #serve(isServing: boolean): Promise<void> {
    if (isServing === this.#isServing) return
    this.#isServing = isServing
    const { registrar, protocol } = this.#init
    if (isServing) {
      await registrar.handle(protocol, (stream, connection) => this.#accept(stream, connection), {
        maxInboundStreams: INBOUND_STREAMS_PER_CONNECTION_MAX,
      })
      return
    }
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    for (const stream of [...this.#streams.keys()]) stream.abort(new Error('no longer serving'))
    this.#guests.clear()
    await registrar.unhandle(protocol)
  }

  #accept(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (!this.#isServing || !this.#makeRoom(peer)) {
      stream.abort(new Error(this.#isServing ? 'too many streams' : 'not serving'))
      return
    }
    this.counters.streams += 1
    const guest = this.#guestOf(peer)
    const inbound = new InboundStream(this.#context, { stream, connection }, peer, guest.rate)
    guest.streams.set(inbound, connection)
    this.#streams.set(inbound, connection)
    this.#cancelSweep ??= this.#armSweep()
  }

  #senderOf(stream: InboundStream): Contact {
    const connection = this.#streams.get(stream)
    if (connection === undefined) throw new Error('broken invariant: a stream that has ended asks')
    return this.#init.senderOf(connection)
  }

  #guestOf(peer: string): Guest {
    const present = this.#guests.get(peer)
    if (present !== undefined) return present
    if (this.#guests.size >= INBOUND_PEERS_MAX) this.#dropGuest()
    const rate = new TokenBucket(INBOUND_RATE_PER_S, INBOUND_BURST, this.#init.clock.now())
    const guest: Guest = { rate, streams: new Map() }
    this.#guests.set(peer, guest)
    return guest
  }

  /** Forgets the rate of the first peer that has no stream: it gets a fresh one, for the price of a new stream. */
  #dropGuest(): void {
    for (const [peer, { streams }] of this.#guests) {
      if (streams.size > 0) continue
      this.#guests.delete(peer)
      return
    }
  }

  /**
   * When there are too many streams, a peer with the most of them loses the one that was silent for longest: an idle one, or
   * any, if it has more than the newcomer will. So nobody keeps others out by taking many.
   */
  #makeRoom(peer: string): boolean {
    if (this.#streams.size < INBOUND_STREAMS_MAX) return true
    let most = 0
    for (const { streams } of this.#guests.values()) most = Math.max(most, streams.size)
    const mayBeBusy = most > (this.#guests.get(peer)?.streams.size ?? 0) + 1
    let victim: InboundStream | undefined
    for (const stream of this.#streams.keys()) {
      if (this.#guests.get(stream.peer)?.streams.size !== most) continue
      if ((mayBeBusy || stream.isIdle) && isSooner(stream, victim)) victim = stream
    }
    victim?.abort(new Error('another peer needs the room'))
    return victim !== undefined
  }

  #forget(stream: InboundStream): void {
    this.#streams.delete(stream)
    this.#guests.get(stream.peer)?.streams.delete(stream)
  }

  #armSweep(): Cancel {
    const { clock } = this.#init
    return clock.setAlarm(clock.now() + SWEEP_MS, () => this.#sweep())
  }

  /** Ends streams that are stuck, and closes those that are idle. */
  #sweep(): void {
    const now = this.#init.clock.now()
    for (const stream of [...this.#streams.keys()]) {
      if (stream.isStuck(now)) stream.abort(new Error('a message that does not go on'))
      else if (!stream.isIdle) continue
      else if (now - stream.movedAt >= 2 * INBOUND_IDLE_MS) stream.abort(new Error('idle'))
      else if (now - stream.movedAt >= INBOUND_IDLE_MS) stream.close()
    }
    this.#cancelSweep = this.#streams.size > 0 ? this.#armSweep() : undefined
  }
}

/** Whether a stream is to end rather than another: idle ones before others, then the longest silent one. */
function isSooner(stream: InboundStream, other: InboundStream | undefined): boolean {
  if (other === undefined) return true
  return stream.isIdle === other.isIdle ? stream.movedAt < other.movedAt : stream.isIdle
}
