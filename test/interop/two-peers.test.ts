import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RpcRequest } from '../../src/core/message.ts'
import { kadmium } from '../../src/libp2p/service.ts'
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
  RULES_OF_KADMIUM,
  services,
  startOurs,
  startTheirs,
  type TheirNode,
  textOf,
  utf8,
} from '../support/kad-dht-peers.ts'
import { contactOf, sha256 } from '../support/wire.ts'

const DIRECTIONS = ['from theirs to ours', 'from ours to theirs'] as const

describe('a Kadmium peer and one of @libp2p/kad-dht', () => {
  let ours: OurNode
  let theirs: TheirNode
  beforeAll(async () => {
    ours = await startOurs()
    theirs = await startTheirs()
    await connectAll([ours, theirs], 1)
  })
  afterAll(async () => {
    await Promise.all([ours.stop(), theirs.stop()])
  })
  /** Who gives and who takes. */
  const pair = (direction: string): [OurNode | TheirNode, OurNode | TheirNode] =>
    direction === DIRECTIONS[0] ? [theirs, ours] : [ours, theirs]

  it.each(DIRECTIONS)('carry a value %s', async (direction) => {
    const [from, to] = pair(direction)
    const key = utf8(`/v/${direction}`)
    const echoes: string[] = []
    for await (const event of from.services.dht.put(key, utf8('ok value'))) {
      expect(event.name).not.toBe('QUERY_ERROR')
      if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'PUT_VALUE') continue
      echoes.push(textOf(event.record?.value ?? new Uint8Array()))
    }
    expect(echoes).toEqual(['ok value'])
    expect(textOf(await to.contentRouting.get(key))).toBe('ok value')
  })

  it.each(DIRECTIONS)('carry a public key %s', async (direction) => {
    const [from, to] = pair(direction)
    const stranger = await startOurs({ clientMode: true })
    const key = Buffer.concat([utf8('/pk/'), stranger.peerId.toMultihash().bytes])
    const publicKey = stranger.peerId.publicKey
    await stranger.stop()
    if (publicKey === undefined) throw new Error('the peer id has no key')
    await from.contentRouting.put(key, publicKeyToProtobuf(publicKey))
    const found = await to.contentRouting.get(key)
    expect(Buffer.compare(found, publicKeyToProtobuf(publicKey))).toBe(0)
  })

  it.each(DIRECTIONS)('tell providers %s', async (direction) => {
    const [from, to] = pair(direction)
    const cid = await cidOf(direction)
    await from.contentRouting.provide(cid)
    expect(await providersFound(to, cid)).toEqual([from.peerId.toString()])
  })

  it('refuses what its validator refuses, so that they see the put fail', async () => {
    const lax = await startTheirs({ validators: { v: () => {} }, clientMode: true })
    await connect(lax, ours)
    const events = await eventsOf(lax.services.dht.put(utf8('/v/bad'), utf8('bad')))
    const answered = events.filter(
      (event) => event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE',
    )
    // An answer without a record would make peers of go-libp2p fall.
    expect(answered).toEqual([])
    expect(events.map(({ name }) => name)).toContain('QUERY_ERROR')
    await lax.stop()
  })

  it('says that nobody stored what they refuse', async () => {
    const lax = await startOurs({ validators: { v: () => {} }, clientMode: true })
    await connect(lax, theirs)
    const put = lax.contentRouting.put(utf8('/v/bad'), utf8('bad'))
    await expect(put).rejects.toMatchObject({ code: 'ERR_QUORUM' })
    await lax.stop()
  })

  it('answers several of their requests on one stream, one by one and at once', async () => {
    const stream = await theirs.dialProtocol(ours.getMultiaddrs(), MIXED_PROTOCOL)
    const asker = new Asker(stream)
    for (const type of ['ping', 'find-node', 'get-value', 'get-providers'] as const) {
      asker.send(requestOf(type))
      expect(await asker.answer(requestOf(type))).toMatchObject({ ok: true, response: { type } })
    }
    const atOnce = ['find-node', 'ping', 'get-providers', 'get-value'] as const
    asker.send(...atOnce.map(requestOf))
    for (const type of atOnce) {
      expect(await asker.answer(requestOf(type))).toMatchObject({ ok: true, response: { type } })
    }
    await stream.close()
  })

  it('gives no answer to their ADD_PROVIDER, and answers what stands behind it', async () => {
    const stream = await theirs.dialProtocol(ours.getMultiaddrs(), MIXED_PROTOCOL)
    const asker = new Asker(stream)
    const idBytes = theirs.peerId.toMultihash().bytes
    const request = requestOf('get-providers')
    const providers = [contactOf(idBytes, [multiaddr('/ip4/127.0.0.1/tcp/1').bytes])]
    asker.send({ type: 'add-provider', ...keyed('/v/some key'), providers }, request)
    expect(await asker.answer(request)).toMatchObject({
      ok: true,
      response: { type: 'get-providers', providers: [{ idBytes }] },
    })
    await stream.close()
  })

  it('asks them many things at once on one standing stream', async () => {
    const { node } = ours.services.dht.kadmium
    const before = ours.services.dht.kadmium.status().outbound
    await Promise.all(Array.from({ length: 40 }, (_, i) => node.findNode(utf8(`key ${i}`))))
    const cid = await cidOf('among many')
    await ours.contentRouting.provide(cid)
    await Promise.all(Array.from({ length: 10 }, (_, i) => node.findNode(utf8(`more ${i}`))))
    const after = ours.services.dht.kadmium.status().outbound
    expect(after.requestsSent - before.requestsSent).toBe(52)
    expect(after.streamsOpened - before.streamsOpened).toBeLessThanOrEqual(1)
    expect(after.malformedAnswers).toBe(0)
    expect(await providersFound(theirs, cid)).toEqual([ours.peerId.toString()])
  })

  // They reset a stream that was silent for 10 s; the option that should change this time does nothing.
  it.each(['resets', 'closes'])('goes on when their side %s an idle stream', async (how) => {
    const { kadmium } = ours.services.dht
    await kadmium.findNode('warm')
    const streams = streamsOf(theirs)
    expect(streams).toHaveLength(1)
    const { streamsOpened, streamsFailed } = kadmium.status().outbound
    for (const stream of streams) {
      if (how === 'resets') stream.abort(new Error('idle'))
      else await stream.close()
    }
    const { failures, closest } = await kadmium.findNode('after')
    expect(failures).toBe(0)
    expect(closest.map(({ id }) => id)).toContain(theirs.peerId.toString())
    const after = kadmium.status().outbound
    expect(after).toMatchObject({ streamsOpened: streamsOpened + 1, streamsFailed })
  })

  it('keeps no client of theirs in its table, and serves it', async () => {
    const client = await startTheirs({ clientMode: true })
    await connect(client, ours)
    await client.contentRouting.put(utf8('/v/client'), utf8('ok client'))
    expect(textOf(await client.contentRouting.get(utf8('/v/client')))).toBe('ok client')
    const known = [...ours.services.dht.kadmium.node.table.contacts()].map(({ id }) => id)
    expect(known).toEqual([theirs.peerId.toString()])
    await client.stop()
  })

  it('is no contact of theirs as a client, and becomes one as a server', async () => {
    const client = await startOurs({ clientMode: true })
    await connect(client, theirs)
    expect(textOf(await client.contentRouting.get(utf8('/v/client')))).toBe('ok client')
    expect(await closestIds(theirs, client.peerId.toMultihash().bytes)).toEqual([
      ours.peerId.toString(),
    ])
    await client.services.dht.setMode('server')
    await until('theirs knows the server', async () =>
      (await closestIds(theirs, client.peerId.toMultihash().bytes)).includes(
        client.peerId.toString(),
      ),
    )
    await client.stop()
  })

  it('carry values and providers to and from one of Kadmium’s own service', async () => {
    const dht = kadmium({ protocol: MIXED_PROTOCOL, validators: RULES_OF_KADMIUM, mode: 'client' })
    const own = await createLibp2p({ ...nodeOptions(), services: { ...services(), dht } })
    await connect(own, theirs)
    await until('it knows theirs', async () => own.services.dht.node.table.size > 0)
    await theirs.contentRouting.put(utf8('/v/from theirs'), utf8('ok 1'))
    expect(textOf(await own.contentRouting.get(utf8('/v/from theirs')))).toBe('ok 1')
    await own.contentRouting.put(utf8('/v/to theirs'), utf8('ok 2'))
    expect(textOf(await theirs.contentRouting.get(utf8('/v/to theirs')))).toBe('ok 2')
    const cid = await cidOf('of its own')
    await own.contentRouting.provide(cid)
    expect(await providersFound(theirs, cid)).toEqual([own.peerId.toString()])
    const found = await own.peerRouting.findPeer(ours.peerId, { useCache: false })
    expect(found.id.toString()).toBe(ours.peerId.toString())
    await own.stop()
  })
})

function requestOf(type: 'ping' | 'find-node' | 'get-value' | 'get-providers'): RpcRequest {
  return type === 'ping' ? { type } : { type, ...keyed('/v/some key') }
}

function keyed(text: string): { key: Uint8Array; target: Uint8Array } {
  const key = utf8(text)
  return { key, target: sha256(key).slice(0, 20) }
}

function streamsOf(node: TheirNode): Stream[] {
  return node
    .getConnections()
    .flatMap(({ streams }) => streams)
    .filter(({ protocol, direction }) => protocol === MIXED_PROTOCOL && direction === 'inbound')
}

async function closestIds(node: OurNode | TheirNode, key: Uint8Array): Promise<string[]> {
  const closest = await eventsOf(node.peerRouting.getClosestPeers(key))
  return closest.map(({ id }) => id.toString())
}
