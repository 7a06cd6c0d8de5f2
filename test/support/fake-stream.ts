import { EventEmitter } from 'node:events'
import type { Connection, Stream, StreamHandler } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'

/**
 * One end of a libp2p stream without anything behind it: a test plays the other side, at once and without a socket. Of
 * libp2p's interface it has what the adapter uses.
 */
export class FakeStream {
  status: 'open' | 'closed' | 'aborted' = 'open'
  readStatus: 'readable' | 'paused' = 'readable'
  remoteWriteStatus: 'writable' | 'closed' = 'writable'
  /** Set to make the other side one that does not read. */
  writableNeedsDrain = false
  /** How many pieces can be sent before it needs a drain. */
  sendLimit: number = Number.POSITIVE_INFINITY
  readonly readBufferLength = 0
  /** What was sent to the other side. */
  readonly sent: Uint8Array[] = []
  /** Why it was reset. */
  error: Error | undefined
  readonly #events = new EventEmitter()

  /** What the adapter takes it for. */
  get stream(): Stream {
    return this as unknown as Stream
  }

  /** How many listeners are left. */
  get listeners(): number {
    return this.#events
      .eventNames()
      .reduce((sum, name) => sum + this.#events.listenerCount(name), 0)
  }

  addEventListener(name: string, listener: (event: unknown) => void): void {
    this.#events.on(name, listener)
  }

  removeEventListener(name: string, listener: (event: unknown) => void): void {
    this.#events.off(name, listener)
  }

  send(bytes: Uint8Array): boolean {
    if (this.status !== 'open') throw new Error('the stream has ended')
    this.sent.push(bytes)
    if (this.sent.length >= this.sendLimit) this.writableNeedsDrain = true
    return !this.writableNeedsDrain
  }

  /** Bytes that came while it was paused. */
  #gathered: Uint8Array[] = []
  /** Whether the other side is granted more to send. As libp2p does, `resume` grants it after it has delivered. */
  isGranting = true

  pause(): void {
    if (this.readStatus === 'paused') return
    this.readStatus = 'paused'
    this.isGranting = false
  }

  resume(): void {
    if (this.readStatus === 'readable') return
    this.readStatus = 'readable'
    for (const data of this.#gathered.splice(0)) this.receive(data)
    this.isGranting = true
  }

  close(): Promise<void> {
    if (this.status === 'open') this.status = 'closed'
    return Promise.resolve()
  }

  abort(error: Error): void {
    if (this.status === 'aborted') return
    this.status = 'aborted'
    this.error = error
    this.#events.emit('close', { error })
  }

  /** The other side sends bytes. */
  receive(data: Uint8Array): void {
    if (this.readStatus === 'paused') this.#gathered.push(data)
    else this.#events.emit('message', { data })
  }

  /** The other side has read what was sent. */
  drain(): void {
    this.writableNeedsDrain = false
    this.#events.emit('drain', {})
  }

  /** The other side sends no more. */
  endOfRemote(): void {
    this.remoteWriteStatus = 'closed'
    this.#events.emit('remoteCloseWrite', {})
  }
}

/** A libp2p that keeps the handlers it is given, for a test to call. */
export class FakeRegistrar {
  readonly handlers: Map<string, StreamHandler> = new Map()

  /** What the adapter takes it for. */
  get registrar(): Registrar {
    return this as unknown as Registrar
  }

  handle(protocol: string, handler: StreamHandler): Promise<void> {
    this.handlers.set(protocol, handler)
    return Promise.resolve()
  }

  unhandle(protocol: string): Promise<void> {
    this.handlers.delete(protocol)
    return Promise.resolve()
  }

  /** A peer opens a stream of the protocol. */
  open(protocol: string, peer: string): FakeStream {
    const handler = this.handlers.get(protocol)
    if (handler === undefined) throw new Error(`nobody handles ${protocol}`)
    const stream = new FakeStream()
    const connection = { remotePeer: { toString: () => peer } } as unknown as Connection
    void handler(stream.stream, connection)
    return stream
  }
}
