import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerInfo, RoutingOptions } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { MemoryDatastore } from 'datastore-core'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import { type KadDHTInit, kadDHT, passthroughMapper } from '../../src/kad-dht.ts'
import { until } from '../support/kad.ts'
import {
  cidOf,
  connect,
  connectAll,
  eventsOf,
  MIXED_PROTOCOL,
  nodeOptions,
  type OurNode,
  providersFound,
  services,
  startOurs,
  textOf,
  utf8,
} from '../support/kad-dht-peers.ts'
import { startPeer, startPeers, stopPeers } from '../support/peers.ts'

const started: OurNode[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map(async (node) => node.stop()))
})

async function start(init: KadDHTInit = {}): Promise<OurNode> {
  const node = await startOurs(init)
  started.push(node)
  return node
}

async function startPair(init: KadDHTInit = {}): Promise<readonly [OurNode, OurNode]> {
  const pair = await Promise.all([start(init), start(init)])
  await connectAll(pair, 1)
  return pair
}

describe('the options of kadDHT', () => {
  it.each([
    [{ kBucketSize: Number.POSITIVE_INFINITY }, /`kBucketSize` .* 1…100, got Infinity: /],
    [{ alpha: 33 }, /`alpha` must be a whole number in 1…32, got 33/],
    [{ selectors: { v: async () => 0 } }, /`selectors.v` is asynchronous/],
    [{ protocol: 'kad' }, /`protocol` must be of the form/],
  ])('refuses %o', async (init, message) => {
    // What types forbid, programs without types do.
    await expect(start(init as KadDHTInit)).rejects.toThrow(message)
  })

  it('names in a warning what changes nothing', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const init = { prefixLength: 8, metricsPrefix: 'x', typo: 1, alpha: 3 }
    await start(init)
    const { message, name } = await warned
    expect(name).toBe('KadmiumWarning')
    expect(message).toMatch(/`prefixLength` \(.+\), `metricsPrefix` \(.+\), `typo` \(not known\)$/)
  })

  it('takes theirs: k, alpha, protocol', async () => {
    const { services } = await start({ kBucketSize: 5, alpha: 4, protocol: '/x/kad/1.0.0' })
    expect(services.dht).toMatchObject({ k: 5, a: 4, d: 1, protocol: '/x/kad/1.0.0' })
    expect(services.dht.kadmium.node.options).toMatchObject({ k: 5, alpha: 4 })
    expect(Object.keys(services.dht.validators)).toEqual(['pk', 'v'])
    expect(Object.keys(services.dht.selectors)).toEqual(['pk', 'v'])
  })

  it('takes any k with the protocol of IPFS, and what IPFS recommends beside', async () => {
    const protocol = '/ipfs/kad/1.0.0'
    const { options } = (await start({ kBucketSize: 5, protocol })).services.dht.kadmium.node
    expect(options).toMatchObject({ k: 5, alpha: 10, getQuorum: 5, refreshIntervalMs: 600_000 })
  })

  it('serves while it can be reached if nothing is said of the mode', async () => {
    const init = { protocol: MIXED_PROTOCOL, peerInfoMapper: passthroughMapper }
    const dht = kadDHT(init)
    const node = await createLibp2p({ ...nodeOptions(), services: { ...services(), dht } })
    started.push(node)
    await until('it serves', async () => node.services.dht.getMode() === 'server')
    expect(node.getProtocols()).toContain(MIXED_PROTOCOL)
    await node.services.dht.setMode('client')
    expect(node.getProtocols()).not.toContain(MIXED_PROTOCOL)
  })
})

describe('the mode of kadDHT', () => {
  it('can be set before the start, and outlives a stop', async () => {
    const dht = kadDHT({ protocol: MIXED_PROTOCOL })
    const options = { ...nodeOptions(), services: { ...services(), dht }, start: false }
    const node = await createLibp2p(options)
    started.push(node)
    const { dht: service } = node.services
    expect(service.getMode()).toBe('client')
    await service.setMode('server')
    expect(service.getMode()).toBe('server')
    for (let run = 0; run < 2; run++) {
      await node.start()
      expect(service.getMode()).toBe('server')
      expect(node.getProtocols()).toContain(MIXED_PROTOCOL)
      await node.stop()
    }
    expect(service.getMode()).toBe('server')
  })

  it('is set, and the table refreshed, no longer than the signal allows', async () => {
    const { dht } = (await start()).services
    const reason = new Error('no longer wanted')
    const signal = AbortSignal.abort(reason)
    await expect(dht.setMode('client', { signal })).rejects.toBe(reason)
    expect(dht.getMode()).toBe('server')
    await expect(dht.refreshRoutingTable({ signal })).rejects.toBe(reason)
    await expect(dht.cancelReprovide(await cidOf('x'), { signal })).rejects.toBe(reason)
    const giveUp = new AbortController()
    const refreshed = dht.refreshRoutingTable({ signal: giveUp.signal })
    giveUp.abort(reason)
    await expect(refreshed).rejects.toBe(reason)
  })
})

