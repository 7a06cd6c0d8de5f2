import { describe, expect, it } from 'vitest'
import { Contact } from '../../src/core/contact.ts'
import type { NodeOptions } from '../../src/core/options.ts'
import { at, holders, ids, trueClosest } from '../support/holders.ts'
import { sha256Key } from '../support/values.ts'
import { VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

const K = 5

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Peers and values that nobody publishes again. */
async function filled(
  count: number,
  values: number,
  options: Partial<NodeOptions> = {},
): Promise<{ network: VirtualNetwork; peers: VirtualPeer[]; keys: Uint8Array[] }> {
  const network = new VirtualNetwork()
  const peers = await network.spawnMany(count, { k: K, ...options })
  const keys: Uint8Array[] = []
  for (let i = 0; i < values; i++) {
    const value = bytes(`value ${i}`)
    keys.push(sha256Key(value))
    await network.clock.until(at(peers, 0).node.put(sha256Key(value), value, { keep: false }))
  }
  await network.clock.pass(10_000)
  network.delivered.clear()
  return { network, peers, keys }
}

function puts(network: VirtualNetwork): number {
  return network.delivered.get('put-value') ?? 0
}

describe('a peer that starts again with what it held', () => {
  it('hands it to nobody: whom it meets was there before it', async () => {
    const { network, peers } = await filled(25, 60)
    const before = at(peers, 7)
    expect(before.node.records.size).toBeGreaterThan(5)
    network.kill('peer-7')
    await network.clock.pass(20_000)
    const again = await network.spawn('peer-7', { k: K }, before.storage)
    expect(again.node.records.size).toBe(before.node.records.size)
    await network.clock.until(again.node.join(again.node.savedContacts()))
    await network.clock.pass(60_000)
    expect(again.node.table.size).toBeGreaterThan(K)
    expect(puts(network)).toBe(0)
  })

  it('hands it to those that come after it, as any other peer', async () => {
    const { network, peers, keys } = await filled(25, 60)
    const before = at(peers, 7)
    network.kill('peer-7')
    const again = await network.spawn('peer-7', { k: K }, before.storage)
    await network.clock.until(again.node.join(again.node.savedContacts()))
    // It alone has them now: nobody else could hand them over.
    for (const [name, { node }] of network.peers) {
      if (name !== 'peer-7') for (const key of keys) node.records.remove(key)
    }
    for (let i = 0; i < 12; i++) {
      const joined = await network.spawn(`newcomer-${i}`, { k: K })
      await network.clock.until(joined.node.join([at(peers, 3).node.self]))
    }
    await network.clock.pass(60_000)
    const due = keys.filter((key) => {
      const closest = ids(trueClosest(network, key, K))
      return closest[0] === 'peer-7' && closest.some((id) => id.startsWith('newcomer'))
    })
    expect(due.length).toBeGreaterThan(0)
    for (const key of due) {
      const newcomers = ids(trueClosest(network, key, K)).filter((id) => id.startsWith('newcomer'))
      for (const id of newcomers) expect(holders(network, key)).toContain(id)
    }
  })
})

describe('a newcomer whose contact is replaced before it is served', () => {
  it('is handed what it should hold', async () => {
    const { network, peers, keys } = await filled(25, 60)
    const joined = await network.spawn('newcomer', { k: K })
    await network.clock.until(joined.node.join([at(peers, 2).node.self]))
    // As when identify brings the peer's own word on its addresses.
    const { id, idBytes, key, addresses } = joined.node.self
    for (const { node } of peers) {
      node.table.heard(new Contact({ id, idBytes, key, addresses }), network.clock.now())
    }
    await network.clock.pass(60_000)
    const due = keys.filter((one) => ids(trueClosest(network, one, K)).includes('newcomer'))
    expect(due.length).toBeGreaterThan(5)
    for (const one of due) expect(holders(network, one)).toContain('newcomer')
  })
})

describe('a peer that was first, and alone', () => {
  it('hands what it holds to those that come', async () => {
    const network = new VirtualNetwork()
    const first = await network.spawn('first', { k: K })
    const key = sha256Key(bytes('early'))
    await network.clock.until(first.node.put(key, bytes('early')))
    for (const name of ['second', 'third']) {
      const { node } = await network.spawn(name, { k: K })
      await network.clock.until(node.join([first.node.self]))
    }
    await network.clock.pass(10_000)
    expect(holders(network, key)).toEqual(['first', 'second', 'third'])
  })
})

describe('without replication', () => {
  it('a newcomer is handed nothing', async () => {
    const { network, peers } = await filled(25, 40, { replicateIntervalMs: 0 })
    const joined = await network.spawn('newcomer', { k: K })
    await network.clock.until(joined.node.join([at(peers, 2).node.self]))
    await network.clock.pass(60_000)
    expect(joined.node.records.size).toBe(0)
  })
})

describe('a peer that comes and goes', () => {
  it('is handed what it should hold once an interval, however often it comes', async () => {
    const { network, peers, keys } = await filled(25, 40)
    const joined = await network.spawn('newcomer', { k: K })
    await network.clock.until(joined.node.join([at(peers, 2).node.self]))
    await network.clock.pass(10_000)
    const mine = keys.filter((key) => holders(network, key).includes('newcomer'))
    const before = puts(network)
    expect(before).toBeGreaterThanOrEqual(mine.length)
    for (let i = 0; i < 10; i++) {
      for (const { node } of peers) node.left('newcomer')
      await network.clock.pass(5_000)
      for (const { node } of peers) node.seen(joined.node.self)
      await network.clock.pass(5_000)
    }
    const [, neighbour = ''] = ids(trueClosest(network, bytes('newcomer'), 2))
    const [back] = network.peers.get(neighbour)?.node.table.closest(joined.node.self.key, 1) ?? []
    expect(back?.id).toBe('newcomer')
    expect(puts(network)).toBe(before)
  })
})

describe('a peer that leaves', () => {
  it('gives what it holds to everybody where there are no more than k', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(4, { k: K })
    const key = sha256Key(bytes('kept'))
    const lacking = at(peers, 3)
    network.kill('peer-3') // for a moment, in which a value is put
    await network.clock.until(at(peers, 0).node.put(key, bytes('kept'), { keep: false }))
    network.peers.set('peer-3', lacking)
    expect(holders(network, key)).not.toContain('peer-3')
    for (const name of ['peer-0', 'peer-1', 'peer-2']) {
      await network.clock.until(
        network.peers.get(name)?.node.stop({ handOverMs: 10_000 }) ?? Promise.resolve(),
      )
      network.kill(name)
    }
    expect(holders(network, key)).toEqual(['peer-3'])
  })

  it('takes no longer than its bound, though nobody answers', async () => {
    const { network, peers } = await filled(25, 40)
    for (const name of network.peers.keys()) if (name !== 'peer-4') network.silence(name)
    const startedAt = network.clock.now()
    await network.clock.until(at(peers, 4).node.stop({ handOverMs: 10_000 }))
    expect(network.clock.now() - startedAt).toBeLessThanOrEqual(10_100)
  })
})
