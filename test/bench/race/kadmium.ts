import { randomBytes } from 'node:crypto'
import { recordKeyFromText, recordKeyToText } from '../../../src/core/record-key.ts'
import { startPeers, stopPeers, type TestPeer } from '../../support/peers.ts'
import { at, type Contender, forEachIndex, mean, type RaceNetwork } from './contender.ts'

/** Enough to have asked most of 100 others. */
const LOOKUPS_PER_PEER = 8

/** Kadmium over TCP, noise and yamux: `/sha256/` and signed `/kv/` values through the service, with its defaults. */
export const kadmiumContender: Contender = {
  kinds: ['immutable', 'signed'],
  start: async (count) => networkOf(await startPeers(count)),
}

function networkOf(peers: readonly TestPeer[]): RaceNetwork {
  const dhtOf = (peer: number) => at(peers, peer).dht
  let lastName = 0
  return {
    put: async (peer, kind, value) => {
      if (kind === 'immutable') return (await dhtOf(peer).putImmutable(value)).key
      const name = `/kv/race-${++lastName}`
      await dhtOf(peer).put(name, value)
      return recordKeyFromText(name)
    },
    get: async (peer, kind, key) => {
      const { value } = await dhtOf(peer).get(kind === 'immutable' ? key : recordKeyToText(key))
      return value
    },
    closest: async (peer, key) => (await dhtOf(peer).findNode(key)).closest.length,
    closestAsked: async (peer, key) => {
      return (await dhtOf(peer).findNode(key, { askAll: true })).closest.length
    },
    holds: (peer, key) => dhtOf(peer).node.records.get(key, Date.now()) !== undefined,
    requests: () => peers.reduce((sum, { dht }) => sum + dht.status().outbound.requestsSent, 0),
    contacts: () => mean(peers.map(({ dht }) => dht.node.table.size)),
    connectAll: async () => {
      await connectAll(peers)
      return mean(peers.map(({ libp2p }) => libp2p.getConnections().length))
    },
    stop: () => stopPeers(peers),
  }
}

/** Dials who is not connected, and looks up random keys, so that streams stand as between peers at work. */
async function connectAll(peers: readonly TestPeer[]): Promise<void> {
  for (const { libp2p } of peers) {
    for (const other of peers) {
      const isSelf = other.libp2p === libp2p
      if (isSelf || libp2p.getConnections(other.libp2p.peerId).length > 0) continue
      await libp2p.dial(other.libp2p.getMultiaddrs())
    }
  }
  await forEachIndex(peers.length * LOOKUPS_PER_PEER, 4, (i) => {
    return at(peers, i % peers.length).dht.findNode(randomBytes(32))
  })
}
