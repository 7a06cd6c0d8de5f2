import { expect, it } from 'vitest'
import { keyFromDigest } from '../../src/core/key.ts'
import { at, holders } from '../support/holders.ts'
import { sha256Key } from '../support/values.ts'
import { sha256, VirtualNetwork } from '../support/virtual-network.ts'

const HOUR = 3_600_000

it('a peer that cannot replicate a region in one go does the rest afterwards, not an hour later', async () => {
  const network = new VirtualNetwork()
  const peers = await network.spawnMany(25, { k: 4, operationTimeoutMs: 1_000 })
  const node = at(peers, 7).node
  const keys = Array.from({ length: 300 }, (_, i) => {
    const value = new TextEncoder().encode(`value ${i}`)
    const key = sha256Key(value)
    const target = keyFromDigest(sha256(key))
    const request = { type: 'put-value', key, target, record: { key, value } } as const
    node.answer(at(peers, 0).node.self, request, ({ ok }) => expect(ok).toBe(true))
    return key
  })
  // What it was given though it is far from the key is a mere cached copy.
  const replicas = keys.filter((key) => {
    return node.records.get(key, network.clock.wallClock())?.origin === 'replica'
  })
  expect(replicas.length).toBeGreaterThan(150)
  network.latencyMs = 100 // so that a run has time for some hundred requests
  await network.clock.pass(1.3 * HOUR)
  const copies = replicas.map((key) => holders(network, key).length)
  expect(Math.min(...copies)).toBeGreaterThanOrEqual(4)
})
