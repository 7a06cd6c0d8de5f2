import { describe, expect, it } from 'vitest'
import { mutableKey } from '../../src/core/record-key.ts'
import { at, holders, ids, trueClosest } from '../support/holders.ts'
import { signedValue } from '../support/values.ts'
import { VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

const HOUR = 3_600_000
const K = 4
const KEY = mutableKey('Bob', 'n')
/** What a life may gain on its way from one holder to the next. ms. On the wire it is rounded down to whole seconds. */
const ON_THE_WAY_MS = 100

function version(n: number): Uint8Array {
  return new Uint8Array(signedValue(KEY, 'Bob', { value: `v${n}`, version: n }))
}

/** Peers of which the closest hold version 1 for `lifeMs` more. */
async function published(
  lifeMs: number,
): Promise<{ network: VirtualNetwork; peers: VirtualPeer[] }> {
  const network = new VirtualNetwork()
  const peers = await network.spawnMany(60, { k: K, republishIntervalMs: 0 })
  await network.clock.until(at(peers, 0).node.put(KEY, version(1), { ttlMs: lifeMs, keep: false }))
  await network.clock.pass(1_000)
  return { network, peers }
}

/** What a peer holds, and for how long yet. */
function heldBy(network: VirtualNetwork, name: string): { version: number; lifeMs: number } {
  const now = network.clock.wallClock()
  const held = network.peers.get(name)?.node.records.get(KEY, now)
  return { version: held?.version ?? 0, lifeMs: (held?.expiresAt ?? now) - now }
}

/** Reads from everybody: copies are left on the way. */
async function readEverywhere(network: VirtualNetwork, quorum?: number): Promise<number[]> {
  const versions: number[] = []
  for (const { node } of network.peers.values()) {
    const { verdict } = await network.clock.until(node.get(KEY, { quorum }))
    versions.push(verdict.version)
    await network.clock.pass(100)
  }
  return versions
}

describe('a copy that a reader leaves', () => {
  it('at a holder that lacked the value lives as long as the others', async () => {
    const { network, peers } = await published(2 * HOUR)
    await network.clock.pass(0.5 * HOUR)
    const [nearest = '', second = ''] = ids(trueClosest(network, KEY, 2))
    network.peers.get(nearest)?.node.records.remove(KEY)
    await network.clock.until(at(peers, 9).node.get(KEY, { quorum: K }))
    await network.clock.pass(1_000)
    const original = heldBy(network, second).lifeMs
    expect(heldBy(network, nearest).version).toBe(1)
    expect(heldBy(network, nearest).lifeMs).toBeGreaterThan(0.99 * original)
    expect(heldBy(network, nearest).lifeMs).toBeLessThanOrEqual(original + ON_THE_WAY_MS)
  })

  it('at a peer farther off lives half as long with every peer between', async () => {
    const { network } = await published(40 * HOUR)
    const before = new Set(holders(network, KEY))
    await readEverywhere(network, K)
    await network.clock.pass(1_000)
    const order = ids(trueClosest(network, KEY, 60))
    const left = holders(network, KEY).filter((name) => !before.has(name))
    expect(left.length).toBeGreaterThan(0)
    for (const name of left) {
      const beyond = order.indexOf(name) - K + 1
      expect(beyond).toBeGreaterThan(0)
      expect(heldBy(network, name).lifeMs).toBeLessThanOrEqual((40 * HOUR) / 2 ** beyond)
    }
    const [first = ''] = left.toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
    const life = (40 * HOUR) / 2 ** (order.indexOf(first) - K + 1)
    expect(heldBy(network, first).lifeMs).toBeGreaterThan(0.99 * life) // short, but no shorter
  })

  it('never outvotes a newer value, nor outlives its own short life', async () => {
    const { network, peers } = await published(4 * HOUR)
    await readEverywhere(network, K)
    await network.clock.until(at(peers, 5).node.put(KEY, version(2), { keep: false }))
    const old = holders(network, KEY).filter((name) => heldBy(network, name).version === 1)
    expect(old.length).toBeGreaterThan(0) // those farther off, which the put did not reach
    expect(new Set(await readEverywhere(network))).toEqual(new Set([2]))
    await network.clock.pass(2.1 * HOUR)
    const still = holders(network, KEY).filter((name) => heldBy(network, name).version === 1)
    expect(still).toEqual([])
    expect(holders(network, KEY).length).toBeGreaterThanOrEqual(K)
  })
})
