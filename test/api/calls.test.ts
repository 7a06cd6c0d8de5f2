import { ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcWebTransport } from '@connectrpc/connect-web'
import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { connectKadmium } from '../../src/api/client.ts'
import { EventQueue } from '../../src/api/event-queue.ts'
import { Kadmium } from '../../src/api/gen/kadmium/v1/kadmium_pb.ts'
import { RemotePeer } from '../../src/api/remote-peer.ts'
import { FakePeer } from './fake-peer.ts'
import { errorOfStream, ForeignClient, loadProto } from './foreign-client.ts'
import { Servers } from './servers.ts'

const servers = new Servers()

afterEach(() => servers.close())

describe('the lookup behind a call', () => {
  it('ends when a gRPC client cancels', async () => {
    const { peer, foreign } = await serve()
    const call = foreign.stream('Lookup', { key: 'greeting', trace: true })
    const failed = errorOfStream(call)
    await peer.until(() => peer.begun.length === 1)
    expect(peer.ended).toHaveLength(0)
    call.cancel()
    await peer.until(() => peer.ended.length === 1)
    expect((await failed).code).toBe(status.CANCELLED)
  })

  it('ends when a client of gRPC-Web stops reading', async () => {
    const { peer, url } = await serve()
    const client = createClient(Kadmium, createGrpcWebTransport({ baseUrl: url }))
    const ending = new AbortController()
    const events = client.lookup({ key: 'greeting', trace: true }, { signal: ending.signal })
    for await (const { event } of events) {
      expect(event.case).toBe('start')
      await peer.until(() => peer.begun.length === 1)
      break
    }
    ending.abort()
    await peer.until(() => peer.ended.length === 1)
  })

  it('ends when our own client is aborted, and the client says why', async () => {
    const { peer, address } = await serve()
    const ending = new AbortController()
    const call = new RemotePeer(address).lookup('greeting', { signal: ending.signal })
    const failure = call.catch((error: unknown) => error)
    await peer.until(() => peer.begun.length === 1)
    ending.abort()
    await peer.until(() => peer.ended.length === 1)
    expect(await failure).toBeInstanceOf(ConnectError)
  })

  it('ends when a program leaves the loop over its events', async () => {
    const { peer, address } = await serve()
    for await (const { event } of connectKadmium(address).lookup({ key: 'a', trace: true })) {
      expect(event.case).toBe('start')
      await peer.until(() => peer.begun.length === 1)
      break
    }
    await peer.until(() => peer.ended.length === 1)
  })

  it('ends when the connection of its caller is cut', async () => {
    const { peer, foreign, server } = await serve()
    const failure = errorOfStream(foreign.stream('Lookup', { key: 'greeting' }))
    await peer.until(() => peer.begun.length === 1)
    await server.close()
    await peer.until(() => peer.ended.length === 1)
    expect((await failure).code).toBe(status.UNAVAILABLE)
  })

  it('is told of the deadline of the call, and ends at it', async () => {
    const { peer, foreign } = await serve()
    const deadline = new Date(Date.now() + 300)
    const call = foreign.stream('Lookup', { key: 'greeting' }, { deadline })
    const failed = errorOfStream(call)
    await peer.until(() => peer.begun.length === 1)
    expect(peer.begun[0]?.timeoutMs).toBeGreaterThan(0)
    expect(peer.begun[0]?.timeoutMs).toBeLessThanOrEqual(300)
    expect((await failed).code).toBe(status.DEADLINE_EXCEEDED)
    await peer.until(() => peer.ended.length === 1)
  })

  it('is told of the earlier one where the request names a deadline too', async () => {
    const { peer, foreign } = await serve()
    const late = { deadline: new Date(Date.now() + 60_000) }
    const calls = [
      foreign.stream('Lookup', { key: 'greeting', timeoutMs: 5_000 }, late),
      foreign.stream('Lookup', { key: 'greeting', timeoutMs: 90_000 }, late),
      foreign.stream('Lookup', { key: 'greeting', timeoutMs: 7_000 }),
      foreign.stream('Lookup', { key: 'greeting' }),
    ]
    await peer.until(() => peer.begun.length === calls.length)
    const told = peer.begun.map(({ timeoutMs }) => timeoutMs).sort((a = 0, b = 0) => a - b)
    expect(told).toEqual([5_000, 7_000, expect.closeTo(60_000, -5), undefined])
    expect(told[2]).toBeLessThanOrEqual(60_000)
    for (const call of calls) call.on('error', () => {}).cancel()
    await peer.until(() => peer.ended.length === calls.length)
  })

  it('is not begun with a deadline that no timer can keep', async () => {
    const { foreign } = await serve()
    const deadline = new Date(Date.now() + 365 * 24 * 3_600_000)
    const call = foreign.stream('Lookup', { key: 'greeting' }, { deadline })
    const error = await errorOfStream(call)
    expect(error.code).toBe(status.INVALID_ARGUMENT)
    expect(error.details).toContain('2147483647')
  })
})

describe('a watch behind a call', () => {
  it('gives its events over gRPC-Web as they come, and ends with the call', async () => {
    const { peer, url } = await serve()
    const client = createClient(Kadmium, createGrpcWebTransport({ baseUrl: url }))
    const ending = new AbortController()
    const events = client.watch({ key: '/kv/greeting' }, { signal: ending.signal })
    for await (const { event } of events) {
      expect(event).toMatchObject({ case: 'gap', value: { key: '/kv/greeting' } })
      break
    }
    ending.abort()
    await peer.until(() => peer.ended.length === 1)
  })
})

describe('a stream that is not read', () => {
  it('fails rather than fill the memory, after what was there before', async () => {
    const queue = new EventQueue<number>(3)
    for (let event = 0; event < 9; event++) queue.push(event)
    const read: number[] = []
    const reading = (async () => {
      for await (const event of queue) read.push(event)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_BUSY', details: { limit: 3 } })
    expect(read).toEqual([0, 1, 2])
  })
})

async function serve() {
  const peer = new FakePeer()
  const { server, address, url } = await servers.serve(peer)
  const definition = loadProto('kadmium/v1/kadmium.proto')
  const foreign = servers.use(new ForeignClient(address, 'kadmium.v1.Kadmium', definition))
  return { peer, server, address, url, foreign }
}
