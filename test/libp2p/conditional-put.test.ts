import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyFromDigest } from '../../src/core/key.ts'
import { mutableKey } from '../../src/core/record-key.ts'
import { seal } from '../../src/libp2p/records.ts'
import { closestOf, startPeers, stopPeers, type TestPeer } from '../support/peers.ts'
import { sha256 } from '../support/wire.ts'

let peers: readonly TestPeer[] = []
beforeAll(async () => {
  peers = await startPeers(5)
})
afterAll(() => stopPeers(peers))

describe('a conditional put over libp2p', () => {
  it('is refused by the replicas, which tell the version they hold, though its writer holds nothing', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const key = mutableKey(peerIdFromPrivateKey(privateKey).toString(), 'page')
    // The nearest decides: it is none of the writers.
    const order = closestOf(peers, keyFromDigest(sha256(key)), 5)
    const nodeAt = (rank: number) => {
      const peer = peers.find(({ dht }) => dht.node.self.id === order[rank])
      if (peer === undefined) throw new Error(`nobody at rank ${rank}`)
      return peer.dht.node
    }
    const put = async (rank: number, version: number, ifVersion: number) => {
      const value = await seal(privateKey, { key, value: Uint8Array.of(rank), version })
      const node = nodeAt(rank)
      // The writers keep no copy that could refuse before the network does.
      for (const write of node.records.remove(key)) expect(write.value).toBeUndefined()
      return node.put(key, value, { ifVersion, keep: false })
    }
    await put(1, 1, 0)
    await put(2, 2, 1)
    // Newer than what stands, so that only its condition speaks against it.
    await expect(put(3, 9, 1)).rejects.toMatchObject({
      code: 'ERR_STALE_WRITE',
      details: { heldVersion: 2 },
    })
    const got = await nodeAt(4).get(key)
    expect(got.verdict.version).toBe(2)
  })
})
