import type { Stream } from '@libp2p/interface'
import type { Contact } from '../core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Clock, Instant } from '../core/ports.ts'
import { FrameDecoder } from '../wire/framing.ts'
import { type DecodeContext, type DecodedRequest, decodeRequest } from '../wire/message-decoder.ts'
import { encodeAnswer } from '../wire/message-encoder.ts'
import { WireError } from '../wire/wire-error.ts'
import { trimCloser } from './answer-size.ts'
import type { OpenedStream } from './dialer.ts'
import { Fifo } from './fifo.ts'
import type { InboundLoad } from './inbound-load.ts'
import {
  INBOUND_BACKLOG_BYTES_MAX,
  INBOUND_MESSAGE_MS,
  INBOUND_PARTIAL_MS,
  INBOUND_PER_STREAM_MAX,
} from './limits.ts'
import { StandingStream } from './standing-stream.ts'
import { concat } from './stream-bytes.ts'
import type { TokenBucket } from './token-bucket.ts'

/** What the streams that others open share. */
export interface InboundContext {
  readonly clock: Clock
  readonly decoding: DecodeContext
  readonly requestBytesMax: number
  /** Contacts in an answer to peers of another kind. */
  readonly strangersContactsMax: number
  readonly load: InboundLoad
  readonly counters: InboundCounters
  /** The sender of a stream, with the addresses known by now. */
  readonly senderOf: (stream: InboundStream) => Contact
  readonly answer: (
    from: Contact,
    request: RpcRequest,
    reply: (outcome: RpcOutcome) => void,
  ) => void
  readonly onEnd: (stream: InboundStream) => void
}

/** What happened on the streams that others opened. */
export interface InboundCounters {
  streams: number
  requests: number
  /** Streams reset for bytes that broke the protocol. */
  malformed: number
  /** Times that a peer had to wait for its rate. */
  throttled: number
}

/** An answer's place in the order of answers. */
interface Slot {
  readonly decoded: DecodedRequest
  outcome: RpcOutcome | undefined
}

/** Answers go out when so much has gathered, or at the end of the turn. Bytes. */
const FLUSH_BYTES = 64 * 1024

/**
 * A stream that another peer opened: takes requests from it and sends the answers in their order.
 *
 * It reads no faster than it answers: when too many requests are being answered, too many answers wait to be sent, or the
 * peer exceeds its rate, it stops reading, and libp2p's flow control stops the peer. Nothing is refused for that.
 */
export class InboundStream {
  readonly peer: string
  readonly #context: InboundContext
  readonly #stream: Stream
  readonly #standing: StandingStream
  readonly #rate: TokenBucket
  readonly #decoder: FrameDecoder
  readonly #slots = new Fifo<Slot>()
  readonly #out: Uint8Array[] = []
  #outBytes = 0
  /** A request that was read and waits for the peer's rate. */
  #held: Uint8Array | undefined
  #cancelHeld: Cancel | undefined
  #isFlushDue = false
  #isPumping = false
  #isRemoteDone = false
  #isEnded = false
  /** When bytes last came or went. */
  #movedAt: Instant
  /** Requests taken. */
  #taken = 0
  /** Since which look of `isStuck` the request behind the `after` that were taken has been half read. */
  #halfRead: { readonly after: number; readonly since: Instant } | undefined

  constructor(
    context: InboundContext,
    { stream, connection }: OpenedStream,
    peer: string,
    rate: TokenBucket,
  ) {
    this.#context = context
    this.#stream = stream
    this.peer = peer
    this.#rate = rate
    this.#decoder = new FrameDecoder(context.requestBytesMax)
    this.#movedAt = context.clock.now()
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteDone)
    stream.addEventListener('close', this.#onClose)
    this.#standing = new StandingStream(stream, connection, this.#onBytes)
    if (stream.remoteWriteStatus === 'closed') this.#onRemoteDone()
  }

  get movedAt(): Instant {
    return this.#movedAt
  }

  /** No request is half read or being answered. */
  get isIdle(): boolean {
    return this.#slots.length === 0 && this.#outBytes === 0 && this.#isDrained
  }

  /**
   * Whether it has stood still for too long in the middle of a message, in or out, or brings a message in drips. To be asked
   * from time to time.
   */
  isStuck(now: Instant): boolean {
    const isHalfRead =
      this.#held === undefined && this.#slots.length === 0 && this.#decoder.pendingBytes > 0
    if (!isHalfRead) this.#halfRead = undefined
    else if (this.#halfRead?.after !== this.#taken) {
      this.#halfRead = { after: this.#taken, since: now }
    } else if (now - this.#halfRead.since >= INBOUND_MESSAGE_MS) return true
    if (now - this.#movedAt < INBOUND_PARTIAL_MS || this.#held !== undefined) return false
    return isHalfRead || this.#stream.writableNeedsDrain
  }

  /** Ends in good order; only when idle. The peer's next request comes on another stream. */
  close(): void {
    this.#stream.close().catch((error: unknown) => this.abort(asError(error)))
  }

  abort(error: Error): void {
    this.#stream.abort(error)
    this.#end()
  }

  /** Goes on after the load of all streams has gone down. */
  resume(): void {
    this.#pump()
  }

  readonly #onBytes = (bytes: Uint8Array): void => {
    this.#movedAt = this.#context.clock.now()
    this.#decoder.push(bytes)
    this.#pump()
  }

  readonly #onDrain = (): void => {
    this.#movedAt = this.#context.clock.now()
    this.#flush()
    this.#pump()
  }

  readonly #onRemoteDone = (): void => {
    this.#isRemoteDone = true
    // What came in the same frame is delivered after this event.
    queueMicrotask(() => this.#closeIfDone())
  }

