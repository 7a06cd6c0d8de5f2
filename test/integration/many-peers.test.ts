import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closestOf, inGroups, startPeers, stopPeers, type TestPeer } from '../support/peers.ts'

const PEERS = 64
const LOOKUPS = 200
const PUTS = 20
const K = 20

/** One process, but nothing is simulated: every peer has its own libp2p node, TCP sockets, noise and yamux. */
describe('64 peers over TCP', () => {
  let peers: readonly TestPeer[] = []

  beforeAll(async () => {
    peers = await startPeers(PEERS)
  }, 120_000) // some 2,000 handshakes

  afterAll(() => stopPeers(peers))

  it(`find the ${K} closest of all to each of ${LOOKUPS} random keys`, async () => {
    const found = await inGroups(LOOKUPS, 10, async (i) => {
      const preimage = randomBytes(32)
      const { closest, requests, failures } = await peer(i).dht.findNode(preimage)
      return {
        closest: closest.map(({ id }) => id),
        expected: closestOf(peers, keyOf(preimage), K),
        told: `${failures} of ${requests} requests failed`, // a starved machine, or a mistake of ours
      }
    })
    for (const { closest, expected, told } of found) {
      expect({ closest, told }).toEqual({ closest: expected, told })
    }
  })

  it(`put a value on the ${K} closest of all, where every peer then finds it`, async () => {
    await inGroups(PUTS, 4, async (i) => {
      const value = new Uint8Array(randomBytes(100))
      const { key, stored } = await peer(i).dht.putImmutable(value)
      const holders = closestOf(peers, keyOf(key), K)
      expect(stored.map(({ id }) => id).sort()).toEqual([...holders].sort())
      for (const holder of peers.filter(({ dht }) => holders.includes(dht.node.self.id))) {
        expect(holder.dht.node.records.get(key, Date.now())?.record.value).toEqual(value)
      }
      const got = await peer(i + 31).dht.get(key)
      expect(got.value).toEqual(value)
    })
  })

  function peer(index: number): TestPeer {
    return peers[index % peers.length] as TestPeer // below length
  }
})

/** The first 20 bytes of SHA-256: computed anew, lest the test share a mistake with the code. */
function keyOf(preimage: Uint8Array): Uint8Array {
  return createHash('sha256').update(preimage).digest().subarray(0, 20)
}
