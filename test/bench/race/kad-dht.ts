import { randomBytes } from 'node:crypto'
import type { Libp2p } from '@libp2p/interface'
import { startTheirs, type TheirNode } from '../../support/kad-dht-peers.ts'
import { inGroups } from '../../support/peers.ts'
import { at, type Contender, forEachIndex, mean, type RaceNetwork } from './contender.ts'

/** A peer's table has at least so many contacts before anything is measured: it rarely comes to know all of 32. */
const CONTACTS_MIN = 20

/** Lookups of its own key that a peer with fewer contacts makes. */
const ROUNDS_MAX = 8

/**
 * @libp2p/kad-dht over TCP, noise and yamux, as its README sets it up for a local network: `kadDHT` in server mode with
 * identify and ping. The mapper lets loopback addresses through, and a validator takes every value, as it has to have one.
 */
export const kadDhtContender: Contender = {
  kinds: ['plain'],
  start: async (count) => {
    const rules = { validators: { v: () => {} }, selectors: { v: () => 0 } }
    const nodes = await inGroups(count, 8, () => startTheirs(rules))
    await forEachIndex(count - 1, 8, (index) => {
      return at(nodes, index + 1).dial(at(nodes, 0).getMultiaddrs())
    })
    await fillTables(nodes, Math.min(count - 1, CONTACTS_MIN))
    return networkOf(nodes)
  },
}

function networkOf(nodes: readonly TheirNode[]): RaceNetwork {
  const indexOf = new Map(nodes.map(({ peerId }, index) => [peerId.toString(), index]))
  const holders = new Map<string, Set<number>>()
  const dhtOf = (peer: number) => at(nodes, peer).services.dht
  let requests = 0
  return {
    put: async (peer, _kind, value) => {
      const key = Buffer.concat([Buffer.from('/v/'), randomBytes(16)])
      const holding = new Set([peer])
      for await (const event of dhtOf(peer).put(key, value)) {
        if (event.name === 'SEND_QUERY') requests += 1
        if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'PUT_VALUE') continue
        holding.add(indexOf.get(event.from.toString()) ?? peer)
      }
      if (holding.size < 2) throw new Error('nobody took the value')
      holders.set(key.toString('hex'), holding)
      return key
    },
    // As its content routing does: the first value ends it.
    get: async (peer, _kind, key) => {
      for await (const event of dhtOf(peer).get(key)) {
        if (event.name === 'SEND_QUERY') requests += 1
        if (event.name === 'VALUE') return event.value
      }
      throw new Error('not found')
    },
    closest: async (peer, key) => {
      let found = 0
      for await (const event of dhtOf(peer).getClosestPeers(key)) {
        if (event.name === 'SEND_QUERY') requests += 1
        if (event.name === 'FINAL_PEER') found += 1
      }
      return found
    },
    holds: (peer, key) => holders.get(Buffer.from(key).toString('hex'))?.has(peer) ?? false,
    requests: () => requests,
    contacts: () => mean(nodes.map(({ services }) => services.dht.routingTable.size)),
    connectAll: async () => {
      await dialAll(nodes)
      return mean(nodes.map((node) => node.getConnections().length))
    },
    stop: async () => {
      await forEachIndex(nodes.length, 16, async (index) => at(nodes, index).stop())
    },
  }
}

/** Whom a peer hears of enters its table once it has answered a ping, which it is sent after the lookup. */
async function fillTables(nodes: readonly TheirNode[], contacts: number): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const few = nodes.filter(({ services }) => services.dht.routingTable.size < contacts)
    if (few.length === 0) return
    await forEachIndex(few.length, 4, async (index) => {
      const { peerId, services } = at(few, index)
      for await (const _ of services.dht.getClosestPeers(peerId.toMultihash().bytes));
    })
  }
  const sizes = nodes.map(({ services }) => services.dht.routingTable.size)
  if (Math.min(...sizes) < contacts) {
    throw new Error(`a peer knows only ${Math.min(...sizes)} others after ${ROUNDS_MAX} lookups`)
  }
}

async function dialAll(nodes: readonly Libp2p[]): Promise<void> {
  for (const node of nodes) {
    for (const other of nodes) {
      if (other === node || node.getConnections(other.peerId).length > 0) continue
      await node.dial(other.getMultiaddrs())
    }
  }
}
