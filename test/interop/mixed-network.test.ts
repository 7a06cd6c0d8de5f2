import type { Libp2p, PeerId } from '@libp2p/interface'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareDistance, keyFromDigest } from '../../src/core/key.ts'
import { sha256 } from '../../src/libp2p/system.ts'
import {
  cidOf,
  connectAll,
  eventsOf,
  type OurNode,
  providersFound,
  startOurs,
  startTheirs,
  type TheirNode,
  textOf,
  utf8,
} from '../support/kad-dht-peers.ts'
import { inGroups } from '../support/peers.ts'

const OTHERS = 20
const K = 8

describe.each([
  ['one Kadmium peer among 20 of @libp2p/kad-dht', true],
  ['one peer of @libp2p/kad-dht among 20 of Kadmium', false],
])('%s', (_name, isOursAlone) => {
  let one: OurNode | TheirNode
  let others: readonly (OurNode | TheirNode)[]
  beforeAll(async () => {
    const init = { kBucketSize: K }
    const start = isOursAlone ? startTheirs : startOurs
    others = await inGroups<OurNode | TheirNode>(OTHERS, 10, async () => start(init))
    one = await (isOursAlone ? startOurs(init) : startTheirs(init))
    await connectAll([...others, one], K)
  }, 120_000)
  afterAll(async () => {
    await Promise.all([...others, one].map(async (node) => node.stop()))
  })
  /** Some of the others: what holds for them holds for all. */
  const some = (): readonly (OurNode | TheirNode)[] => others.filter((_, i) => i % 4 === 1)

  it('finds every other peer by its id, with its address', async () => {
    const found = await inGroups(OTHERS, 5, async (i) => {
      const node = at(others, i)
      const { id, multiaddrs } = await findPeer(one, node.peerId)
      return id.equals(node.peerId) && isListening(node, multiaddrs.map(String))
    })
    expect(found).toEqual(others.map(() => true))
  })

  it('is found by the others', async () => {
    const found = await Promise.all(some().map((node) => findPeer(node, one.peerId)))
    expect(found.map(({ id }) => id.toString())).toEqual(some().map(() => one.peerId.toString()))
  })

  it('finds the closest peers of a key, and is found where it is one of them', async () => {
    const keys = await keysNear(one, others, 4)
    for (const key of keys) {
      const closest = closestTo(key, others)
      expect((await closestPeers(one, key)).toSorted()).toEqual(closest.toSorted())
      expect(await closestPeers(at(others, 3), key)).toContain(one.peerId.toString())
    }
  })

  it('gets the values that the others put', async () => {
    await Promise.all(
      some().map((node, i) => node.contentRouting.put(utf8(`/v/theirs ${i}`), utf8(`ok ${i}`))),
    )
    const values = await Promise.all(
      some().map((_, i) => one.contentRouting.get(utf8(`/v/theirs ${i}`))),
    )
    expect(values.map(textOf)).toEqual(some().map((_, i) => `ok ${i}`))
  })

  it('puts values that the others get', async () => {
    await one.contentRouting.put(utf8('/v/own'), utf8('ok own'))
    const values = await Promise.all(some().map((node) => node.contentRouting.get(utf8('/v/own'))))
    expect(values.map(textOf)).toEqual(some().map(() => 'ok own'))
  })

  it('finds the providers among the others, and is found as one', async () => {
    const [cid, own] = [await cidOf('theirs'), await cidOf('own')]
    await Promise.all(some().map((node) => node.contentRouting.provide(cid)))
    const ids = some().map(({ peerId }) => peerId.toString())
    expect(await providersFound(one, cid, ids.length)).toEqual(ids.toSorted())
    await one.contentRouting.provide(own)
    const found = await Promise.all(some().map((node) => providersFound(node, own)))
    expect(found).toEqual(some().map(() => [one.peerId.toString()]))
  })
})

async function findPeer(node: OurNode | TheirNode, id: PeerId) {
  return node.peerRouting.findPeer(id, { useCache: false })
}

async function closestPeers(node: OurNode | TheirNode, key: Uint8Array): Promise<string[]> {
  const closest = await eventsOf(node.peerRouting.getClosestPeers(key))
  return closest.map(({ id }) => id.toString())
}

/** Keys of which the node is one of the three closest peers. */
async function keysNear(
  node: Libp2p,
  others: readonly Libp2p[],
  count: number,
): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = []
  for (let i = 0; keys.length < count; i++) {
    const key = utf8(`key ${i}`)
    const nearest = closestTo(key, [...others, node]).slice(0, 3)
    if (nearest.includes(node.peerId.toString())) keys.push(key)
  }
  return keys
}

/** The k closest of these nodes by brute force. */
function closestTo(key: Uint8Array, nodes: readonly Libp2p[]): string[] {
  const target = keyFromDigest(sha256(key))
  return nodes
    .map(({ peerId }) => ({ id: peerId.toString(), key: pointOf(peerId) }))
    .toSorted((a, b) => compareDistance(target, a.key, b.key))
    .slice(0, K)
    .map(({ id }) => id)
}

function pointOf(peerId: PeerId): Uint8Array {
  return keyFromDigest(sha256(peerId.toMultihash().bytes))
}

function isListening(node: Libp2p, addresses: readonly string[]): boolean {
  return node
    .getMultiaddrs()
    .some((own) => addresses.some((said) => own.toString().startsWith(said)))
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  if (item === undefined) throw new Error(`there is no item ${index}`)
  return item
}
