import { noise as plainNoise } from '@chainsafe/libp2p-noise'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { tcp as plainTcp } from '@libp2p/tcp'
import { AbstractMessageStream } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import fc from 'fast-check'
import { createLibp2p } from 'libp2p'
import { Registry } from 'prom-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FastPath, fastPathOf } from '../../src/libp2p/fast-path.ts'
import { noise } from '../../src/libp2p/noise.ts'
import { StandingStream } from '../../src/libp2p/standing-stream.ts'
import { tcp } from '../../src/libp2p/tcp.ts'

const PROTOCOL = '/echo/1.0.0'

const started: Libp2p[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(started.splice(0).map(async (libp2p) => libp2p.stop()))
})

interface Setup {
  readonly plain?: boolean
  readonly metrics?: Registry
}

async function start({ plain = false, metrics: registry }: Setup = {}): Promise<Libp2p> {
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [plain ? plainTcp() : tcp()],
    connectionEncrypters: [plain ? plainNoise() : noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    ...(registry === undefined ? {} : { metrics: prometheusMetrics({ registry }) }),
  })
  started.push(libp2p)
  return libp2p
}

/** One end of a stream, and all that has come on it. */
class End {
  readonly standing: StandingStream
  readonly received: Uint8Array[] = []
  #size = 0
  #wake: () => void = () => {}

  constructor(stream: Stream, connection: Connection, echoes = false) {
    this.standing = new StandingStream(stream, connection, (bytes) => {
      this.received.push(bytes.slice())
      this.#size += bytes.length
      this.#wake()
      if (echoes) this.standing.send(bytes.slice())
    })
  }