describe('records of kadDHT', () => {
  it('are refused without a validator', async () => {
    const [a] = await startPair()
    const put = a.contentRouting.put(utf8('/other/key'), utf8('ok'))
    await expect(put).rejects.toMatchObject({ code: 'ERR_INVALID_KEY' })
    const invalid = a.contentRouting.put(utf8('/v/key'), utf8('bad'))
    await expect(invalid).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD', message: 'not ok' })
  })

  it('may have a validator that takes time', async () => {
    const validators = {
      slow: async (_key: Uint8Array, value: Uint8Array) => {
        await new Promise((resolve) => setImmediate(resolve))
        if (textOf(value) === 'bad') throw new Error('it is bad')
      },
    }
    const [a, b] = await startPair({ validators, selectors: {} })
    await a.contentRouting.put(utf8('/slow/key'), utf8('good'))
    expect(b.services.dht.kadmium.node.records.size).toBe(1)
    expect(textOf(await b.contentRouting.get(utf8('/slow/key')))).toBe('good')
    const put = a.contentRouting.put(utf8('/slow/key'), utf8('bad'))
    await expect(put).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD', message: 'it is bad' })
  })

  it('are judged again by those who get them', async () => {
    const [lax, strict] = await Promise.all([
      start({ validators: { v: () => {} }, selectors: {} }),
      start({ clientMode: true }),
    ])
    await connect(strict, lax)
    await until('the server is known', async () => strict.services.dht.routingTable.size === 1)
    await lax.services.dht.kadmium.node.put(utf8('/v/key'), utf8('bad'))
    await expect(strict.contentRouting.get(utf8('/v/key'))).rejects.toMatchObject({
      errors: [{ name: 'NotFoundError' }],
    })
  })

  it('stand as the selector says, whatever comes later', async () => {
    const [a, b] = await startPair()
    await a.contentRouting.put(utf8('/v/key'), utf8('ok 2'))
    const worse = b.contentRouting.put(utf8('/v/key'), utf8('ok 1'))
    await expect(worse).rejects.toMatchObject({ code: 'ERR_STALE_WRITE' })
    await b.contentRouting.put(utf8('/v/key'), utf8('ok 3'))
    expect(textOf(await a.contentRouting.get(utf8('/v/key')))).toBe('ok 3')
  })

  it.each([
    ['a selector that calls all equal', { v: () => 0 }],
    ['no selector', {}],
  ])('with %s stand as put last', async (_name, selectors) => {
    const [a, b] = await startPair({ selectors })
    for (const value of ['ok 2', 'ok 1', 'ok 3']) {
      await a.contentRouting.put(utf8('/v/key'), utf8(value))
      expect(textOf(await b.contentRouting.get(utf8('/v/key')))).toBe(value)
    }
  })

  it('have no order by a selector that answers with a promise: their bytes decide', async () => {
    const selectors = { v: () => Promise.reject(new Error('asked too late')) as unknown as number }
    const [a, b] = await startPair({ selectors })
    await a.contentRouting.put(utf8('/v/key'), utf8('ok 2'))
    const worse = b.contentRouting.put(utf8('/v/key'), utf8('ok 1'))
    await expect(worse).rejects.toMatchObject({ code: 'ERR_STALE_WRITE' })
    expect(textOf(await b.contentRouting.get(utf8('/v/key')))).toBe('ok 2')
  })

  it('outlive their peer in its datastore, below their prefix', async () => {
    const datastore = new MemoryDatastore()
    const validators = { v: async () => {} }
    const init = { validators, clientMode: false, datastorePrefix: '/mine' }
    const create = () =>
      createLibp2p({
        ...nodeOptions(),
        datastore,
        services: { ...services(), dht: kadDHT({ ...init, allowQueryWithZeroPeers: true }) },
      })
    const first = await create()
    await first.contentRouting.put(utf8('/v/key'), utf8('kept'))
    await first.stop()
    const keys: string[] = []
    for await (const { key } of datastore.query({})) keys.push(key.toString())
    expect(keys.filter((key) => key.startsWith('/mine/kadmium/')).length).toBeGreaterThan(0)
    const second = await create()
    started.push(second)
    expect(textOf(await second.contentRouting.get(utf8('/v/key')))).toBe('kept')
  })
})

