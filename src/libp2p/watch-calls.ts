import type { Stream, StreamMessageEvent } from '@libp2p/interface'
import type { Contact } from '../core/contact.ts'
import type { RpcFailure, RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Clock, Instant } from '../core/ports.ts'
import { FrameDecoder } from '../wire/framing.ts'
import { type DecodeContext, decodeAnswer } from '../wire/message-decoder.ts'
import { encodeRequest } from '../wire/message-encoder.ts'
import { WireError } from '../wire/wire-error.ts'
import { type Dialer, OpenError } from './dialer.ts'
import { WATCH_OPEN_MS } from './limits.ts'
import { toBytes } from './stream-bytes.ts'

type WatchRequest = Extract<RpcRequest, { type: 'watch' }>

/** What the requests of watchers share. */
export interface WatchCallsInit {
  readonly clock: Clock
  /** Opens streams of the watchers' protocol. */
  readonly dialer: Dialer
  readonly decoding: DecodeContext
  readonly answerBytesMax: number
}

/**
 * The requests of this peer's watches: each on a stream of its own, which ends with the answer.
 *
 * The answer may take a minute. On the standing stream, where answers come in the order of requests, it would hold up all
 * others; so watching has a protocol of its own. And the watcher opens the streams, not the one who has news: so a client
 * behind a NAT hears of it like anyone, serves nothing for it, and when he is gone his stream says so. A stream for each
 * answer costs about a millisecond of both ends' work: little beside a put, which is what brings the answer about.
 */
export class WatchCalls {
  readonly #init: WatchCallsInit
  readonly #calls = new Set<WatchCall>()

  constructor(init: WatchCallsInit) {
    this.#init = init
  }

  /** Requests under way. */
  get size(): number {
    return this.#calls.size
  }

  /** As `Network.send`. */
  send(
    to: Contact,
    request: WatchRequest,
    deadline: Instant,
    settle: (outcome: RpcOutcome) => void,
  ): Cancel {
    const call: WatchCall = new WatchCall(this.#init, request, (outcome) => {
      this.#calls.delete(call)
      if (outcome !== undefined) settle(outcome)
    })
    this.#calls.add(call)
    void call.run(to, deadline)
    return () => call.end(undefined)
  }

  /** Gives up everything under way, with this failure. */
  close(failure: RpcFailure): void {
    for (const call of [...this.#calls]) call.end({ ok: false, failure })
  }
}

/** One request. */
class WatchCall {
  readonly #init: WatchCallsInit
  readonly #request: WatchRequest
  readonly #ended: (outcome: RpcOutcome | undefined) => void
  readonly #decoder: FrameDecoder
  readonly #opening = new AbortController()
  #cancelAlarm: Cancel = () => {}
  #stream: Stream | undefined
  #isOver = false

  constructor(
    init: WatchCallsInit,
    request: WatchRequest,
    ended: (outcome: RpcOutcome | undefined) => void,
  ) {
    this.#init = init
    this.#request = request
    this.#ended = ended
    this.#decoder = new FrameDecoder(init.answerBytesMax)
  }

  async run(to: Contact, deadline: Instant): Promise<void> {
    const { clock, dialer } = this.#init
    this.#setDeadline(Math.min(deadline, clock.now() + WATCH_OPEN_MS))
    try {
      const { stream } = await dialer.open(to, this.#opening.signal)
      if (this.#isOver) {
        stream.abort(new Error('no longer needed'))
        return
      }
      this.#setDeadline(deadline)
      this.#attach(stream)
      stream.send(encodeRequest(this.#request, { framed: true, kadmium: true, timeReceived: '' }))
    } catch (error) {
      this.#fail(error instanceof OpenError ? error.failure : unreachable(String(error)))
    }
  }

  /** Ends it with this outcome; `undefined`: nobody wants one. Only the first end counts. */
  end(outcome: RpcOutcome | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelAlarm()
    this.#opening.abort()
    const stream = this.#stream
    stream?.removeEventListener('message', this.#onMessage)
    stream?.removeEventListener('remoteCloseWrite', this.#onRemoteDone)
    stream?.removeEventListener('close', this.#onClose)
    if (outcome?.ok === true) stream?.close().catch(() => stream.abort(new Error('done')))
    else stream?.abort(new Error('no longer needed'))
    this.#ended(outcome)
  }

  #setDeadline(at: Instant): void {
    this.#cancelAlarm()
    this.#cancelAlarm = this.#init.clock.setAlarm(at, () => this.#fail({ type: 'timeout' }))
  }

  #attach(stream: Stream): void {
    this.#stream = stream
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteDone)
    stream.addEventListener('close', this.#onClose)
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    try {
      this.#decoder.push(toBytes(event.data))
      const answer = this.#decoder.next()
      if (answer === undefined) return
      this.end(decodeAnswer(answer, this.#request, this.#init.decoding).outcome)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#fail({ type: 'malformed', reason: error.message })
    }
  }

  readonly #onRemoteDone = (): void => {
    // What came in the same frame is delivered after this event.
    queueMicrotask(() => this.#fail(unreachable('the peer closed the stream without an answer')))
  }

  readonly #onClose = (): void => this.#fail(unreachable('the connection or the stream broke'))

  #fail(failure: RpcFailure): void {
    this.end({ ok: false, failure })
  }
}

function unreachable(reason: string): RpcFailure {
  return { type: 'unreachable', reason }
}