  readonly #onClose = (): void => this.#end()

  get #isDrained(): boolean {
    return this.#held === undefined && this.#decoder.pendingBytes === 0
  }

  /** Takes requests as long as there are any and they may be taken. */
  #pump(): void {
    if (this.#isPumping || this.#isEnded) return
    this.#isPumping = true
    try {
      while (!this.#isEnded && this.#mayTake()) {
        const bytes = this.#held ?? this.#decoder.next()
        if (bytes === undefined) break
        this.#held = bytes
        if (!this.#isWithinRate()) break
        this.#held = undefined
        this.#take(bytes)
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#context.counters.malformed += 1
      this.abort(error)
    } finally {
      this.#isPumping = false
    }
    this.#steer()
  }

  #mayTake(): boolean {
    if (this.#slots.length >= INBOUND_PER_STREAM_MAX) return false
    if (this.#outBytes >= FLUSH_BYTES) this.#flush()
    if (this.#stream.writableNeedsDrain || this.#outBytes >= INBOUND_BACKLOG_BYTES_MAX) return false
    return this.#context.load.admits(this)
  }

  #isWithinRate(): boolean {
    const { clock, counters } = this.#context
    const now = clock.now()
    if (this.#rate.take(now)) return true
    if (this.#cancelHeld === undefined) {
      counters.throttled += 1
      this.#cancelHeld = clock.setAlarm(this.#rate.readyAt(16, now), () => {
        this.#cancelHeld = undefined
        this.#pump()
      })
    }
    return false
  }

  #take(bytes: Uint8Array): void {
    const { load, counters, decoding } = this.#context
    const decoded = decodeRequest(bytes, decoding)
    // Its answer may take a minute, and all behind it would wait: it has a protocol of its own (watch-inbound.ts).
    if (decoded.request.type === 'watch') throw new WireError('watch among other requests')
    counters.requests += 1
    this.#taken += 1
    const slot: Slot = { decoded, outcome: undefined }
    this.#slots.push(slot)
    load.begin()
    this.#context.answer(this.#context.senderOf(this), decoded.request, (outcome) => {
      load.end()
      slot.outcome = outcome
      this.#sendReady()
      this.#pump() // there may be room for more
    })
  }

  /** Writes the answers that are ready and at the front of the order. */
  #sendReady(): void {
    for (let next = this.#slots.first; next?.outcome !== undefined; next = this.#slots.first) {
      if (this.#isEnded) return
      this.#slots.shift()
      this.#write(next.decoded, next.outcome)
    }
  }

  #write({ request, kadmium }: DecodedRequest, answer: RpcOutcome): void {
    const { clock, strangersContactsMax } = this.#context
    const outcome = kadmium ? answer : trimCloser(request, answer, strangersContactsMax)
    if (!kadmium) {
      // Others cannot read a refusal: for them there is only the reset. An answer to a put that has no record would be worse,
      // for go-libp2p reads the record that is not there.
      if (!outcome.ok) {
        this.#flush()
        this.abort(new Error(`refused: ${outcome.failure.reason ?? outcome.failure.type}`))
        return
      }
      // Others expect no answer to an ADD_PROVIDER, and would take it for that to their next request.
      if (request.type === 'add-provider') return
    }
    const isRecord = request.type === 'get-value' || request.type === 'put-value'
    const timeReceived = isRecord ? new Date(clock.wallClock()).toISOString() : ''
    const encoding = { framed: true, kadmium, timeReceived }
    const bytes = encodeAnswer(request, outcome, encoding, kadmium)
    this.#out.push(bytes)
    this.#outBytes += bytes.length
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    queueMicrotask(() => {
      this.#isFlushDue = false
      this.#flush()
      this.#pump()
    })
  }

  #flush(): void {
    if (this.#isEnded || this.#outBytes === 0 || this.#stream.writableNeedsDrain) return
    const bytes = concat(this.#out)
    this.#out.length = 0
    this.#outBytes = 0
    this.#movedAt = this.#context.clock.now()
    try {
      this.#standing.send(bytes)
    } catch (error) {
      this.abort(asError(error)) // it closed under us, and the event has not come yet
    }
  }

  /** Reads only as long as requests may be taken. */
  #steer(): void {
    if (this.#isEnded) return
    const { readStatus } = this.#stream
    // While requests may be taken, what is pending is the beginning of a message, which needs reading on.
    const isBlocked =
      this.#held !== undefined || (this.#decoder.pendingBytes > 0 && !this.#mayTake())
    if (isBlocked && readStatus === 'readable') this.#stream.pause()
    else if (!isBlocked && readStatus === 'paused') {
      this.#resumeReading()
      return
    }
    this.#closeIfDone()
  }

  /**
   * What has gathered is delivered within libp2p's `resume`, which goes on granting window after it: a pause amid that would
   * be taken for one and not be one. So it is only taken in there, and pumped after it.
   */
  #resumeReading(): void {
    this.#isPumping = true
    try {
      this.#stream.resume()
    } finally {
      this.#isPumping = false
    }
    this.#pump()
  }

  #closeIfDone(): void {
    if (!this.#isRemoteDone || this.#isEnded || !this.isIdle) return
    if (this.#stream.readBufferLength > 0) return
    this.#end()
    this.close()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#cancelHeld?.()
    this.#stream.removeEventListener('drain', this.#onDrain)
    this.#stream.removeEventListener('remoteCloseWrite', this.#onRemoteDone)
    this.#stream.removeEventListener('close', this.#onClose)
    this.#standing.release()
    this.#context.load.forget(this)
    this.#context.onEnd(this)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
