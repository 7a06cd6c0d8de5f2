import type { Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FastPath, type YamuxStream } from '../../src/libp2p/fast-path.ts'
import { NoiseMessages } from '../../src/libp2p/noise-messages.ts'
import { writeDataHeader, YAMUX_HEADER_BYTES } from '../../src/libp2p/yamux-frames.ts'

const TAG_BYTES = 16

/** What libp2p's message streams have. Its metrics give them a `send` and a `dispatchEvent` of their own. */
class FakeStream {
  status = 'open'
  readStatus = 'readable'
  writeStatus = 'writable'
  readBuffer = { byteLength: 0, subarray: (): Uint8Array => new Uint8Array(0) }
  writeBuffer = { byteLength: 0, subarray: (): Uint8Array => new Uint8Array(0) }
  writableNeedsDrain = false
  onData(_bytes: Uint8Array): void {}
  send(_bytes: Uint8Array): boolean {
    return true
  }
  dispatchEvent(_event: Event): boolean {
    return true
  }
}

/** A stream of yamux that is set up. */
class FakeYamuxStream extends FakeStream implements YamuxStream {
  readonly streamId: number
  state = 3
  sendingData = false
  sendWindowCapacity = 1_000_000
  recvWindowCapacity = 1_000_000

  constructor(streamId: number) {
    super()
    this.streamId = streamId
  }

  sendData(_bytes: { readonly byteLength: number }): { sentBytes: number; canSendMore: boolean } {
    return { sentBytes: 0, canSendMore: false }
  }
  sendWindowUpdate(): void {}
}

/** Bytes "sealed" so that a test can read them: a tag of zeros behind them. */
function seal(plaintext: Uint8Array): Uint8Array {
  return Uint8Array.of(...plaintext, ...new Uint8Array(TAG_BYTES))
}

/** A connection whose cipher is none, with a fast path on it. */
function sealedConnection() {
  /** Bytes that came to the muxer. */
  const toMuxer: Uint8Array[] = []
  /** Plaintexts of the messages that were written. */
  const written: Uint8Array[] = []
  const aborted: Error[] = []
  const reader = new NoiseMessages((m) =>
    written.push(Uint8Array.from(m.subarray(0, m.length - TAG_BYTES))),
  )
  const socket = {
    isFull: false,
    write: (bytes: Uint8Array): boolean => {
      reader.push(Uint8Array.from(bytes))
      return !socket.isFull
    },
  }
  const raw = Object.assign(new FakeStream(), { socket: socket as unknown as Socket })
  const sealed = Object.assign(new FakeStream(), {
    stream: raw,
    handshake: {
      encrypt: seal,
      decrypt: (bytes: Uint8Array) => bytes.slice(0, bytes.length - TAG_BYTES),
    },
    decoder: {
      buffer: { byteLength: 0, subarray: () => new Uint8Array(0) },
      decode: (_bytes: { subarray(): Uint8Array }): Iterable<never> => [],
    },
    onData: (bytes: Uint8Array): void => void toMuxer.push(bytes.slice()),
    sendData: (bytes: { subarray(): Uint8Array }): void => {
      const message = seal(bytes.subarray())
      socket.write(Uint8Array.of(message.length >> 8, message.length & 0xff, ...message))
    },
    abort: (error: Error): void => void aborted.push(error),
  })
  return { raw, sealed, socket, toMuxer, written, aborted, path: new FastPath(sealed) }
}

/** The stream that is on the fast path; others are not. */
const FAST = 3

interface Frame {
  readonly streamId: number
  readonly bytes: Uint8Array
  /** 1 is the flag that opens a stream. */
  readonly flags: number
}

function encode({ streamId, bytes, flags }: Frame): Uint8Array {
  const frame = new Uint8Array(YAMUX_HEADER_BYTES + bytes.length)
  frame.set(bytes, writeDataHeader(frame, 0, streamId, bytes.length))
  frame[3] = flags
  return frame
}

function message(plaintext: Uint8Array): Uint8Array {
  const sealed = seal(plaintext)
  return Uint8Array.of(sealed.length >> 8, sealed.length & 0xff, ...sealed)
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** Cuts bytes into pieces of these sizes, again and again. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    pieces.push(bytes.slice(at, at + size))
    at += size
  }
  return pieces
}

const frames = fc.array(
  fc.record({
    streamId: fc.constantFrom(FAST, FAST, 1, 5),
    bytes: fc.uint8Array({ maxLength: 40 }),
    flags: fc.constantFrom(0, 0, 0, 1),
  }),
  { maxLength: 15 },
)
const sizes = fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 8 })

