import type { Socket } from 'node:net'
import {
  type Connection,
  type SecuredConnection,
  type Stream,
  StreamMessageEvent,
} from '@libp2p/interface'
import { NoiseMessages } from './noise-messages.ts'
import { isShapedLike } from './shape.ts'
import { toBytes } from './stream-bytes.ts'
import { transientBytes } from './transient-bytes.ts'
import {
  dataLengthAt,
  isData,
  isPlainData,
  streamIdAt,
  writeDataHeader,
  YAMUX_HEADER_BYTES,
  YamuxFrames,
} from './yamux-frames.ts'

/** Bytes that Noise takes for one message, 65,535 less its tag (libp2p's specification of Noise). */
const PLAINTEXT_BYTES_MAX = 65_519
const TAG_BYTES = 16
const PREFIX_BYTES = 2

/** The state of a stream of `@libp2p/yamux` that both sides have set up. */
const ESTABLISHED = 3

/** Bytes in a buffer of libp2p's: one piece or a list of them. */
interface ByteList {
  readonly byteLength: number
  subarray(): Uint8Array
}

/** What is used of each of libp2p's message streams (`AbstractMessageStream` of `@libp2p/utils`). */
interface MessageStream {
  readonly status: string
  readonly readStatus: string
  readonly writeStatus: string
  readonly readBuffer: ByteList
  readonly writeBuffer: ByteList
  writableNeedsDrain: boolean
  onData(bytes: Uint8Array): void
  send(bytes: ByteList): boolean
  dispatchEvent(event: Event): boolean
}

/** A connection of `@libp2p/tcp`. */
interface RawConnection extends MessageStream {
  readonly socket: Socket
}

/** A connection of `@chainsafe/libp2p-noise` once its handshake is done. */
interface SealedConnection extends MessageStream {
  readonly stream: RawConnection
  readonly handshake: {
    encrypt(plaintext: Uint8Array): Uint8Array
    decrypt(sealed: Uint8Array, into: Uint8Array): Uint8Array
  }
  readonly metrics?: Record<
    'encryptedPackets' | 'decryptedPackets' | 'decryptErrors',
    { increment(): void }
  >
  decoder: { readonly buffer: ByteList; decode(bytes: ByteList): Iterable<ByteList> }
  sendData(bytes: ByteList): unknown
  abort(error: Error): void
}

/** A stream of `@libp2p/yamux`. */
export interface YamuxStream extends MessageStream {
  readonly streamId: number
  readonly state: number
  readonly sendingData: boolean
  sendWindowCapacity: number
  recvWindowCapacity: number
  sendData(bytes: ByteList): { readonly sentBytes: number; readonly canSendMore: boolean }
  sendWindowUpdate(): void
}

/** One end of a stream that is on the fast path. */
interface Lane {
  readonly stream: YamuxStream
  readonly take: (bytes: Uint8Array) => void
}

interface Chunk {
  readonly streamId: number
  readonly bytes: Uint8Array
}

/** By the connection of `@libp2p/tcp`. */
const paths = new WeakMap<object, FastPath>()

/** Where what is sealed at once is put together: done with when it has been sealed. */
const plaintextBuffer = new Uint8Array(PLAINTEXT_BYTES_MAX)

/**
 * The way of a message between a standing stream and the socket of its connection, without what lies between for a chunk of
 * plain data: four queues, as many events, and a dozen lists of buffers. These are two thirds of the processor's time of a
 * small request. The bytes are the same.
 *
 * It takes only what needs no decision: a data frame without flags, in one piece, of a stream that is set up, within its
 * window, when nothing of it waits anywhere. Everything else, and each frame of other streams, goes the way that libp2p has
 * for it, in the order in which it came. So opening, ending, flow control and every error stay libp2p's own.
 *
 * It builds upon the inside of `@libp2p/tcp`, `@chainsafe/libp2p-noise` and `@libp2p/yamux`. Where these look different it
 * is not there, and streams are as slow as they were; a test sees to it that we notice.
 */
export class FastPath {
  readonly #sealed: SealedConnection
  readonly #messages = new NoiseMessages((message) => this.#open(message))
  readonly #frames = new YamuxFrames()
  readonly #lanes = new Map<number, Lane>()
  readonly #chunks: Chunk[] = []
  #chunkBytes = 0