describe('a query of kadDHT', () => {
  it('tells what happens, to its reader and to onProgress', async () => {
    const [a, b] = await startPair()
    await b.contentRouting.put(utf8('/v/key'), utf8('ok'))
    const other = await start({ clientMode: true })
    await connect(other, a)
    const progress: string[] = []
    const options = { onProgress: ({ type }: { type: string }) => progress.push(type) }
    const events = await eventsOf(other.services.dht.get(utf8('/v/key'), options))
    const names = events.map(({ name }) => name)
    for (const name of ['ADD_PEER', 'DIAL_PEER', 'SEND_QUERY', 'PEER_RESPONSE', 'VALUE'] as const) {
      expect(names).toContain(name)
    }
    expect(progress).toEqual(
      names.map((name) => `kad-dht:query:${name.toLowerCase().replace('_', '-')}`),
    )
    const response = events.find((event) => event.name === 'PEER_RESPONSE')
    expect(response).toMatchObject({ messageName: 'GET_VALUE', messageType: 'GET_VALUE', type: 1 })
    const value = events.find((event) => event.name === 'VALUE')
    expect(value?.name === 'VALUE' && textOf(value.value)).toBe('ok')
  })

  it('is given up by a reader who breaks off', async () => {
    const [a] = await startPair()
    for await (const _ of a.services.dht.getClosestPeers(utf8('key'))) break
    expect(a.services.dht.kadmium.status().operations).toBe(0)
  })

  it('waits for a first peer', async () => {
    const [a, b] = await Promise.all([start(), start()])
    const put = a.contentRouting.put(utf8('/v/early'), utf8('ok'))
    await connect(b, a)
    await put
    expect(textOf(await b.contentRouting.get(utf8('/v/early')))).toBe('ok')
  })

  it('does not wait beyond its signal', async () => {
    const node = await start()
    const signal = AbortSignal.timeout(10)
    const get = node.contentRouting.get(utf8('/v/key'), { signal })
    await expect(get).rejects.toMatchObject({ errors: [{ name: 'TimeoutError' }] })
  })

  it.each(['put', 'get', 'provide', 'findProviders', 'findPeer', 'getClosestPeers'] as const)(
    'of %s ends with the reason of its signal, before it begins and in its midst',
    async (name) => {
      const [a] = await startPair()
      const { dht } = a.services
      const key = utf8('/v/key')
      const cid = await cidOf('block')
      const stranger = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
      const start = (options: RoutingOptions) =>
        ({
          put: () => dht.put(key, utf8('ok'), options),
          get: () => dht.get(key, options),
          provide: () => dht.provide(cid, options),
          findProviders: () => dht.findProviders(cid, options),
          findPeer: () => dht.findPeer(stranger, options),
          getClosestPeers: () => dht.getClosestPeers(key, options),
        })[name]()
      const reason = new Error('no longer wanted')
      const before = eventsOf(start({ signal: AbortSignal.abort(reason) }))
      await expect(before).rejects.toBe(reason)
      const giveUp = new AbortController()
      const options = { signal: giveUp.signal, onProgress: () => giveUp.abort(reason) }
      await expect(eventsOf(start(options))).rejects.toBe(reason)
      expect(dht.kadmium.status().operations).toBe(0)
    },
  )

  it('does not wait beyond the end of its peer', async () => {
    const node = await startOurs()
    const get = eventsOf(node.services.dht.get(utf8('/v/key')))
    const [ended] = await Promise.allSettled([get, node.stop()])
    expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } })
  })

  it('ends at once without peers if told so', async () => {
    const node = await start({ allowQueryWithZeroPeers: true })
    expect(await eventsOf(node.services.dht.get(utf8('/v/key')))).toEqual([])
    const cid = await cidOf('nobody')
    expect(await eventsOf(node.contentRouting.findProviders(cid))).toEqual([])
  })

  it('that writes says so if nobody can be told', async () => {
    const init = { allowQueryWithZeroPeers: true }
    const client = await start({ ...init, clientMode: true })
    const cid = await cidOf('block')
    const noPeers = { code: 'ERR_NO_PEERS' }
    await expect(client.contentRouting.put(utf8('/v/key'), utf8('ok'))).rejects.toMatchObject(
      noPeers,
    )
    await expect(client.contentRouting.provide(cid)).rejects.toMatchObject(noPeers)
    // A server is one of those who hold it.
    const server = await start(init)
    await server.contentRouting.put(utf8('/v/key'), utf8('ok'))
    await server.contentRouting.provide(cid)
    expect(textOf(await server.contentRouting.get(utf8('/v/key')))).toBe('ok')
    expect(await providersFound(server, cid)).toEqual([server.peerId.toString()])
  })

  it('finds no value that nobody has', async () => {
    const [a] = await startPair()
    const names = (await eventsOf(a.services.dht.get(utf8('/v/none')))).map(({ name }) => name)
    expect(names).not.toContain('VALUE')
  })

  it('for a peer asks what libp2p knows first, and the network only if it may', async () => {
    const [a, b] = await startPair()
    const cached = await eventsOf(a.services.dht.findPeer(b.peerId, { useNetwork: false }))
    expect(cached.map(({ name }) => name)).toEqual(['FINAL_PEER'])
    const asked = await eventsOf(a.services.dht.findPeer(b.peerId, { useCache: false }))
    const names = asked.map(({ name }) => name)
    // Not from the own table either.
    expect(names).toEqual(expect.arrayContaining(['SEND_QUERY', 'PEER_RESPONSE', 'FINAL_PEER']))
    const nobody = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    for (const options of [{ useNetwork: false }, {}]) {
      const search = eventsOf(a.services.dht.findPeer(nobody, options))
      await expect(search).rejects.toMatchObject({ name: 'NotFoundError' })
    }
  })

  it('survives a mapper that throws', async () => {
    const peerInfoMapper = (peer: PeerInfo): PeerInfo => {
      if (peer.multiaddrs.length > 0) throw new Error('not thought of')
      return peer
    }
    const [a, b] = await Promise.all([start({ peerInfoMapper }), start()])
    await connect(a, b)
    const cid = await cidOf('block')
    await until('b asks a', async () => b.services.dht.routingTable.size === 1)
    expect(await eventsOf(b.contentRouting.findProviders(cid))).toEqual([])
    expect(a.services.dht.routingTable.size).toBe(0)
  })

  it('tells libp2p of the peers that it meets', async () => {
    const [a, b, c] = await Promise.all([start(), start(), start()])
    const met = new Promise((resolve) => {
      c.addEventListener('peer:discovery', ({ detail }) => {
        if (detail.id.equals(b.peerId)) resolve(detail.id.toString())
      })
    })
    await connect(b, a)
    await connect(c, a)
    expect(await met).toBe(b.peerId.toString())
  })

  it('no longer announces what is cancelled', async () => {
    const [a, b] = await startPair()
    const cid = await cidOf('cancelled')
    await a.contentRouting.provide(cid)
    expect(await providersFound(b, cid)).toEqual([a.peerId.toString()])
    expect(a.services.dht.kadmium.status().publications).toBe(1)
    await a.contentRouting.cancelReprovide(cid)
    expect(a.services.dht.kadmium.status().publications).toBe(0)
  })

  it('refreshes the table', async () => {
    const [a] = await startPair()
    await a.services.dht.refreshRoutingTable()
    expect(a.services.dht.routingTable.size).toBe(1)
  })
})