  async until(size: number): Promise<Uint8Array> {
    while (this.#size < size) await new Promise<void>((resolve) => (this.#wake = resolve))
    return Buffer.concat(this.received)
  }
}

interface Pair {
  readonly near: End
  readonly far: End
  readonly connection: Connection
  readonly remote: Connection
}

/** A stream between two peers whose far end sends back all that it gets. */
async function pair(a: Libp2p, b: Libp2p): Promise<Pair> {
  const accepted = Promise.withResolvers<{ far: End; remote: Connection }>()
  await b.handle(
    PROTOCOL,
    (stream, remote) => accepted.resolve({ far: new End(stream, remote, true), remote }),
    { force: true },
  )
  const connection = await a.dial(b.getMultiaddrs())
  const stream = await connection.newStream(PROTOCOL)
  const near = new End(stream, connection)
  near.standing.send(Uint8Array.of(0)) // sets the stream up on both sides
  await near.until(1)
  near.received.length = 0
  return { near, ...(await accepted.promise), connection }
}

const echoed = async ({ near }: Pair, bytes: Uint8Array): Promise<void> => {
  const before = near.received.reduce((sum, { length }) => sum + length, 0) + 1
  near.standing.send(bytes)
  await near.until(before + bytes.length)
}

describe('the fast path', () => {
  it('is there with the libp2p that is installed, and carries requests and answers', async () => {
    const both = await pair(await start(), await start())
    expect(fastPathOf(both.connection)).toBeInstanceOf(FastPath)
    expect(fastPathOf(both.remote)).toBeInstanceOf(FastPath)
    const slow = vi.spyOn(AbstractMessageStream.prototype, 'send')
    const heard = vi.spyOn(AbstractMessageStream.prototype, 'onData')
    for (let i = 0; i < 50; i++) await echoed(both, new Uint8Array(200).fill(i))
    // Else none of these is true: look at what libp2p has changed.
    expect(slow).not.toHaveBeenCalled()
    expect(heard).not.toHaveBeenCalled()
    expect(Buffer.concat(both.near.received).length).toBe(50 * 200)
  })

  it('keeps the order of bytes, whichever way each chunk goes', { timeout: 60_000 }, async () => {
    const [a, b] = [await start(), await start()]
    const send = fc.record({
      size: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 200_000 })),
      isSlow: fc.boolean(),
      endsTurn: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(send, { minLength: 1, maxLength: 12 }), async (sends) => {
        const { near } = await pair(a, b)
        const expected: Uint8Array[] = []
        for (const { size, isSlow, endsTurn } of sends) {
          const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) ^ size)
          expected.push(bytes)
          if (isSlow) near.standing.stream.send(bytes.slice())
          else near.standing.send(bytes)
          if (endsTurn) await new Promise(setImmediate)
        }
        const all = Buffer.concat([...expected])
        const back = await near.until(1 + all.length)
        expect(Buffer.compare(back, all)).toBe(0)
        near.standing.stream.abort(new Error('done'))
      }),
      { numRuns: 25 },
    )
  })

  it('leaves other streams of the connection alone', async () => {
    const [a, b] = [await start(), await start()]
    const both = await pair(a, b)
    await b.handle('/other/1.0.0', (stream) => {
      stream.addEventListener('message', ({ data }) => stream.send(data))
    })
    const other = await both.connection.newStream('/other/1.0.0')
    let size = 0
    const done = Promise.withResolvers<void>()
    other.addEventListener('message', ({ data }) => {
      size += data.byteLength
      if (size === 100 * 3_000) done.resolve()
    })
    for (let i = 0; i < 100; i++) {
      other.send(new Uint8Array(3_000).fill(i))
      both.near.standing.send(new Uint8Array(700).fill(i))
    }
    await both.near.until(1 + 100 * 700)
    await done.promise
    expect(Buffer.concat(both.near.received)).toEqual(
      Buffer.concat(Array.from({ length: 100 }, (_, i) => new Uint8Array(700).fill(i))),
    )
  })

  it('hears that the other side reset the stream, and sends no more', async () => {
    const { near, far } = await pair(await start(), await start())
    const closed = new Promise((resolve) => near.standing.stream.addEventListener('close', resolve))
    far.standing.stream.abort(new Error('enough'))
    await closed
    expect(near.standing.stream.status).toBe('reset')
    expect(() => near.standing.send(Uint8Array.of(1))).toThrow(/closed/)
  })

  it('ends the connection at a message that was not sealed by the other side', async () => {
    const { connection, remote } = await pair(await start(), await start())
    const closed = new Promise((resolve) => remote.addEventListener('close', resolve))
    const socket: unknown = Reflect.get(Reflect.get(connection, 'maConn') as object, 'socket')
    ;(socket as { write(bytes: Uint8Array): void }).write(
      Uint8Array.of(0, 20, ...new Uint8Array(20)),
    )
    await closed
    expect(remote.status).toBe('aborted')
  })

  it('survives a stream that is opened in the moment in which the connection ends', async () => {
    const uncaught = vi.fn<(error: Error) => void>()
    process.prependListener('uncaughtException', uncaught)
    const { connection } = await pair(await start(), await start())
    const opening = connection.newStream(PROTOCOL) // the muxer announces it in a microtask
    connection.abort(new Error('it ends now'))
    await expect(opening).rejects.toThrow('closed')
    await new Promise(setImmediate)
    process.removeListener('uncaughtException', uncaught)
    expect(uncaught).not.toHaveBeenCalled()
  })

  it('ends the connection of a peer that sends more than the window allows', async () => {
    const { near, far, connection } = await pair(await start(), await start())
    const closed = new Promise((resolve) => connection.addEventListener('close', resolve))
    far.standing.stream.pause() // and so it grants nothing
    Object.assign(near.standing.stream, { sendWindowCapacity: 2 ** 30 })
    for (let i = 0; i < 10; i++) near.standing.send(new Uint8Array(60_000))
    await closed
    expect(connection.status).not.toBe('open')
  })

  it('lets a mistake of the listener show, and goes on', async () => {
    const both = await pair(await start(), await start())
    const thrown = new Promise((resolve) =>
      process.prependOnceListener('uncaughtException', resolve),
    )
    const others = process.listeners('uncaughtException').slice(1)
    for (const listener of others) process.off('uncaughtException', listener)
    const until = both.near.until.bind(both.near)
    vi.spyOn(both.near.received, 'push').mockImplementationOnce(() => {
      throw new Error('a mistake')
    })
    both.near.standing.send(Uint8Array.of(1))
    expect(await thrown).toEqual(new Error('a mistake'))
    for (const listener of others) process.on('uncaughtException', listener)
    both.near.standing.send(Uint8Array.of(2))
    expect([...(await until(2))]).toEqual([2])
  })

  it('is not there on plain noise, and the streams work', async () => {
    const both = await pair(await start({ plain: true }), await start())
    expect(fastPathOf(both.connection)).toBeUndefined()
    await echoed(both, new Uint8Array(500).fill(5))
    expect(Buffer.concat(both.near.received).length).toBe(500)
  })

  it('has its bytes counted by libp2p’s metrics', async () => {
    const registry = new Registry()
    const both = await pair(await start({ metrics: registry }), await start())
    const heard = vi.spyOn(AbstractMessageStream.prototype, 'onData')
    for (let i = 0; i < 10; i++) await echoed(both, new Uint8Array(1_000))
    expect(heard).not.toHaveBeenCalled()
    const text = await registry.metrics()
    const of = (direction: string): number => {
      const line = text.split('\n').find((l) => l.includes(`${PROTOCOL} ${direction}`)) ?? ''
      return Number(line.split(' ').at(-1))
    }
    expect(of('sent')).toBe(10_001)
    expect(of('received')).toBe(10_001)
  })
})
