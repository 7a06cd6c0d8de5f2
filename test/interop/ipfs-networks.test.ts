import { noise as plainNoise } from '@chainsafe/libp2p-noise'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { removePublicAddressesMapper } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tls } from '@libp2p/tls'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createIPNSRecord, marshalIPNSRecord, multihashToIPNSRoutingKey } from 'ipns'
import { ipnsSelector } from 'ipns/selector'
import { ipnsValidator } from 'ipns/validator'
import { createLibp2p } from 'libp2p'
import { base36 } from 'multiformats/bases/base36'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Peer } from '../../src/daemon/peer.ts'
import { type KadmiumOptions, kadmium } from '../../src/libp2p/service.ts'
import { Asker } from '../support/asker.ts'
import { until } from '../support/kad.ts'
import {
  addressesOf,
  cidOf,
  connect,
  eventsOf,
  nodeOptions,
  providersFound,
  services,
  startTheirs,
  type TheirNode,
  utf8,
} from '../support/kad-dht-peers.ts'
import { sha256 } from '../support/wire.ts'

const IPFS_RULES = { validators: { ipns: ipnsValidator }, selectors: { ipns: ipnsSelector } }

describe('the local network of IPFS, one Kadmium peer and one of @libp2p/kad-dht', () => {
  let ours: Awaited<ReturnType<typeof createNode>>
  let theirs: TheirNode
  let owner: PrivateKey
  beforeAll(async () => {
    ours = await createNode([], { prefix: 'ipfs/lan' })
    theirs = await startTheirs({
      protocol: '/ipfs/lan/kad/1.0.0',
      peerInfoMapper: removePublicAddressesMapper,
      ...IPFS_RULES,
    })
    await connect(theirs, ours)
    await until('each knows the other', async () =>
      [ours.services.dht.node.table.size, theirs.services.dht.routingTable.size].every(
        (size) => size === 1,
      ),
    )
    owner = await generateKeyPair('Ed25519')
  })
  afterAll(async () => {
    await Promise.all([ours.stop(), theirs.stop()])
  })

  it('carries IPNS records both ways, and the newer one wins', async () => {
    const { key, record } = await ipnsRecord(owner, 1)
    await theirs.contentRouting.put(key, record)
    expect(equal(await ours.contentRouting.get(key), record)).toBe(true)
    const newer = await ipnsRecord(owner, 2)
    await ours.contentRouting.put(key, newer.record)
    expect(equal(await theirs.contentRouting.get(key), newer.record)).toBe(true)
    const older = ours.contentRouting.put(key, record)
    await expect(older).rejects.toMatchObject({ code: 'ERR_STALE_WRITE' })
  })

  it('gives an IPNS record to those of the closest that lack it, for nobody else does', async () => {
    const { key, record } = await ipnsRecord(await generateKeyPair('Ed25519'), 1)
    await theirs.contentRouting.put(key, record)
    const newcomer = await startTheirs({
      protocol: '/ipfs/lan/kad/1.0.0',
      peerInfoMapper: removePublicAddressesMapper,
      ...IPFS_RULES,
    })
    const reader = await createNode([], { prefix: 'ipfs/lan', mode: 'client' })
    await connect(reader, theirs)
    await connect(reader, newcomer)
    await until('the reader knows both', async () => reader.services.dht.node.table.size >= 2)
    expect(equal(await reader.contentRouting.get(key), record)).toBe(true)
    const holds = async (): Promise<boolean> => {
      const stream = await reader.dialProtocol(newcomer.getMultiaddrs(), '/ipfs/lan/kad/1.0.0')
      const asker = new Asker(stream)
      const request = { type: 'get-value', key, target: sha256(key).slice(0, 20) } as const
      asker.send(request)
      const outcome = await asker.answer(request)
      await stream.close()
      if (!outcome.ok || outcome.response.type !== 'get-value') return false
      return equal(outcome.response.record?.value ?? new Uint8Array(), record)
    }
    await until('the newcomer holds it', holds)
    await Promise.all([newcomer.stop(), reader.stop()])
  })

  it('carries public keys both ways', async () => {
    const { publicKey } = await generateKeyPair('RSA', 2048)
    const key = Buffer.concat([utf8('/pk/'), publicKey.toMultihash().bytes])
    await theirs.contentRouting.put(key, publicKeyToProtobuf(publicKey))
    expect(equal(await ours.contentRouting.get(key), publicKeyToProtobuf(publicKey))).toBe(true)
    const another = (await generateKeyPair('secp256k1')).publicKey
    const anotherKey = Buffer.concat([utf8('/pk/'), another.toMultihash().bytes])
    await ours.contentRouting.put(anotherKey, publicKeyToProtobuf(another))
    const found = await theirs.contentRouting.get(anotherKey)
    expect(equal(found, publicKeyToProtobuf(another))).toBe(true)
  })

  it('keeps nothing else: neither Kadmium’s kinds nor others', async () => {
    const put = ours.services.dht.put('/kv/name', utf8('value'))
    await expect(put).rejects.toThrow(/keys of this network begin with \/pk\/, \/ipns\//)
    const lax = await startTheirs({
      protocol: '/ipfs/lan/kad/1.0.0',
      clientMode: true,
      validators: { kv: () => {}, v: () => {} },
    })
    await connect(lax, ours)
    for (const key of ['/kv/name', '/v/name']) {
      const events = await eventsOf(lax.services.dht.put(utf8(key), utf8('value')))
      const answers = events.filter(
        (event) => event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE',
      )
      expect(answers).toEqual([])
    }
    await lax.stop()
  })

  it('finds providers both ways', async () => {
    const [one, other] = [await cidOf('one'), await cidOf('other')]
    await ours.contentRouting.provide(one)
    expect(await providersFound(theirs, one)).toEqual([ours.peerId.toString()])
    await theirs.contentRouting.provide(other)
    expect(await providersFound(ours, other)).toEqual([theirs.peerId.toString()])
  })

  it('is joined by a daemon with the prefix ipfs/lan', async () => {
    const daemon = await Peer.start({
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: theirs.getMultiaddrs().map(String),
      prefix: 'ipfs/lan',
    })
    expect(await daemon.join()).toBe(2)
    const status = await daemon.status()
    expect(status).toMatchObject({ protocol: '/ipfs/lan/kad/1.0.0', mode: 'server', k: 20 })
    const { key, record } = await ipnsRecord(owner, 3)
    await theirs.contentRouting.put(key, record)
    const name = peerIdFromPrivateKey(owner).toCID().toString(base36)
    const found = await daemon.get(`/ipns/${name}`, {})
    expect(equal(found.value, record)).toBe(true)
    await daemon.stop()
  })

  it('is served by a daemon whatever way of encryption a peer has, as it must be', async () => {
    const daemon = await Peer.start({
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [],
      prefix: 'ipfs/lan',
    })
    const address = multiaddr(daemon.addresses[0])
    for (const [encrypter, protocol] of [
      [tls(), '/tls/1.0.0'],
      [plainNoise(), '/noise'],
    ] as const) {
      const node = await createLibp2p({
        ...nodeOptions(),
        connectionEncrypters: [encrypter],
        services: services(),
      })
      const connection = await node.dial(address)
      expect(connection.encryption).toBe(protocol)
      // Its peers know only peers that answer a ping.
      expect(await node.services.ping.ping(address)).toBeGreaterThanOrEqual(0)
      const asked = await node.dialProtocol(address, '/ipfs/lan/kad/1.0.0')
      await asked.close()
      await node.stop()
    }
    await daemon.stop()
  })
})

describe('the public network of IPFS', () => {
  const started: Libp2p[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map(async (node) => node.stop()))
  })
  const start = async (announce: readonly string[]) => {
    const node = await createNode(announce, { prefix: 'ipfs' })
    started.push(node)
    return node
  }

  it('is only asked by a peer that nobody can reach', async () => {
    const node = await start([])
    expect(node.services.dht.mode).toBe('client')
    expect(node.getProtocols()).not.toContain('/ipfs/kad/1.0.0')
  })

  it('is served by a peer with a public address, which tells no private ones', async () => {
    const node = await start(['/ip4/45.33.32.1/tcp/4001', '/ip4/192.168.1.2/tcp/4001'])
    await until('it serves', async () => node.services.dht.mode === 'server')
    expect(node.getProtocols()).toContain('/ipfs/kad/1.0.0')
    expect(addressesOf(node.services.dht.node.self)).toEqual(['/ip4/45.33.32.1/tcp/4001'])
  })

  it('knows only peers with public addresses', async () => {
    const [node, open, hidden] = await Promise.all([
      start(['/ip4/45.33.32.1/tcp/4001']),
      start(['/ip4/45.33.32.2/tcp/4001']),
      start(['/ip4/10.0.0.1/tcp/4001']),
    ])
    await until('both serve', async () =>
      [node, open].every(({ services }) => services.dht.mode === 'server'),
    )
    await hidden.services.dht.setMode('server')
    await node.dial(listeningAt(hidden))
    await node.dial(listeningAt(open))
    await until('a peer is known', async () => node.services.dht.node.table.size > 0)
    const known = [...node.services.dht.node.table.contacts()].map(({ id }) => id)
    expect(known).toEqual([open.peerId.toString()])
  })

  it('has k of 20, which is not to be changed, and the values that IPFS recommends, which are', async () => {
    const recommended = { k: 20, alpha: 10, getQuorum: 16, refreshIntervalMs: 600_000 }
    expect((await start([])).services.dht.node.options).toMatchObject(recommended)
    const other = await createNode([], { prefix: 'ipfs', alpha: 3, getQuorum: 4 })
    started.push(other)
    expect(other.services.dht.node.options).toMatchObject({ k: 20, alpha: 3, getQuorum: 4 })
    const created = createNode([], { prefix: 'ipfs', k: 10 })
    await expect(created).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' })
  })
})

async function ipnsRecord(owner: PrivateKey, sequence: number) {
  const record = await createIPNSRecord(owner, '/ipfs/bafkqaaa', sequence, 3_600_000)
  return {
    key: multihashToIPNSRoutingKey(owner.publicKey.toMultihash()),
    record: marshalIPNSRecord(record),
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** A node that says it is reached at these addresses. It dials nothing beyond this machine. */
function createNode(announce: readonly string[], options: KadmiumOptions) {
  return createLibp2p({
    ...nodeOptions(),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'], appendAnnounce: [...announce] },
    connectionGater: {
      denyDialMultiaddr: (address) => !address.toString().startsWith('/ip4/127.'),
    },
    services: { ...services(), dht: kadmium(options) },
  })
}

/** Where a node listens, whatever else it announces. */
function listeningAt(node: Libp2p): Multiaddr[] {
  return node.getMultiaddrs().filter((address) => address.toString().startsWith('/ip4/127.'))
}
