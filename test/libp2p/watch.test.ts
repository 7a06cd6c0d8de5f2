import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import type { DhtEvent } from '../../src/core/events.ts'
import type { RpcRequest } from '../../src/core/message.ts'
import { watchProtocolOf } from '../../src/libp2p/network-rules.ts'
import type { KadmiumStatus } from '../../src/libp2p/service.ts'
import type { UserWatchEvent } from '../../src/libp2p/user-watch.ts'
import { encodeRequest } from '../../src/wire/message-encoder.ts'
import { until } from '../support/kad.ts'
import { startPeer, startPeers, stopPeers, type TestPeer } from '../support/peers.ts'
import { sha256, utf8 } from '../support/wire.ts'

const KAD = '/kadmium/kad/1.0.0'
const WATCH = '/kadmium/watch/1.0.0'
const KEY = utf8('/kv/news')

const peers: TestPeer[] = []

afterEach(() => stopPeers(peers.splice(0)))

/** Reads a watch until it ends; what it told is in `events`. */
function reading(
  peer: TestPeer,
  signal: AbortSignal,
  replicas?: number,
): { events: UserWatchEvent[]; ended: Promise<unknown> } {
  const events: UserWatchEvent[] = []
  const read = async (): Promise<unknown> => {
    try {
      for await (const event of peer.dht.watch('/kv/news', { signal, replicas })) events.push(event)
      return undefined
    } catch (error) {
      return error
    }
  }
  return { events, ended: read() }
}

/** A figure of all peers together. */
function sum(figure: (status: KadmiumStatus) => number): number {
  return peers.reduce((total, { dht }) => total + (dht.isStarted() ? figure(dht.status()) : 0), 0)
}

function holds(what: string, condition: () => boolean): Promise<void> {
  return until(what, () => Promise.resolve(condition()))
}

/** A stream from one peer to another, with the outcome of its end. */
async function open(
  from: TestPeer,
  to: TestPeer,
  protocol: string,
): Promise<{ stream: Stream; closed: Promise<void> }> {
  const stream = await from.libp2p.dialProtocol(multiaddr(to.address), protocol)
  const closed = new Promise<void>((resolve) => {
    stream.addEventListener('close', () => resolve())
  })
  return { stream, closed }
}

function frame(request: RpcRequest): Uint8Array {
  return encodeRequest(request, { framed: true, kadmium: true, timeReceived: '' })
}

const WATCH_REQUEST: RpcRequest = {
  type: 'watch',
  key: KEY,
  target: sha256(KEY).slice(0, 20),
  waitMs: 60_000,
}

describe('a watch over libp2p', () => {
  it('brings values to a client, and its subscriptions end with it', async () => {
    peers.push(...(await startPeers(3)))
    const [first, second] = peers as [TestPeer, TestPeer]
    const client = await startPeer({ mode: 'client', bootstrap: [first.address] })
    peers.push(client)
    await client.dht.join()
    // Now there are all the standing streams that there will be.
    await client.dht.findNode('anything')
    await second.dht.put('/kv/other', utf8('anything'))
    const streams = (): number => sum(({ inboundStreams }) => inboundStreams)
    const standing = streams()
    const ending = new AbortController()
    const { events, ended } = reading(client, ending.signal)
    const subscriptions = (): number => sum((status) => status.subscriptions)
    await holds('three peers are subscribed to', () => subscriptions() === 3)
    for (const text of ['one', 'two', 'three']) await second.dht.put('/kv/news', utf8(text))
    await holds('all have come', () => events.length === 3)
    expect(
      events.map((event) => event.type === 'value' && Buffer.from(event.value).toString()),
    ).toEqual(['one', 'two', 'three'])
    expect(events[0]).toMatchObject({ writer: second.libp2p.peerId.toString(), initial: false })
    // Between two requests a watcher's leave is noticed when his lease is over; so he leaves while all of them wait.
    let rests = 0
    await holds('a request waits at each', () => {
      rests = streams() === standing + 3 ? rests + 1 : 0
      return rests === 5
    })
    ending.abort(new Error('enough'))
    expect(await ended).toEqual(new Error('enough'))
    await holds('nobody is subscribed any more', () => subscriptions() === 0)
    expect(client.dht.status().watches).toBe(0)
  })

  it('ends with its peer, and with the connection of the watcher', async () => {
    let asked = 0
    const observe = (event: DhtEvent): void => {
      if (event.type === 'request-received' && event.request === 'watch') asked += 1
    }
    const holder = await startPeer({ observers: [{ observe }] })
    const watcher = await startPeer({ bootstrap: [holder.address] })
    peers.push(holder, watcher)
    await watcher.dht.join()
    const { ended } = reading(watcher, new AbortController().signal)
    // The first request is answered at once, and between two requests a subscription outlives its watcher for a while.
    await holds('a request of it waits', () => asked === 2)
    await watcher.libp2p.stop()
    expect(await ended).toMatchObject({ code: 'ERR_CLOSED' })
    await holds('the holder has noticed', () => holder.dht.status().subscriptions === 0)
    expect(holder.dht.status().inboundStreams).toBe(0)
  })

  it('finds another replica when one stops', async () => {
    peers.push(...(await startPeers(2)))
    const target = sha256(KEY).slice(0, 20)
    peers.sort((a, b) => Buffer.compare(distance(a, target), distance(b, target)))
    const [nearest, next] = peers as [TestPeer, TestPeer]
    const watcher = await startPeer({ mode: 'client', bootstrap: [next.address] })
    peers.push(watcher)
    await watcher.dht.join()
    const { events } = reading(watcher, new AbortController().signal, 1)
    await holds('it listens to the nearest', () => nearest.dht.status().subscriptions === 1)
    await nearest.libp2p.stop()
    await holds('it listens to the next', () => next.dht.status().subscriptions === 1)
    await next.dht.put('/kv/news', utf8('after all'))
    await holds('news has come', () => events.length > 0)
    expect(events.at(-1)).toMatchObject({ type: 'value', value: utf8('after all') })
  })

  it('is not let in among other requests, nor others among watches', async () => {
    peers.push(...(await startPeers(2)))
    const [asker, answerer] = peers as [TestPeer, TestPeer]
    const main = await open(asker, answerer, KAD)
    main.stream.send(frame(WATCH_REQUEST))
    await main.closed
    const other = await open(asker, answerer, WATCH)
    other.stream.send(frame({ type: 'ping' }))
    await other.closed
    const garbage = await open(asker, answerer, WATCH)
    garbage.stream.send(Uint8Array.of(3, 0xff, 0xff, 0xff))
    await garbage.closed
    expect(answerer.dht.status().subscriptions).toBe(0)
    await asker.dht.put('/kv/news', utf8('works all the same'))
  })

  it('has an id of its own in each network', () => {
    expect(watchProtocolOf(KAD)).toBe(WATCH)
    expect(watchProtocolOf('/ipfs/kad/1.0.0')).toBe('/kadmium/watch/1.0.0/ipfs/kad/1.0.0')
  })
})

function distance({ dht }: TestPeer, target: Uint8Array): Uint8Array {
  return dht.node.self.key.map((byte, i) => byte ^ (target[i] ?? 0))
}