describe('libp2p’s routing through kadmium()', () => {
  it('puts, gets, provides, and finds providers and peers', async () => {
    const peers = await startPeers(4)
    const [first, second, third] = peers.map(({ libp2p }) => libp2p)
    if (first === undefined || second === undefined || third === undefined) throw new Error('few')
    await first.contentRouting.put(utf8('/kv/name'), utf8('value'))
    expect(textOf(await second.contentRouting.get(utf8('/kv/name')))).toBe('value')
    await expect(second.contentRouting.get(utf8('/kv/none'))).rejects.toMatchObject({
      errors: [{ name: 'NotFoundError' }],
    })
    const cid = await cidOf('block')
    await third.contentRouting.provide(cid)
    expect(await providersFound(first, cid)).toEqual([third.peerId.toString()])
    const { id } = await second.peerRouting.findPeer(third.peerId)
    expect(id.toString()).toBe(third.peerId.toString())
    const closest = await eventsOf(second.peerRouting.getClosestPeers(utf8('key')))
    expect(closest.map((peer) => peer.id.toString()).toSorted()).toEqual(
      peers
        .map(({ libp2p }) => libp2p.peerId.toString())
        .filter((text) => text !== second.peerId.toString())
        .toSorted(),
    )
    await stopPeers(peers)
  })

  it('says that a peer without others has nobody to ask', async () => {
    const peer = await startPeer({ mode: 'client' })
    const get = peer.libp2p.contentRouting.get(utf8('/kv/name'))
    await expect(get).rejects.toMatchObject({ errors: [{ code: 'ERR_NO_PEERS' }] })
    await peer.libp2p.stop()
  })
})
