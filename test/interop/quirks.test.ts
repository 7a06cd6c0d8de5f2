import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Libp2p, PeerId, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha512 } from 'multiformats/hashes/sha2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RpcRequest } from '../../src/core/message.ts'
import { systemRandom } from '../../src/libp2p/system.ts'
import { Asker } from '../support/asker.ts'
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
  startTheirs,
  type TheirNode,
  textOf,
  utf8,
} from '../support/kad-dht-peers.ts'
import { contactOf, fromHex, sha256 } from '../support/wire.ts'

/*
 * Where peers of other implementations do not do what one would think, each with the peer that does it: what they do must
 * cost nothing but the request itself, and nothing that we say may make them fall.
 */

let ours: OurNode
let theirs: TheirNode
let stranger: Libp2p
beforeAll(async () => {
  ours = await startOurs()
  theirs = await startTheirs()
  stranger = await createLibp2p({ ...nodeOptions(), services: services() })
  await connectAll([ours, theirs], 1)
})
afterAll(async () => {
  await Promise.all([ours, theirs, stranger].map(async (node) => node.stop()))
})

function keyed(key: Uint8Array | string): { key: Uint8Array; target: Uint8Array } {
  const bytes = typeof key === 'string' ? utf8(key) : key
  return { key: bytes, target: sha256(bytes).slice(0, 20) }
}

function findNode(key: Uint8Array | string): RpcRequest {
  return { type: 'find-node', ...keyed(key) }
}

function idOf(peerId: PeerId): Uint8Array {
  return peerId.toMultihash().bytes
}

/** A stream of the stranger's to ours, on which it speaks by hand. */
async function askOurs(): Promise<{ asker: Asker; stream: Stream }> {
  const stream = await stranger.dialProtocol(ours.getMultiaddrs(), MIXED_PROTOCOL)
  return { asker: new Asker(stream), stream }
}

async function idsNamed(asker: Asker, key: Uint8Array): Promise<Uint8Array[]> {
  asker.send(findNode(key))
  const outcome = await asker.answer(findNode(key))
  if (!outcome.ok || outcome.response.type !== 'find-node') throw new Error('not answered')
  return outcome.response.closer.map(({ idBytes }) => idBytes)
}

describe('what @libp2p/kad-dht does', () => {
  it('resets GET_PROVIDERS when a provider has left its peer store: others still answer', async () => {
    const cid = await cidOf('forgotten')
    const provider = await startTheirs({ clientMode: true })
    await connect(provider, theirs)
    await connect(provider, ours)
    await provider.contentRouting.provide(cid)
    const id = [provider.peerId.toString()]
    await until('theirs has taken it in', async () => {
      const keys = await eventsOf(theirs.services.dht.findProviders(cid, { useNetwork: false }))
      return keys.some((event) => event.name === 'PROVIDER')
    })
    const { providerRecords } = ours.services.dht.kadmium.node
    const { bytes } = cid.multihash
    await until('ours has taken it in', async () => {
      return providerRecords.get(bytes, Date.now(), systemRandom).length > 0
    })
    expect(await providersFound(ours, cid)).toEqual(id)
    await provider.stop()
    await theirs.peerStore.delete(provider.peerId)
    const { dht } = ours.services
    const [before, events, after] = await Promise.all([
      dht.kadmium.findNode('before'),
      eventsOf(dht.findProviders(cid)),
      dht.kadmium.findNode('after'),
    ])
    expect(events.map(({ name }) => name)).toContain('QUERY_ERROR')
    expect(events.find((event) => event.name === 'PROVIDER')?.providers[0]?.id.toString()).toBe(
      id[0],
    )
    expect([before.failures, after.failures]).toEqual([0, 0])
  })

  it('resets at provider keys other than SHA-256: they harm no other request, and ours keep them', async () => {
    const cid = CID.createV1(raw.code, await sha512.digest(utf8('block')))
    const another = await startOurs({ clientMode: true })
    await connect(another, ours)
    await connect(another, theirs)
    await until('both are known', async () => another.services.dht.routingTable.size === 2)
    const { dht } = another.services
    const [provided, found] = await Promise.all([
      eventsOf(dht.provide(cid)),
      dht.kadmium.findNode('at the same time'),
    ])
    expect(provided.map(({ name }) => name)).not.toContain('QUERY_ERROR')
    expect(found.failures).toBe(0)
    expect(await providersFound(ours, cid)).toEqual([another.peerId.toString()])
    await another.stop()
  })

  it('answers /pk/ from its peer store, with no contacts, though nobody has put the key', async () => {
    const asker = await startOurs({ clientMode: true })
    await connect(asker, theirs)
    const { publicKey } = stranger.peerId
    if (publicKey === undefined) throw new Error('the peer id has no key')
    await theirs.peerStore.merge(stranger.peerId, {
      multiaddrs: [multiaddr('/ip4/127.0.0.1/tcp/1')],
    })
    const key = Buffer.concat([utf8('/pk/'), idOf(stranger.peerId)])
    const found = await asker.contentRouting.get(key)
    expect(Buffer.compare(found, publicKeyToProtobuf(publicKey))).toBe(0)
    await asker.stop()
  })

  it('opens a stream for each request: none is left behind', async () => {
    const { kadmium } = ours.services.dht
    const before = kadmium.status().inbound.streams
    for (let i = 0; i < 70; i++) {
      for await (const _ of theirs.services.dht.getClosestPeers(utf8(`key ${i}`)));
    }
    expect(kadmium.status().inbound.streams - before).toBe(70)
    await until('all are closed', async () => kadmium.status().inboundStreams === 0)
  })

  it('throws away an answer with an address that it cannot read: ours has only such as it can', async () => {
    const { asker, stream } = await askOurs()
    const good = multiaddr('/ip4/127.0.0.1/tcp/4001').bytes
    const bad = [fromHex('ffff0301'), fromHex('3600'), fromHex('047f00')]
    const cid = await cidOf('with bad addresses')
    const { bytes } = cid.multihash
    const providers = [contactOf(idOf(stranger.peerId), [...bad, good])]
    asker.send({ type: 'add-provider', ...keyed(bytes), providers }, findNode('behind it'))
    await asker.answer(findNode('behind it'))
    const events = await eventsOf(theirs.services.dht.findProviders(cid))
    const provider = events.find((event) => event.name === 'PROVIDER')?.providers[0]
    expect(provider?.id.toString()).toBe(stranger.peerId.toString())
    expect(provider?.multiaddrs.map(String)).toContain('/ip4/127.0.0.1/tcp/4001')
    await stream.close()
  })

  it('names a peer that is asked for even if it is a client, and so does ours', async () => {
    const behindTheirs = await startOurs({ clientMode: true })
    const behindOurs = await startTheirs({ clientMode: true })
    await connect(behindTheirs, theirs)
    await connect(behindOurs, ours)
    for (const [asker, sought] of [
      [ours, behindTheirs],
      [theirs, behindOurs],
    ] as const) {
      const addresses = sought
        .getMultiaddrs()
        .map((address) => address.toString().split('/p2p/')[0])
      // It is told as soon as identify has told it.
      await until('it is found', async () => {
        const found = await asker.peerRouting
          .findPeer(sought.peerId, { useCache: false })
          .catch(() => undefined)
        return addresses.every((address) => found?.multiaddrs.map(String).includes(address ?? ''))
      })
    }
    const closest = await eventsOf(theirs.peerRouting.getClosestPeers(idOf(behindOurs.peerId)))
    expect(closest.map(({ id }) => id.toString())).toEqual([ours.peerId.toString()])
    await Promise.all([behindTheirs.stop(), behindOurs.stop()])
  })
})

