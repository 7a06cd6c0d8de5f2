import type { Connection, Stream, StreamCloseEvent } from '@libp2p/interface'
import type { Contact } from '../core/contact.ts'
import type { RpcFailure } from '../core/message.ts'
import type { Cancel, Clock, Instant } from '../core/ports.ts'
import { FrameDecoder } from '../wire/framing.ts'
import { type DecodeContext, decodeAnswer, messageType } from '../wire/message-decoder.ts'
import { WireError } from '../wire/wire-error.ts'
import { type Dialer, isUnsupported, OpenError, type OpenedStream } from './dialer.ts'
import type { Exchange } from './exchange.ts'
import { Fifo } from './fifo.ts'
import { PIPELINE_MAX, STALL_MS, WAITING_PER_PEER_MAX } from './limits.ts'
import type { RequestEncoder } from './request-encoder.ts'
import { StandingStream } from './standing-stream.ts'
import { concat } from './stream-bytes.ts'

/** What the channels of a peer share. */
export interface ChannelContext {
  readonly clock: Clock
  readonly dialer: Dialer
  readonly encoder: RequestEncoder
  readonly decoding: DecodeContext
  readonly answerBytesMax: number
  readonly counters: NetworkCounters
  /** The peer does not speak the protocol. */
  readonly onUnsupported: (contact: Contact) => void
  /** A stream is about to be opened: room is made for it. */
  readonly onOpening: (channel: PeerChannel) => void
}

/** What happened on the streams that we opened. */
export interface NetworkCounters {
  streamsOpened: number
  streamsFailed: number
  requestsSent: number
  requestsRetried: number
  malformedAnswers: number
}

const ACKNOWLEDGED = { ok: true, response: { type: 'add-provider' } } as const

/**
 * The requests to one peer: one standing stream, on which they are pipelined; answers come in the same order.
 *
 * - Requests made in one turn leave in one piece.
 * - A request that is out of time keeps its place in the order, for its answer may still come.
 * - If the stream breaks before the oldest request is answered, that request is tried once more on a fresh stream, provided
 *   the broken one had served before (the peer may just have closed it as idle) or carried an ADD_PROVIDER, to which there is
 *   only the reset for a no. Else it is what broke the stream, and it fails: a put is `refused` (libp2p's way to say no), others
 *   are `malformed`. Those behind it go to a fresh stream.
 * - A malformed answer resets the stream.
 * - ADD_PROVIDER: other implementations send no answer to it, so it is done when it is sent, and an answer that comes after
 *   all is dropped. A peer that has shown itself to be Kadmium answers it.
 */
export class PeerChannel {
  readonly #context: ChannelContext
  /** Made and not sent. */
  readonly #waiting = new Fifo<Exchange>()
  /** Sent and not answered. */
  readonly #sent = new Fifo<Exchange>()
  #contact: Contact
  #opened: OpenedStream | undefined
  #standing: StandingStream | undefined
  #opening: AbortController | undefined
  #decoder: FrameDecoder
  /** Whether the present stream has brought an answer. */
  #hasServed = false
  /** Whether the present stream has carried a request that no answer comes to: it may be what broke the stream. */
  #hasUnanswered = false
  #isFlushDue = false
  #isKadmium = false
  #usedAt: Instant = 0

  constructor(context: ChannelContext, contact: Contact) {
    this.#context = context
    this.#contact = contact
    this.#decoder = new FrameDecoder(context.answerBytesMax)
  }

  get isOpen(): boolean {
    return this.#opened !== undefined
  }

  /** Nothing is waiting or under way. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#sent.length === 0 && this.#opening === undefined
  }

  /** When a request was last made. */
  get usedAt(): Instant {
    return this.#usedAt
  }

  send(exchange: Exchange): void {
    this.#usedAt = this.#context.clock.now()
    this.#contact = exchange.to
    if (this.#waiting.length >= WAITING_PER_PEER_MAX) {
      const reason = `${WAITING_PER_PEER_MAX} requests to this peer wait already`
      queueMicrotask(() => exchange.fail({ type: 'aborted', reason }))
      return
    }
    this.#waiting.push(exchange)
    this.#proceed()
  }

  /** Resets the stream if its oldest request is out of time and nothing has come for long. */
  checkStall(now: Instant): void {
    const oldest = this.#sent.first
    if (oldest === undefined || oldest.isOpen || now - oldest.sentAt < STALL_MS) return
    const stream = this.#opened?.stream
    if (stream === undefined) return
    this.#detach()
    stream.abort(new Error(`no answer for ${Math.round(now - oldest.sentAt)} ms`))
    this.#requeue()
    this.#proceed()
  }

