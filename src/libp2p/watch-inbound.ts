import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Contact } from '../core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import { FrameDecoder } from '../wire/framing.ts'
import { type DecodeContext, decodeRequest } from '../wire/message-decoder.ts'
import { encodeAnswer } from '../wire/message-encoder.ts'
import { WireError } from '../wire/wire-error.ts'
import {
  INBOUND_PARTIAL_MS,
  INBOUND_PEERS_MAX,
  REQUEST_OVERHEAD_BYTES_MAX,
  WATCH_BURST,
  WATCH_RATE_PER_S,
  WATCH_STREAMS_MAX,
  WATCH_STREAMS_PER_CONNECTION_MAX,
} from './limits.ts'
import { toBytes } from './stream-bytes.ts'
import { TokenBucket } from './token-bucket.ts'

/** What the watchers' server side is made of. */
export interface WatchInboundInit {
  readonly registrar: Registrar
  /** The watchers' protocol id. */
  readonly protocol: string
  readonly clock: Clock
  readonly decoding: DecodeContext
  readonly senderOf: (connection: Connection) => Contact
  /** Answers, perhaps late; `signal` says that the watcher is gone. */
  readonly answer: (
    from: Contact,
    request: RpcRequest,
    reply: (outcome: RpcOutcome) => void,
    signal: AbortSignal,
  ) => void
}

/** Takes the requests of watchers: one on each stream (watch-calls.ts). */
export class WatchInbound {
  readonly #init: WatchInboundInit
  readonly #streams = new Set<WatchStream>()
  /** At most `INBOUND_PEERS_MAX`; the one first met makes room. */
  readonly #rates = new Map<string, TokenBucket>()
  #isServing = false

  constructor(init: WatchInboundInit) {
    this.#init = init
  }

  /** Streams that watchers hold open. */
  get openStreams(): number {
    return this.#streams.size
  }

  /** Begins or ends serving. */
  async serve(isServing: boolean): Promise<void> {
    if (isServing === this.#isServing) return
    this.#isServing = isServing
    const { registrar, protocol } = this.#init
    if (isServing) {
      await registrar.handle(protocol, (stream, connection) => this.#accept(stream, connection), {
        maxInboundStreams: WATCH_STREAMS_PER_CONNECTION_MAX,
      })
      return
    }
    for (const stream of [...this.#streams]) stream.abort('no longer serving')
    this.#rates.clear()
    await registrar.unhandle(protocol)
  }

  #accept(stream: Stream, connection: Connection): void {
    const refusal = this.#refusal(connection.remotePeer.toString())
    if (refusal !== undefined) {
      stream.abort(new Error(refusal))
      return
    }
    const taken: WatchStream = new WatchStream(this.#init, stream, connection, () =>
      this.#streams.delete(taken),
    )
    this.#streams.add(taken)
  }

  #refusal(peer: string): string | undefined {
    if (!this.#isServing) return 'not serving'
    if (this.#streams.size >= WATCH_STREAMS_MAX) return 'too many streams'
    return this.#rateOf(peer).take(this.#init.clock.now()) ? undefined : 'too many requests'
  }

  #rateOf(peer: string): TokenBucket {
    const known = this.#rates.get(peer)
    if (known !== undefined) return known
    if (this.#rates.size >= INBOUND_PEERS_MAX) {
      for (const first of this.#rates.keys()) {
        this.#rates.delete(first)
        break
      }
    }
    const rate = new TokenBucket(WATCH_RATE_PER_S, WATCH_BURST, this.#init.clock.now())
    this.#rates.set(peer, rate)
    return rate
  }
}

/** One stream: a request, and some time later its answer. */
class WatchStream {
  readonly #init: WatchInboundInit
  readonly #stream: Stream
  readonly #connection: Connection
  readonly #onEnd: () => void
  readonly #decoder = new FrameDecoder(REQUEST_OVERHEAD_BYTES_MAX)
  /** Aborted when the watcher is gone. */
  readonly #gone = new AbortController()
  /** Ends a stream on which the request, or after the answer the end, does not come. */
  #cancelAlarm: Cancel
  #isAsked = false

  constructor(init: WatchInboundInit, stream: Stream, connection: Connection, onEnd: () => void) {
    this.#init = init
    this.#stream = stream
    this.#connection = connection
    this.#onEnd = onEnd
    this.#cancelAlarm = this.#setAlarm()
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onGone)
    stream.addEventListener('close', this.#onClose)
  }

  abort(reason: string): void {
    this.#stream.abort(new Error(reason))
    this.#onClose()
  }

  #setAlarm(): Cancel {
    const { clock } = this.#init
    return clock.setAlarm(clock.now() + INBOUND_PARTIAL_MS, () => this.abort('it does not go on'))
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    try {
      if (this.#isAsked) throw new WireError('more than one request')
      this.#decoder.push(toBytes(event.data))
      const bytes = this.#decoder.next()
      if (bytes !== undefined) this.#take(bytes)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.abort(error.message)
    }
  }

  #take(bytes: Uint8Array): void {
    const { decoding, senderOf, answer } = this.#init
    const { request } = decodeRequest(bytes, decoding)
    if (request.type !== 'watch') throw new WireError(`${request.type} among watchers' requests`)
    this.#isAsked = true
    this.#cancelAlarm()
    // The request outlives its message, whose bytes may be a view of a larger piece.
    const own = { ...request, key: request.key.slice() }
    answer(
      senderOf(this.#connection),
      own,
      (outcome) => this.#reply(own, outcome),
      this.#gone.signal,
    )
  }

  #reply(request: RpcRequest, outcome: RpcOutcome): void {
    if (this.#gone.signal.aborted) return
    this.#cancelAlarm = this.#setAlarm()
    const timeReceived = new Date(this.#init.clock.wallClock()).toISOString()
    try {
      this.#stream.send(
        encodeAnswer(request, outcome, { framed: true, kadmium: true, timeReceived }),
      )
    } catch (error) {
      this.abort(error instanceof Error ? error.message : String(error)) // it closed under us
      return
    }
    this.#stream.close().catch(() => this.abort('it could not be closed'))
  }

  /** The watcher waits no longer: he closes his side when he has the answer, or wants none. */
  readonly #onGone = (): void => {
    // What came in the same frame is delivered after this event.
    queueMicrotask(() => {
      this.#gone.abort()
      this.#stream.close().catch(() => this.abort('it could not be closed'))
    })
  }

  readonly #onClose = (): void => {
    this.#cancelAlarm()
    this.#gone.abort()
    this.#stream.removeEventListener('message', this.#onMessage)
    this.#stream.removeEventListener('remoteCloseWrite', this.#onGone)
    this.#stream.removeEventListener('close', this.#onClose)
    this.#onEnd()
  }
}
