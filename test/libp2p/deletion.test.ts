import { afterAll, beforeAll, expect, it } from 'vitest'
import { recordKeyFromText } from '../../src/core/record-key.ts'
import { startPeers, stopPeers, type TestPeer } from '../support/peers.ts'

const HOUR = 3_600_000

let peers: readonly TestPeer[] = []
beforeAll(async () => {
  peers = await startPeers(4)
})
afterAll(() => stopPeers(peers))

it('a tombstone lives for as long as copies can, whatever ttl its writer gives', async () => {
  const [first, second] = peers
  await first?.dht.put('/kv/gone', new TextEncoder().encode('v'))
  const key = recordKeyFromText('/kv/gone')
  // Where an old copy stands, its tombstone lives as long as that would have; a holder that lacks it knows no such time.
  expect(peers[3]?.dht.node.records.remove(key)).toHaveLength(1)
  await second?.dht.delete('/kv/gone', { ttlMs: 1_000 })
  for (const { dht } of peers) {
    const held = dht.node.records.get(key, Date.now())
    expect(held?.deleted).toBe(true)
    expect(held?.expiresAt).toBeGreaterThan(Date.now() + 47 * HOUR)
    await expect(dht.get('/kv/gone')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  }
})