  /** Closes the stream; only when idle. */
  closeIdle(): void {
    const stream = this.#opened?.stream
    if (stream === undefined) return
    this.#detach()
    closeQuietly(stream)
  }

  /** Gives everything up at once. */
  abort(failure: RpcFailure): void {
    this.#opening?.abort()
    this.#opening = undefined
    const stream = this.#opened?.stream
    this.#detach()
    stream?.abort(new Error(failure.reason ?? failure.type))
    for (const exchange of [...this.#sent.takeAll(), ...this.#waiting.takeAll()]) {
      exchange.fail(failure)
    }
  }

  #proceed(): void {
    if (this.#waiting.length === 0) return
    if (this.#opened === undefined) this.#open()
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true
      queueMicrotask(() => this.#flush())
    }
  }

  #open(): void {
    if (this.#opening !== undefined) return
    const opening = new AbortController()
    this.#opening = opening
    this.#context.onOpening(this)
    const cancel = this.#abortWhenUnwanted(opening)
    this.#context.dialer.open(this.#contact, opening.signal).then(
      (opened) => {
        cancel()
        if (this.#opening === opening) this.#attach(opened)
        else opened.stream.abort(new Error('no longer needed'))
      },
      (error: unknown) => {
        cancel()
        if (this.#opening !== opening) return
        this.#opening = undefined
        if (opening.signal.aborted) this.#restartOpening()
        else this.#failOpening(error)
      },
    )
  }

  /** Opening was given up because all who waited were out of time. Since then somebody may have come. */
  #restartOpening(): void {
    const now = this.#context.clock.now()
    const waiting = this.#waiting.takeAll()
    this.#waiting.prepend(waiting.filter(({ isOpen, deadline }) => isOpen && deadline > now))
    for (const exchange of waiting) if (exchange.deadline <= now) exchange.fail({ type: 'timeout' })
    this.#proceed()
  }

  /** Gives up opening at the last deadline of those who wait, not when the first has lost patience. */
  #abortWhenUnwanted(opening: AbortController): Cancel {
    const { clock } = this.#context
    let cancel: Cancel = () => {}
    const arm = (): void => {
      const latest = this.#latestDeadline()
      if (latest <= clock.now()) opening.abort()
      else cancel = clock.setAlarm(latest, arm)
    }
    arm()
    return () => cancel()
  }

  #latestDeadline(): Instant {
    let latest = 0
    for (const exchange of this.#waiting.items()) {
      if (exchange.isOpen && exchange.deadline > latest) latest = exchange.deadline
    }
    return latest
  }