  constructor(sealed: SealedConnection) {
    this.#sealed = sealed
    const raw = sealed.stream
    // What came while the handshake ended: the muxer has not read it yet, and part of a message may wait.
    this.#follow(sealed.readBuffer.subarray())
    const begun = sealed.decoder.buffer.subarray()
    if (begun.length > 0) this.#messages.push(begun.slice())
    sealed.decoder = {
      buffer: sealed.decoder.buffer,
      decode: (bytes) => {
        this.#messages.push(bytes.subarray())
        return []
      },
    }
    const sendData = sealed.sendData.bind(sealed)
    sealed.sendData = (bytes) => {
      this.flush() // in the order of their making
      return sendData(bytes)
    }
    const send = sealed.send.bind(sealed)
    // The muxer announces a new stream, and answers a ping, after the call: if the connection has ended by then, nothing would
    // catch the error, and the process would end. Who sends data is told as before.
    sealed.send = (bytes) =>
      sealed.writeStatus === 'writable' || isData(bytes.subarray()) ? send(bytes) : true
    const onData = raw.onData.bind(raw)
    raw.onData = (bytes) => {
      if (!isReadyToRead(raw)) onData(bytes)
      else if (isCounted(raw)) raw.dispatchEvent(new StreamMessageEvent(bytes))
      else this.#receive(bytes)
    }
  }

