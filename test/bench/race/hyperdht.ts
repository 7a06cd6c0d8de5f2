import { randomBytes } from 'node:crypto'
import HyperDht from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import { at, type Contender, forEachIndex, mean, type RaceNetwork } from './contender.ts'

/** A mutable value takes a key pair of its own. */
const KEY_PAIRS = 5_000

/** hyperdht over plain UDP, as its own test network sets it up: persistent peers that nothing shields. */
export const hyperdhtContender: Contender = {
  kinds: ['immutable', 'signed'],
  start: async (count) => {
    const network = await createTestnet(count)
    // Its bootstrap knows only peers that came earlier: let each look itself and others up.
    await forEachIndex(count, 8, async (index) => {
      const node = at(network.nodes, index)
      for (const target of [node.table.id, randomBytes(32), randomBytes(32)]) {
        await node.findNode(target).finished()
      }
    })
    return networkOf(network)
  },
}

function networkOf(network: Awaited<ReturnType<typeof createTestnet>>): RaceNetwork {
  const { nodes } = network
  const indexOf = new Map(nodes.map((node, index) => [node.address().port, index]))
  const holders = new Map<string, Set<number>>()
  // Made before anything is measured: a peer of Kadmium has its key pair from the start.
  const keyPairs = Array.from({ length: KEY_PAIRS }, () => HyperDht.keyPair())
  return {
    put: async (peer, kind, value) => {
      const node = at(nodes, peer)
      const bytes = Buffer.from(value)
      const { key, closestNodes } =
        kind === 'immutable'
          ? keyed(await node.immutablePut(bytes))
          : keyed(await node.mutablePut(keyPairs.pop() ?? HyperDht.keyPair(), bytes))
      const holding = closestNodes.map(({ port }) => indexOf.get(port) ?? peer)
      if (holding.length === 0) throw new Error('nobody took the value')
      holders.set(key.toString('hex'), new Set(holding))
      return key
    },
    get: async (peer, kind, key) => {
      const node = at(nodes, peer)
      const bytes = Buffer.from(key)
      const found = await (kind === 'immutable' ? node.immutableGet(bytes) : node.mutableGet(bytes))
      if (found === null) throw new Error('not found')
      return found.value
    },
    closest: async (peer, key) => {
      const query = at(nodes, peer).findNode(Buffer.from(key))
      await query.finished()
      return query.closestNodes.length
    },
    holds: (peer, key) => holders.get(Buffer.from(key).toString('hex'))?.has(peer) ?? false,
    requests: () => nodes.reduce((sum, { stats }) => sum + stats.requests.total, 0),
    contacts: () => mean(nodes.map(({ table }) => table.toArray().length)),
    stop: () => network.destroy(),
  }
}

function keyed(put: { hash?: Buffer; publicKey?: Buffer; closestNodes: { port: number }[] }): {
  key: Buffer
  closestNodes: { port: number }[]
} {
  const key = put.hash ?? put.publicKey
  if (key === undefined) throw new Error('a put without a key')
  return { key, closestNodes: put.closestNodes }
}