describe('what comes by the fast path', () => {
  it('and what goes to the muxer are all that came, each byte once and in order', () => {
    fc.assert(
      fc.property(
        frames,
        sizes,
        sizes,
        fc.array(fc.boolean()),
        fc.integer({ min: 0, max: 200 }),
        (given, messageSizes, chunkSizes, pauses, window) => {
          const { path, raw, sealed, toMuxer } = sealedConnection()
          const stream = Object.assign(new FakeYamuxStream(FAST), { recvWindowCapacity: window })
          // In the order of delivery: what the muxer got, and what we got, with the header that it lost.
          const delivered: Uint8Array[] = []
          sealed.onData = (bytes) => {
            toMuxer.push(bytes)
            delivered.push(bytes.slice())
          }
          path.open(stream, (bytes) => {
            expect(stream.readStatus).toBe('readable')
            expect(stream.recvWindowCapacity).toBeGreaterThanOrEqual(0)
            delivered.push(encode({ streamId: FAST, bytes, flags: 0 }))
          })
          const plaintext = concat(given.map(encode))
          const wire = concat(cut(plaintext, messageSizes).map(message))
          for (const [i, chunk] of cut(wire, chunkSizes).entries()) {
            stream.readStatus = pauses[i % pauses.length] === true ? 'paused' : 'readable'
            raw.onData(chunk)
          }
          expect(concat(delivered)).toEqual(plaintext)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('is every frame of its stream that came whole in one message', () => {
    fc.assert(
      fc.property(frames, (given) => {
        const { path, raw } = sealedConnection()
        const taken: Uint8Array[] = []
        path.open(new FakeYamuxStream(FAST), (bytes) => taken.push(bytes.slice()))
        raw.onData(message(concat(given.map(encode))))
        expect(taken).toEqual(
          given
            .filter((f) => f.streamId === FAST && f.flags === 0 && f.bytes.length > 0)
            .map(({ bytes }) => bytes),
        )
      }),
    )
  })

  it('is nothing while something of it waits elsewhere', () => {
    const frame = { streamId: FAST, bytes: Uint8Array.of(1, 2), flags: 0 }
    const waiting = { byteLength: 1, subarray: () => Uint8Array.of(0) }
    for (const where of ['stream', 'sealed'] as const) {
      const { path, raw, sealed, toMuxer } = sealedConnection()
      const stream = new FakeYamuxStream(FAST)
      path.open(stream, () => expect.unreachable())
      Object.assign({ stream, sealed }[where], { readBuffer: waiting })
      raw.onData(message(encode(frame)))
      expect(toMuxer).toEqual([encode(frame)])
    }
  })

  it('is no frame that only data of another stream looks like', () => {
    const { path, raw, toMuxer } = sealedConnection()
    path.open(new FakeYamuxStream(FAST), () => expect.unreachable())
    const bait = encode({ streamId: FAST, bytes: Uint8Array.of(1, 2), flags: 0 })
    const frame = encode({ streamId: 1, bytes: bait, flags: 0 })
    raw.onData(message(frame.subarray(0, YAMUX_HEADER_BYTES)))
    raw.onData(message(frame.subarray(YAMUX_HEADER_BYTES)))
    expect(concat(toMuxer)).toEqual(frame)
  })

  it('counts against the window, and asks for more', () => {
    const { path, raw, toMuxer } = sealedConnection()
    let asked = 0
    const stream = Object.assign(new FakeYamuxStream(FAST), {
      recvWindowCapacity: 25,
      sendWindowUpdate: () => {
        asked += 1
      },
    })
    path.open(stream, () => {})
    const frame = encode({ streamId: FAST, bytes: new Uint8Array(10), flags: 0 })
    for (let i = 0; i < 3; i++) raw.onData(message(frame))
    expect(stream.recvWindowCapacity).toBe(5)
    expect(asked).toBe(2)
    expect(toMuxer).toEqual([frame]) // too much: libp2p is to say what follows
  })

  it('ends when the stream is closed', () => {
    const { path, raw, toMuxer } = sealedConnection()
    const stream = new FakeYamuxStream(FAST)
    path.open(stream, () => expect.unreachable())
    path.close(stream)
    const frame = encode({ streamId: FAST, bytes: Uint8Array.of(1), flags: 0 })
    raw.onData(message(frame))
    expect(toMuxer).toEqual([frame])
  })

  it('aborts the connection where a message is no message', () => {
    const { raw, aborted } = sealedConnection()
    raw.onData(Uint8Array.of(0, 3, 1, 2, 3))
    expect(aborted).toHaveLength(1)
  })
})

describe('what goes by the fast path', () => {
  const bytes = Uint8Array.of(7, 8, 9)

  it('leaves at the end of the turn, in one message', async () => {
    const { path, written } = sealedConnection()
    const stream = new FakeYamuxStream(FAST)
    expect(path.send(stream, bytes)).toBe(true)
    expect(path.send(stream, Uint8Array.of(1))).toBe(true)
    expect(written).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    const frame = encode({ streamId: FAST, bytes, flags: 0 })
    const second = encode({ streamId: FAST, bytes: Uint8Array.of(1), flags: 0 })
    expect(written).toEqual([concat([frame, second])])
    expect(stream.sendWindowCapacity).toBe(1_000_000 - 4)
  })

  it('leaves before what libp2p sends after it', () => {
    const { path, sealed, written } = sealedConnection()
    path.send(new FakeYamuxStream(FAST), bytes)
    sealed.sendData({ subarray: () => Uint8Array.of(0xff) })
    expect(written).toEqual([encode({ streamId: FAST, bytes, flags: 0 }), Uint8Array.of(0xff)])
  })

  it('is split into as many messages as it needs', () => {
    const { path, written } = sealedConnection()
    const stream = new FakeYamuxStream(FAST)
    for (let i = 0; i < 5; i++) expect(path.send(stream, new Uint8Array(30_000))).toBe(true)
    path.flush()
    expect(written.map(({ length }) => length)).toEqual([60_024, 60_024, 30_012])
    expect(path.send(stream, new Uint8Array(65_508))).toBe(false)
  })

  it.each([
    ['a stream that is not set up', 'stream', { state: 2 }],
    ['a stream that sends already', 'stream', { sendingData: true }],
    ['a stream that has closed', 'stream', { status: 'reset' }],
    ['a stream that is closing', 'stream', { writeStatus: 'closing' }],
    ['a window that is too small', 'stream', { sendWindowCapacity: 2 }],
    ['a stream that must wait', 'stream', { writableNeedsDrain: true }],
    ['a stream with bytes that wait', 'stream', { writeBuffer: { byteLength: 1 } }],
    ['a stream whose bytes are counted', 'stream', { send: true }],
    ['a secured connection with bytes that wait', 'sealed', { writeBuffer: { byteLength: 1 } }],
    ['a secured connection that has closed', 'sealed', { status: 'closed' }],
    ['a socket that must wait', 'raw', { writableNeedsDrain: true }],
    ['a socket with bytes that wait', 'raw', { writeBuffer: { byteLength: 1 } }],
  ] as const)('is nothing of %s', (_what, where, fields) => {
    const { path, raw, sealed, written } = sealedConnection()
    const stream = new FakeYamuxStream(FAST)
    Object.assign({ stream, raw, sealed }[where], fields)
    expect(path.send(stream, bytes)).toBe(false)
    path.flush()
    expect(written).toEqual([])
  })

  it('is what a counted stream sends, once it has been counted', () => {
    const { path, written } = sealedConnection()
    const stream = new FakeYamuxStream(FAST)
    path.open(stream, () => {})
    stream.sendingData = true // libp2p is about to send what it has counted
    const list = { byteLength: bytes.length, subarray: () => bytes }
    expect(stream.sendData(list)).toEqual({ sentBytes: bytes.length, canSendMore: true })
    path.flush()
    expect(written).toEqual([encode({ streamId: FAST, bytes, flags: 0 })])
    stream.sendWindowCapacity = 0
    expect(stream.sendData(list).sentBytes).toBe(0) // its own
  })

  it('is counted where the connection is counted', () => {
    const { path, raw, written } = sealedConnection()
    const counted: Uint8Array[] = []
    Object.assign(raw, { send: (piece: Uint8Array) => counted.push(piece) > 0 })
    path.send(new FakeYamuxStream(FAST), bytes)
    path.flush()
    expect(written).toEqual([])
    expect(counted).toEqual([Buffer.from(message(encode({ streamId: FAST, bytes, flags: 0 })))])
  })

  it('tells all its streams and the connection to wait when the socket is full', () => {
    const { path, raw, sealed, socket } = sealedConnection()
    const [stream, other] = [new FakeYamuxStream(FAST), new FakeYamuxStream(5)]
    path.open(stream, () => {})
    path.open(other, () => {})
    socket.isFull = true
    expect(path.send(stream, bytes)).toBe(true)
    path.flush()
    for (const each of [raw, sealed, stream, other]) expect(each.writableNeedsDrain).toBe(true)
    expect(path.send(other, bytes)).toBe(false)
  })

  it('is dropped with a connection that has ended', () => {
    const { path, raw, written, aborted } = sealedConnection()
    path.send(new FakeYamuxStream(FAST), bytes)
    raw.status = 'aborted'
    path.flush()
    expect(written).toEqual([])
    expect(aborted).toEqual([])
  })

  it('aborts the connection when its cipher can no more', () => {
    const { path, sealed, aborted } = sealedConnection()
    sealed.handshake.encrypt = () => {
      throw new Error('the nonces are used up')
    }
    path.send(new FakeYamuxStream(FAST), bytes)
    path.flush()
    expect(aborted).toHaveLength(1)
  })
})
