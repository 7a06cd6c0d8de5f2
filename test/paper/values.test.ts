import { describe, expect, it } from 'vitest'
import { compareDistance, keyFromDigest } from '../../src/core/key.ts'
import type { NodeOptions } from '../../src/core/options.ts'
import { at, holders, ids, trueClosest } from '../support/holders.ts'
import { sha256Key } from '../support/values.ts'
import { sha256, VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

/**
 * What "Kademlia: A Peer-to-peer Information System Based on the XOR Metric" (the final paper, LNCS 2429) says of values,
 * and the mistakes that implementations are known to make with them (numbers as in routing-table.test.ts).
 */

const HOUR = 3_600_000
const K = 5

interface Put {
  readonly network: VirtualNetwork
  readonly peers: readonly VirtualPeer[]
  readonly keys: readonly Uint8Array[]
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Peers, and values that a client put which has gone since: nobody publishes them again. */
async function withValues(
  count: number,
  values: number,
  options: Partial<NodeOptions> = {},
): Promise<Put> {
  const network = new VirtualNetwork()
  const peers = await network.spawnMany(count, { k: K, ...options })
  const owner = await network.spawn('owner', { k: K, ...options, mode: 'client' })
  await network.clock.until(owner.node.join([at(peers, 0).node.self]))
  const keys: Uint8Array[] = []
  for (let i = 0; i < values; i++) {
    const value = bytes(`value ${i}`)
    keys.push(sha256Key(value))
    await network.clock.until(owner.node.put(sha256Key(value), value))
  }
  network.kill('owner')
  return { network, peers, keys }
}

/** When each copy ends, by the peer that holds it. */
function ends({ network, peers }: Put, key: Uint8Array): Map<string, number> {
  const now = network.clock.wallClock()
  const found = new Map<string, number>()
  for (const { node } of peers) {
    const held = node.records.get(key, now)
    if (held !== undefined) found.set(node.self.id, held.expiresAt)
  }
  return found
}

describe('2.3 Storing and finding values', () => {
  it('stores at the k closest, and the publisher keeps a copy if it is one of them (mistake 18)', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(30, { k: K })
    const value = bytes('stored')
    const key = sha256Key(value)
    const closest = ids(trueClosest(network, key, K))
    const near = network.peers.get(closest[1] ?? '')
    const put = await network.clock.until((near ?? at(peers, 0)).node.put(key, value))
    expect(ids(put.stored).sort()).toEqual([...closest].sort())
    expect(holders(network, key)).toEqual(expect.arrayContaining(closest))
  })

  it('halts a search at the first value', async () => {
    const put = await withValues(40, 1)
    const [key] = put.keys as [Uint8Array]
    for (const { node } of put.peers) {
      const whole = await put.network.clock.until(node.findNode(key))
      const found = await put.network.clock.until(node.get(key))
      expect(found.requests).toBeLessThan(whole.requests)
    }
  })

  it('has the reader store a copy at the nearest peer it asked that had none, and at no other (mistake 17)', async () => {
    const put = await withValues(60, 12, { k: 2 })
    const { network, peers, keys } = put
    let cached = 0
    for (const key of keys) {
      const before = new Set(holders(network, key))
      const target = keyFromDigest(sha256(key))
      const reader = at(peers, 59)
      const from = reader.events.length
      await network.clock.until(reader.node.get(key))
      await network.clock.pass(100)
      const without = reader.events
        .slice(from)
        .flatMap((event) =>
          event.type === 'request-answered' && event.request === 'get-value' && !event.found
            ? [event.from]
            : [],
        )
        .sort((a, b) => compareDistance(target, a.key, b.key))
      const added = holders(network, key).filter((id) => !before.has(id))
      expect(added).toEqual(ids(without).slice(0, 1))
      cached += added.length
    }
    expect(cached).toBeGreaterThan(0)
  })

  it('gives such a copy a life that shrinks with the peers between it and the key, never a longer one', async () => {
    const put = await withValues(60, 20, { k: 2 })
    const { network, peers, keys } = put
    let shorter = 0
    for (const key of keys) {
      const full = Math.max(...ends(put, key).values())
      await network.clock.until(at(peers, 31).node.get(key))
      await network.clock.pass(100)
      for (const end of ends(put, key).values()) {
        expect(end).toBeLessThanOrEqual(full)
        if (end - network.clock.wallClock() <= 24 * HOUR) shorter += 1
      }
    }
    expect(shorter).toBeGreaterThan(0)
  })

  it('ends a value so long after its publication, however often replicas hand it on (mistake 14)', async () => {
    const put = await withValues(20, 4, { recordLifetimeMs: 6 * HOUR })
    const { network, keys } = put
    const latest = network.clock.wallClock() + 6 * HOUR
    for (let hour = 0; hour < 5; hour++) {
      await network.clock.pass(HOUR)
      for (const key of keys) {
        const all = [...ends(put, key).values()]
        expect(all.length).toBeGreaterThanOrEqual(K)
        expect(Math.max(...all)).toBeLessThanOrEqual(latest)
      }
    }
    await network.clock.pass(1.1 * HOUR)
    for (const key of keys) expect(holders(network, key)).toEqual([])
  })
})

describe('2.5 Republishing', () => {
  it('is done by one holder an hour, not by all: who was sent the value within the hour does not (mistake 15)', async () => {
    const { network, keys } = await withValues(30, 10)
    await network.clock.pass(1.2 * HOUR)
    network.delivered.clear()
    await network.clock.pass(5 * HOUR)
    const rounds = (network.delivered.get('put-value') ?? 0) / keys.length / (K - 1)
    expect(rounds).toBeGreaterThan(3) // it is done
    expect(rounds).toBeLessThan(10) // by one or two an hour; by all of them it would be 25
  })

  it('gives a newcomer the values it is one of the k closest for, each from one holder (mistake 16)', async () => {
    const { network, peers, keys } = await withValues(30, 40)
    await network.clock.pass(10_000)
    network.delivered.clear()
    const joined = await network.spawn('newcomer', { k: K })
    await network.clock.until(joined.node.join([at(peers, 3).node.self]))
    await network.clock.pass(60_000)
    const due = keys.filter((key) => ids(trueClosest(network, key, K)).includes('newcomer'))
    expect(due.length).toBeGreaterThan(0)
    for (const key of due) expect(holders(network, key)).toContain('newcomer')
    expect(network.delivered.get('put-value') ?? 0).toBeLessThan(due.length * 2)
  })

  it('needs no lookup for each key, as a peer knows its neighbourhood', async () => {
    const { network, keys, peers } = await withValues(30, 150)
    await network.clock.pass(1.2 * HOUR)
    const count = (): number =>
      peers
        .flatMap(({ events }) => events)
        .filter((event) => event.type === 'operation-start' && event.kind === 'replicate').length
    const before = count()
    await network.clock.pass(HOUR)
    const lookups = count() - before
    expect(lookups).toBeGreaterThan(0)
    expect(lookups).toBeLessThan(keys.length)
  }, 60_000)

  it('keeps a value over the end of every peer that held it first', async () => {
    const { network, keys } = await withValues(30, 3)
    const first = new Set(keys.flatMap((key) => holders(network, key)))
    for (const id of [...first].slice(0, 8)) {
      network.kill(id)
      await network.clock.pass(0.6 * HOUR)
    }
    for (const key of keys) expect(holders(network, key).length).toBeGreaterThanOrEqual(K - 1)
  })
})