  #attach(opened: OpenedStream): void {
    this.#opening = undefined
    const { stream } = opened
    if (stream.status !== 'open' || stream.remoteWriteStatus === 'closed') {
      this.#failOpening(new Error('the peer closed the stream at once'))
      return
    }
    this.#context.counters.streamsOpened += 1
    this.#opened = opened
    this.#hasServed = false
    this.#hasUnanswered = false
    this.#decoder = new FrameDecoder(this.#context.answerBytesMax)
    this.#standing = new StandingStream(stream, opened.connection, this.#onBytes)
    stream.addEventListener('drain', this.#onDrain)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteDone)
    stream.addEventListener('close', this.#onClose)
    const now = this.#context.clock.now()
    for (const exchange of this.#waiting.items()) exchange.openedAt = now
    this.#flush()
  }

  #detach(): void {
    const stream = this.#opened?.stream
    this.#opened = undefined
    this.#standing?.release()
    this.#standing = undefined
    if (stream === undefined) return
    stream.removeEventListener('drain', this.#onDrain)
    stream.removeEventListener('remoteCloseWrite', this.#onRemoteDone)
    stream.removeEventListener('close', this.#onClose)
  }

  #failOpening(error: unknown): void {
    this.#opening = undefined
    this.#context.counters.streamsFailed += 1
    const cause = error instanceof OpenError ? error.cause : error
    if (isUnsupported(cause)) this.#context.onUnsupported(this.#contact)
    const failure: RpcFailure =
      error instanceof OpenError
        ? error.failure
        : { type: 'unreachable', reason: error instanceof Error ? error.message : String(error) }
    for (const exchange of this.#waiting.takeAll()) exchange.fail(failure)
  }

  /** Sends what waits, as far as the pipeline and the stream take it. */
  #flush(): void {
    this.#isFlushDue = false
    const opened = this.#opened
    if (opened === undefined || opened.stream.writableNeedsDrain) return
    const now = this.#context.clock.now()
    const unanswered: Exchange[] = []
    const chunks: Uint8Array[] = []
    while (this.#waiting.length > 0 && this.#sent.length < PIPELINE_MAX) {
      const exchange = this.#waiting.shift() as Exchange // length > 0
      if (!exchange.isOpen) continue
      chunks.push(this.#context.encoder.encode(exchange.request))
      exchange.sentAt = now
      if (exchange.request.type === 'add-provider' && !this.#isKadmium) {
        unanswered.push(exchange)
        this.#hasUnanswered = true
      } else this.#sent.push(exchange)
    }
    if (chunks.length === 0) return
    this.#context.counters.requestsSent += chunks.length
    try {
      this.#standing?.send(concat(chunks))
    } catch {
      // It closed under us, and the event has not come yet.
      this.#waiting.prepend(unanswered)
      this.#lose(opened, 'the stream broke')
      return
    }
    for (const exchange of unanswered) exchange.settle(ACKNOWLEDGED)
  }

  readonly #onBytes = (bytes: Uint8Array): void => {
    const opened = this.#opened
    try {
      this.#decoder.push(bytes)
      for (let next = this.#decoder.next(); next !== undefined; next = this.#decoder.next()) {
        this.#take(next)
        if (this.#opened !== opened) return // an outcome made someone stop the peer
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      if (opened !== undefined) this.#breakOff(opened, error)
    }
    this.#proceed()
  }

  /** One answer. On an error the request stays the oldest, and is the one to blame. */
  #take(bytes: Uint8Array): void {
    const type = messageType(bytes)
    const oldest = this.#sent.first
    if (type === 'add-provider' && oldest?.request.type !== type) return
    if (oldest === undefined) throw new WireError('an answer that nobody asked for')
    if (oldest.request.type === 'add-provider' && type !== 'add-provider') {
      this.#sent.shift()
      oldest.settle(ACKNOWLEDGED) // it does not answer these after all
      this.#take(bytes)
      return
    }
    const { outcome, kadmium } = decodeAnswer(bytes, oldest.request, this.#context.decoding)
    this.#sent.shift()
    this.#hasServed = true
    this.#isKadmium = kadmium
    const { openedAt } = oldest
    const rttMs = openedAt === undefined ? undefined : this.#context.clock.now() - openedAt
    oldest.settle(outcome, rttMs)
  }

  #breakOff(opened: OpenedStream, error: WireError): void {
    this.#context.counters.malformedAnswers += 1
    if (this.#opened !== opened) return
    this.#detach()
    opened.stream.abort(error)
    this.#sent.shift()?.fail({ type: 'malformed', reason: error.message })
    this.#requeue()
  }

  readonly #onDrain = (): void => this.#proceed()

  readonly #onRemoteDone = (): void => {
    // What came in the same frame is delivered after this event.
    const opened = this.#opened
    queueMicrotask(() => {
      if (opened === undefined || this.#opened !== opened) return
      if (this.#sent.length === 0) this.closeIdle()
      else {
        this.#lose(opened, 'the peer closed the stream without an answer')
        opened.stream.abort(new Error('closed without an answer'))
      }
      this.#proceed()
    })
  }

  readonly #onClose = (event: StreamCloseEvent): void => {
    const opened = this.#opened
    if (opened === undefined) return
    this.#lose(
      opened,
      event.error === undefined ? 'the stream closed' : 'the peer reset the stream',
    )
  }

  /** The stream is gone, with or without requests under way. */
  #lose(opened: OpenedStream, reason: string): void {
    if (this.#opened !== opened) return
    this.#detach()
    const oldest = this.#sent.first
    if (oldest !== undefined) {
      const mayBeInnocent = this.#hasServed || this.#hasUnanswered
      if (mayBeInnocent && !oldest.isRetried) oldest.isRetried = true
      else {
        this.#sent.shift()
        oldest.fail(lossFailure(oldest, opened.connection, reason))
      }
    }
    this.#requeue()
    this.#proceed()
  }

  /** Puts what was sent and not answered before what waits, for the next stream. */
  #requeue(): void {
    const open = this.#sent.takeAll().filter(({ isOpen }) => isOpen)
    this.#context.counters.requestsRetried += open.length
    this.#waiting.prepend(open)
  }
}

function lossFailure({ request }: Exchange, connection: Connection, reason: string): RpcFailure {
  if (connection.status !== 'open') return { type: 'unreachable', reason: 'the connection broke' }
  return { type: request.type === 'put-value' ? 'refused' : 'malformed', reason }
}

function closeQuietly(stream: Stream): void {
  stream.close().catch((error: unknown) => {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
  })
}
