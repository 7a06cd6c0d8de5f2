import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/kad.ts'
import { closestOf, startPeers, stopPeers, type TestPeer } from '../support/peers.ts'

/** More than a lookup asks first, so that some are spared. */
const PEERS = 8

describe('the closest peers over TCP', () => {
  let peers: readonly TestPeer[]
  beforeAll(async () => {
    peers = await startPeers(PEERS)
  })
  afterAll(() => stopPeers(peers))

  it('do not name a peer that has ended, though it answered a moment ago', async () => {
    const [first] = peers
    if (first === undefined) throw new Error('no peer has started')
    const { dht, libp2p } = first
    await until('it knows all', async () => {
      await dht.findNode('anything', { askAll: true })
      return dht.node.table.size === PEERS - 1
    })
    await until('a lookup is spared requests', async () => {
      const asked = await dht.findNode('anything', { askAll: true })
      expect(asked.requests).toBe(PEERS - 1)
      const { requests, closest, target } = await dht.findNode('anything')
      expect(closest.map(({ id }) => id)).toEqual(closestOf(peers, target, PEERS))
      return requests === dht.node.options.alpha // not, if more than half a second passed
    })

    const { closest } = await dht.findNode('anything', { withoutSelf: true })
    const [farthest] = closest.toReversed()
    const gone = peers.find((peer) => peer.dht.node.self.id === farthest?.id)?.libp2p
    if (gone === undefined) throw new Error('nobody is farthest')
    await gone.stop()
    await until('it is seen to have gone', async () => {
      return libp2p.getConnections(gone.peerId).length === 0
    })
    const { closest: left } = await dht.findNode('anything', { withoutSelf: true })
    expect(left.map(({ id }) => id)).toEqual(closest.slice(0, -1).map(({ id }) => id))
  })
})