describe('ours as a server', () => {
  it('names the closest to one who asks for itself, and itself to one who asks for it', async () => {
    const { asker, stream } = await askOurs()
    expect(await idsNamed(asker, idOf(stranger.peerId))).toEqual([idOf(theirs.peerId)])
    expect(await idsNamed(asker, idOf(ours.peerId))).toEqual([
      idOf(ours.peerId),
      idOf(theirs.peerId),
    ])
    await stream.close()
  })

  it('takes a put as go-libp2p and rust-libp2p write it, and says when it got it', async () => {
    const { asker, stream } = await askOurs()
    const key = utf8('/v/old go')
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
    // An explicit type 0; an empty time; rust's publisher and remaining seconds; an explicit cluster level 0.
    const record = `0a09${hex(key)} 1204${hex(utf8('ok 1'))} 2a00 d2290212ab c83064`
    const length = fromHex(record).length.toString(16)
    asker.sendBytes(fromHex(`0800 1209${hex(key)} 1a${length} ${record} 5000`))
    const put: RpcRequest = {
      type: 'put-value',
      ...keyed(key),
      record: { key, value: utf8('ok 1') },
    }
    expect(await asker.answer(put)).toEqual({ ok: true, response: { type: 'put-value' } })
    const events = await eventsOf(theirs.services.dht.get(key))
    const response = events.find(
      (event) => event.name === 'PEER_RESPONSE' && event.record !== undefined,
    )
    if (response?.name !== 'PEER_RESPONSE') throw new Error('no record was answered')
    const receivedAt = response.record?.timeReceived?.getTime() ?? 0
    expect(Math.abs(Date.now() - receivedAt)).toBeLessThan(60_000)
    expect(textOf(response.record?.value ?? new Uint8Array())).toBe('ok 1')
    await stream.close()
  })

  const long = '78'.repeat(81)
  it.each([
    ['no key', '0804'],
    ['an empty key', '08041200'],
    ['an unknown type', '080912016b'],
    ['a put without a record', '080012042f762f6b'],
    ['a record of another key', '080012042f762f6b 1a0c 0a042f762f6c 12046f6b6f6b'],
    ['a record that its validator refuses', '080012042f762f6b 1a0b 0a042f762f6b 1203626164'],
    ['a key without a namespace', '080012016b 1a09 0a016b 12046f6b6f6b'],
    ['a namespace without a validator', '080012042f772f6b 1a0c 0a042f772f6b 12046f6b6f6b'],
    ['a provider key of 81 bytes', `0803 1251 ${long}`],
    ['a provider other than the sender', `0802 12016b 4a0f 0a03122001 1208047f000001060fa1`],
    ['no provider', '080212016b'],
    ['half a message', '0804120a6b'],
  ])('resets the stream at %s, and nothing else', async (_what, hex) => {
    const standing = await askOurs()
    const { asker, stream } = await askOurs()
    const ended = new Promise<Error | undefined>((resolve) => {
      stream.addEventListener('close', ({ error }) => resolve(error))
    })
    asker.sendBytes(fromHex(hex))
    expect((await ended)?.name).toBe('StreamResetError')
    expect(await idsNamed(standing.asker, utf8('any key'))).toEqual([idOf(theirs.peerId)])
    await standing.stream.close()
  })

  it('resets the stream at a length that no message may have', async () => {
    const { stream } = await askOurs()
    const ended = new Promise<Error | undefined>((resolve) => {
      stream.addEventListener('close', ({ error }) => resolve(error))
    })
    stream.send(fromHex('80808040'))
    expect((await ended)?.name).toBe('StreamResetError')
  })
})