  /** Hears what comes on a stream by the fast path: `take` gets a view. */
  open(stream: YamuxStream, take: (bytes: Uint8Array) => void): void {
    this.#lanes.set(stream.streamId, { stream, take })
    const sendData = stream.sendData.bind(stream)
    stream.sendData = (bytes) => {
      const sentBytes = bytes.byteLength
      if (!this.#mayFrame(stream, sentBytes)) return sendData(bytes)
      this.#frame(stream, bytes.subarray())
      return { sentBytes, canSendMore: true }
    }
  }

  close(stream: YamuxStream): void {
    this.flush()
    if (this.#lanes.get(stream.streamId)?.stream === stream) this.#lanes.delete(stream.streamId)
  }

  /** Sends what is a chunk of a stream, with all that is sent in this turn of the event loop. False: it must go the other way. */
  send(stream: YamuxStream, bytes: Uint8Array): boolean {
    if (stream.sendingData || stream.writeBuffer.byteLength > 0 || isCounted(stream)) return false
    if (!this.#mayFrame(stream, bytes.length)) return false
    this.#frame(stream, bytes)
    return true
  }

  #frame(stream: YamuxStream, bytes: Uint8Array): void {
    stream.sendWindowCapacity -= bytes.length
    const size = YAMUX_HEADER_BYTES + bytes.length
    if (this.#chunkBytes + size > PLAINTEXT_BYTES_MAX) this.flush()
    this.#chunks.push({ streamId: stream.streamId, bytes })
    this.#chunkBytes += size
    if (this.#chunkBytes === size) flushAtTurnEnd(this)
  }

  /** Seals and writes what was sent in this turn. */
  flush(): void {
    if (this.#chunkBytes === 0) return
    let end = 0
    for (const { streamId, bytes } of this.#chunks) {
      const at = writeDataHeader(plaintextBuffer, end, streamId, bytes.length)
      plaintextBuffer.set(bytes, at)
      end = at + bytes.length
    }
    this.#chunks.length = 0
    this.#chunkBytes = 0
    const { handshake, stream: raw, metrics } = this.#sealed
    if (raw.status !== 'open') return // as what libp2p has in its queues then
    try {
      const sealed = handshake.encrypt(plaintextBuffer.subarray(0, end))
      metrics?.encryptedPackets.increment()
      this.#write(raw, sealed)
    } catch (error) {
      this.#sealed.abort(asError(error)) // the nonces are used up
    }
  }

  #write(raw: RawConnection, sealed: Uint8Array): void {
    const bytes = transientBytes(PREFIX_BYTES + sealed.length)
    bytes.writeUInt16BE(sealed.length, 0)
    bytes.set(sealed, PREFIX_BYTES)
    if (isCounted(raw) ? raw.send(bytes) : raw.socket.write(bytes)) return
    raw.writableNeedsDrain = true
    this.#sealed.writableNeedsDrain = true
    for (const { stream } of this.#lanes.values()) stream.writableNeedsDrain = true
  }

  #mayFrame(stream: YamuxStream, size: number): boolean {
    const { writeBuffer, stream: raw } = this.#sealed
    return (
      size <= PLAINTEXT_BYTES_MAX - YAMUX_HEADER_BYTES &&
      size <= stream.sendWindowCapacity &&
      stream.state === ESTABLISHED &&
      isWritable(stream) &&
      isWritable(this.#sealed) &&
      writeBuffer.byteLength === 0 &&
      isWritable(raw) &&
      raw.writeBuffer.byteLength === 0
    )
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#messages.push(toBytes(bytes))
    } catch (error) {
      this.#sealed.abort(asError(error))
    }
  }

  /** @throws Error for a message that was not sealed by the other side. */
  #open(message: Uint8Array): void {
    const { handshake, metrics, status } = this.#sealed
    if (status !== 'open') return
    if (message.length < TAG_BYTES) throw new Error('a message that is shorter than its tag')
    let plaintext: Uint8Array
    try {
      plaintext = handshake.decrypt(message, message.subarray(0, message.length - TAG_BYTES))
    } catch (error) {
      metrics?.decryptErrors.increment()
      throw error
    }
    metrics?.decryptedPackets.increment()
    this.#deliver(toBytes(plaintext))
  }

  /** Gives data of streams that are on the fast path to these, and all else to the muxer. */
  #deliver(bytes: Uint8Array): void {
    let at = 0
    let slow = 0
    while (at < bytes.length) {
      const lane = this.#laneOf(bytes, at)
      if (lane === undefined) {
        at = this.#frames.pass(bytes, at)
        continue
      }
      if (slow < at) {
        this.#sealed.onData(bytes.subarray(slow, at))
        slow = at
        continue // what it brought about may have changed everything
      }
      const data = at + YAMUX_HEADER_BYTES
      at = data + dataLengthAt(bytes, at)
      slow = at
      take(lane, bytes.subarray(data, at))
      if (this.#sealed.status !== 'open') return
    }
    if (slow < bytes.length) this.#sealed.onData(bytes.subarray(slow))
  }

  /** Whose data stands here, if it may take the short way. */
  #laneOf(bytes: Uint8Array, at: number): Lane | undefined {
    if (!this.#frames.isBetween || bytes.length - at < YAMUX_HEADER_BYTES) return undefined
    if (!isPlainData(bytes, at)) return undefined
    const lane = this.#lanes.get(streamIdAt(bytes, at))
    if (lane === undefined) return undefined
    const size = dataLengthAt(bytes, at)
    const { stream } = lane
    const isOpen =
      size > 0 &&
      bytes.length - at - YAMUX_HEADER_BYTES >= size &&
      size <= stream.recvWindowCapacity &&
      isReadyToRead(stream) &&
      isReadyToRead(this.#sealed)
    return isOpen ? lane : undefined
  }

  #follow(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at = this.#frames.pass(bytes, at)
  }
}

/** Puts a connection that has just been secured on the fast path, if it is of the kinds that it knows. */
export function layFastPath(secured: SecuredConnection): void {
  const { connection, streamMuxer } = secured
  // Agreed upon in the handshake; else the first bytes are no frames.
  if (streamMuxer?.protocol !== '/yamux/1.0.0' || !isSealedConnection(connection)) return
  paths.set(connection.stream, new FastPath(connection))
}

/** The fast path of a connection that has one. */
export function fastPathOf(connection: Connection): FastPath | undefined {
  const raw: unknown = Reflect.get(connection, 'maConn')
  return typeof raw === 'object' && raw !== null ? paths.get(raw) : undefined
}

export function isYamuxStream(stream: Stream | YamuxStream): stream is YamuxStream {
  return isShapedLike(stream, {
    ...MESSAGE_STREAM,
    streamId: 'number',
    state: 'number',
    sendingData: 'boolean',
    sendWindowCapacity: 'number',
    recvWindowCapacity: 'number',
    sendData: 'function',
    sendWindowUpdate: 'function',
  })
}

const MESSAGE_STREAM = {
  status: 'string',
  readStatus: 'string',
  writeStatus: 'string',
  readBuffer: 'object',
  writeBuffer: 'object',
  writableNeedsDrain: 'boolean',
  onData: 'function',
  send: 'function',
  dispatchEvent: 'function',
} as const

function isSealedConnection(connection: object): connection is SealedConnection {
  const isSealed = isShapedLike(connection, {
    ...MESSAGE_STREAM,
    stream: 'object',
    handshake: 'object',
    decoder: 'object',
    sendData: 'function',
  })
  if (!isSealed) return false
  const { stream, handshake, decoder } = connection
  return (
    isShapedLike(stream, { ...MESSAGE_STREAM, socket: 'object' }) &&
    isShapedLike(handshake, { encrypt: 'function', decrypt: 'function' }) &&
    isShapedLike(decoder, { buffer: 'object', decode: 'function' })
  )
}

function isWritable(stream: MessageStream): boolean {
  return stream.status === 'open' && stream.writeStatus === 'writable' && !stream.writableNeedsDrain
}

function isReadyToRead(stream: MessageStream): boolean {
  return stream.readStatus === 'readable' && stream.readBuffer.byteLength === 0
}

/** libp2p's metrics count the bytes of a stream by methods of its own that they give it: these are called then. */
function isCounted(stream: MessageStream): boolean {
  return Object.hasOwn(stream, 'send')
}

function take({ stream, take: hear }: Lane, bytes: Uint8Array): void {
  stream.recvWindowCapacity -= bytes.length
  try {
    if (isCounted(stream)) stream.dispatchEvent(new StreamMessageEvent(bytes))
    else hear(bytes)
  } catch (error) {
    // As an event's listener: a mistake of ours must show, and is not the other side's.
    queueMicrotask(() => {
      throw error
    })
  }
  stream.sendWindowUpdate()
}

const due: FastPath[] = []

/** After all that the poll of this turn brings: answers to many requests leave together. */
function flushAtTurnEnd(path: FastPath): void {
  if (due.push(path) === 1) setImmediate(flushDue)
}

function flushDue(): void {
  for (const path of due.splice(0)) path.flush()
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
