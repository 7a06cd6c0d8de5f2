import { Socket } from 'node:net'
import { noise as plainNoise } from '@chainsafe/libp2p-noise'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp as plainTcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { grantLazily } from '../../src/libp2p/lazy-window.ts'
import { noise } from '../../src/libp2p/noise.ts'
import { tcp } from '../../src/libp2p/tcp.ts'

const PROTOCOL = '/echo/1.0.0'
const KINDS = { tuned: { tcp, noise }, plain: { tcp: plainTcp, noise: plainNoise } }
type Kind = keyof typeof KINDS

const started: Libp2p[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(started.splice(0).map(async (libp2p) => libp2p.stop()))
})

async function start(kind: Kind): Promise<Libp2p> {
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [KINDS[kind].tcp()],
    connectionEncrypters: [KINDS[kind].noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  started.push(libp2p)
  return libp2p
}

/** A stream from one peer to another which sends back all that it gets. */
async function echoStream(from: Kind, to: Kind): Promise<Stream> {
  const [a, b] = await Promise.all([start(from), start(to)])
  await b.handle(PROTOCOL, (stream) => {
    if (to === 'tuned') grantLazily(stream)
    stream.addEventListener('message', ({ data }) => stream.send(data))
  })
  const stream = await a.dialProtocol(b.getMultiaddrs(), PROTOCOL)
  if (from === 'tuned') grantLazily(stream)
  return stream
}

async function exchange(stream: Stream, bytes: Uint8Array): Promise<Uint8Array> {
  const received: Uint8Array[] = []
  let size = 0
  return new Promise((resolve, reject) => {
    stream.addEventListener('close', (event) => reject(event.error ?? new Error('closed')))
    const onMessage = ({ data }: { data: { subarray(): Uint8Array; byteLength: number } }) => {
      received.push(data.subarray())
      size += data.byteLength
      if (size < bytes.length) return
      stream.removeEventListener('message', onMessage)
      resolve(Buffer.concat(received))
    }
    stream.addEventListener('message', onMessage)
    stream.send(bytes)
  })
}

describe('the transport', () => {
  it('makes one write of a request and one of its answer', async () => {
    const stream = await echoStream('tuned', 'tuned')
    await exchange(stream, Uint8Array.of(1))
    const writes = [vi.spyOn(Socket.prototype, '_write'), vi.spyOn(Socket.prototype, '_writev')]
    for (let i = 0; i < 100; i++) await exchange(stream, new Uint8Array(200).fill(i))
    const count = writes.reduce((sum, { mock }) => sum + mock.calls.length, 0)
    // Where libp2p changes what the tuning builds upon, it is some 800.
    expect(count).toBeLessThanOrEqual(2 * 100 + 10)
  })

  it.each<[Kind, Kind]>([
    ['tuned', 'tuned'],
    ['tuned', 'plain'],
    ['plain', 'tuned'],
  ])('carries four windows of bytes both ways, %s to %s', async (from, to) => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 7) ^ (i >> 9))
    const back = await exchange(await echoStream(from, to), bytes)
    expect(Buffer.compare(back, bytes)).toBe(0)
  })

  it('goes on after a pause in which the window was used up', async () => {
    const stream = await echoStream('tuned', 'tuned')
    stream.pause()
    const bytes = new Uint8Array(1 << 19).fill(9)
    const back = exchange(stream, bytes)
    // By now the other side has sent all that the window allows.
    await vi.waitUntil(() => stream.readBufferLength >= 1 << 17)
    stream.resume()
    expect((await back).length).toBe(bytes.length)
  })

  it.each<Kind>(['tuned', 'plain'])(
    'closes a connection after all that was sent, %s',
    async (kind) => {
      const [a, b] = await Promise.all([start(kind), start(kind)])
      const done = Promise.withResolvers<number>()
      await b.handle(PROTOCOL, (stream) => {
        let size = 0
        stream.addEventListener('message', ({ data }) => {
          size += data.byteLength
        })
        stream.addEventListener('close', () => done.resolve(size))
      })
      const connection = await a.dial(b.getMultiaddrs())
      const stream = await connection.newStream(PROTOCOL)
      stream.send(new Uint8Array(200_000))
      await connection.close()
      expect(await done.promise).toBe(200_000)
    },
  )

  it('leaves a stream of another muxer as it is', () => {
    const stream = { id: '1' } as Stream
    grantLazily(stream)
    expect(stream).toEqual({ id: '1' })
  })
})
