import { describe, expect, it } from 'vitest'
import { Contact } from '../../src/core/contact.ts'
import type { NodeOptions } from '../../src/core/options.ts'
import { at, holders, ids, trueClosest } from '../support/holders.ts'
import { sha256Key } from '../support/values.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const HOUR = 3_600_000

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** A network and values put by a peer that leaves at once without a farewell. */
async function abandoned(
  count: number,
  values: number,
  options: Partial<NodeOptions>,
): Promise<{ network: VirtualNetwork; keys: Uint8Array[] }> {
  const network = new VirtualNetwork()
  await network.spawnMany(count, options)
  const owner = await network.spawn('owner', { ...options, mode: 'client' })
  await network.clock.until(owner.node.join([at([...network.peers.values()], 0).node.self]))
  const keys: Uint8Array[] = []
  for (let i = 0; i < values; i++) {
    const value = bytes(`value ${i}`)
    keys.push(sha256Key(value))
    await network.clock.until(owner.node.put(sha256Key(value), value))
  }
  network.kill('owner')
  return { network, keys }
}

function operations(network: VirtualNetwork, kind: string): number {
  return [...network.peers.values()]
    .flatMap(({ events }) => events)
    .filter((event) => event.type === 'operation-start' && event.kind === kind).length
}

describe('Replication', () => {
  it('brings the copies back to k within an interval after holders died', async () => {
    const { network, keys } = await abandoned(40, 10, { k: 6 })
    for (const name of ['peer-3', 'peer-9', 'peer-17', 'peer-20', 'peer-31', 'peer-38']) {
      network.kill(name)
    }
    await network.clock.pass(1.2 * HOUR)
    for (const key of keys) {
      for (const id of ids(trueClosest(network, key, 6))) {
        expect(holders(network, key)).toContain(id)
      }
    }
  })

  it('loses values when it is switched off and peers come and go: so the test above can fail', async () => {
    const { network, keys } = await abandoned(30, 5, { k: 3, replicateIntervalMs: 0 })
    for (const key of keys) for (const id of holders(network, key)) network.kill(id)
    await network.clock.pass(2 * HOUR)
    for (const key of keys) expect(holders(network, key)).toEqual([])
  })

  it('keeps values through the replacement of every peer that first held them', async () => {
    const { network, keys } = await abandoned(30, 5, { k: 5 })
    const seed = (): string => [...network.peers.keys()].at(-1) ?? ''
    for (let i = 0; i < 30; i++) {
      const joined = await network.spawn(`new-${i}`, { k: 5 })
      const first = network.peers.get(i === 0 ? 'peer-0' : `new-${i - 1}`)
      if (first !== undefined) await network.clock.until(joined.node.join([first.node.self]))
      await network.clock.pass(0.1 * HOUR)
      network.kill(`peer-${i}`)
      await network.clock.pass(0.4 * HOUR)
    }
    expect(seed()).toBe('new-29')
    for (const key of keys) {
      const reader = at([...network.peers.values()], 7)
      expect((await network.clock.until(reader.node.get(key))).key).toEqual(key)
    }
  })

  it('does the work once an interval: who received a record within it skips it', async () => {
    const { network, keys } = await abandoned(30, 10, { k: 6 })
    await network.clock.pass(1.2 * HOUR) // the put itself counts as receipt
    network.delivered.clear()
    await network.clock.pass(3 * HOUR)
    const puts = network.delivered.get('put-value') ?? 0
    // Once an hour and key at each other holder, not once for each holder.
    expect(puts).toBeGreaterThan(2 * keys.length * 4)
    expect(puts).toBeLessThan(4 * keys.length * 8)
  })

  it('takes far fewer lookups than one for each key', async () => {
    const { network, keys } = await abandoned(40, 400, { k: 6 })
    await network.clock.pass(1.2 * HOUR)
    const before = operations(network, 'replicate')
    await network.clock.pass(HOUR)
    const lookups = operations(network, 'replicate') - before
    expect(lookups).toBeGreaterThan(0)
    expect(lookups * 2).toBeLessThan(keys.length)
  }, 60_000)

  it('never prolongs a life', async () => {
    const { network, keys } = await abandoned(20, 5, { k: 5, recordLifetimeMs: 6 * HOUR })
    await network.clock.pass(5.9 * HOUR)
    for (const key of keys) expect(holders(network, key).length).toBeGreaterThanOrEqual(5)
    await network.clock.pass(0.2 * HOUR)
    for (const key of keys) expect(holders(network, key)).toEqual([])
    for (const { node } of network.peers.values()) expect(node.records.size).toBe(0)
  })

  it('lets its owner prolong a life, by publishing again until the owner stops', async () => {
    const options = { k: 4, recordLifetimeMs: 6 * HOUR, republishIntervalMs: 3 * HOUR }
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(15, options)
    const key = sha256Key(bytes('kept'))
    await network.clock.until(at(peers, 4).node.put(key, bytes('kept')))
    await network.clock.pass(30 * HOUR)
    expect(holders(network, key).length).toBeGreaterThanOrEqual(4)
    network.kill('peer-4')
    await network.clock.pass(7 * HOUR)
    expect(holders(network, key)).toEqual([])
  })

  it('ends with the ttl that its owner gave, though the owner lives', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(10, { k: 4, republishIntervalMs: HOUR })
    const key = sha256Key(bytes('short'))
    await network.clock.until(at(peers, 1).node.put(key, bytes('short'), { ttlMs: 2 * HOUR }))
    await network.clock.pass(1.9 * HOUR)
    expect(holders(network, key).length).toBeGreaterThanOrEqual(4)
    await network.clock.pass(0.2 * HOUR)
    expect(holders(network, key)).toEqual([])
  })

  it('goes on after a restart with what its owner published', async () => {
    const options = { k: 4, recordLifetimeMs: 6 * HOUR, republishIntervalMs: 3 * HOUR }
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(12, options)
    const key = sha256Key(bytes('kept'))
    await network.clock.until(at(peers, 4).node.put(key, bytes('kept')))
    await network.clock.pass(HOUR)
    network.kill('peer-4')
    const again = await network.spawn('peer-4', options, at(peers, 4).storage)
    await network.clock.until(again.node.join(again.node.savedContacts()))
    await network.clock.pass(20 * HOUR)
    expect(holders(network, key).length).toBeGreaterThanOrEqual(4)
  })
})

describe('HandOver', () => {
  it('gives a newcomer what it is now responsible for, once and not k times', async () => {
    const { network, keys } = await abandoned(25, 40, { k: 5 })
    await network.clock.pass(10_000)
    network.delivered.clear()
    const joined = await network.spawn('newcomer', { k: 5 })
    await network.clock.until(joined.node.join([at([...network.peers.values()], 2).node.self]))
    await network.clock.pass(60_000)
    const mine = keys.filter((key) => ids(trueClosest(network, key, 5)).includes('newcomer'))
    const held = mine.filter((key) => holders(network, key).includes('newcomer'))
    expect(mine.length).toBeGreaterThan(0)
    expect(held).toEqual(mine)
    expect(network.delivered.get('put-value') ?? 0).toBeLessThanOrEqual(mine.length * 2)
  })

  it('gives what it holds to its successors when it stops, within its bound', async () => {
    const { network, keys } = await abandoned(25, 20, { k: 5 })
    for (const name of ['peer-4', 'peer-8', 'peer-12']) {
      const leaving = network.peers.get(name)
      if (leaving === undefined) throw new Error('gone already')
      await network.clock.until(leaving.node.stop({ handOverMs: 10_000 }))
      network.kill(name)
    }
    for (const key of keys) {
      for (const id of ids(trueClosest(network, key, 5)))
        expect(holders(network, key)).toContain(id)
    }
  })
})

describe('Providers', () => {
  it('are found from every peer, and no longer after their validity', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5, republishIntervalMs: 0 })
    const key = bytes('a multihash')
    const provided = await network.clock.until(at(peers, 3).node.provide(key))
    expect(provided.stored.length).toBe(5)
    for (const { node } of peers) {
      const found = await network.clock.until(node.findProviders(key))
      expect(ids(found)).toEqual(['peer-3'])
    }
    await network.clock.pass(47 * HOUR)
    const late = await network.clock.until(at(peers, 9).node.findProviders(key))
    expect(late.map(({ id, addresses }) => [id, addresses.length])).toEqual([['peer-3', 0]])
    await network.clock.pass(2 * HOUR)
    expect(await network.clock.until(at(peers, 9).node.findProviders(key))).toEqual([])
    for (const { node } of peers) expect(node.providerRecords.size).toBe(0)
  })

  it('announce themselves again until they stop providing', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(15, { k: 5 })
    const key = bytes('a multihash')
    await network.clock.until(at(peers, 3).node.provide(key))
    await network.clock.pass(100 * HOUR)
    expect(ids(await network.clock.until(at(peers, 9).node.findProviders(key)))).toEqual(['peer-3'])
    at(peers, 3).node.unprovide(key)
    await network.clock.pass(50 * HOUR)
    expect(await network.clock.until(at(peers, 9).node.findProviders(key))).toEqual([])
  })

  it('are remembered over a restart by those who hold them, until their validity ends', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(8, { k: 3, republishIntervalMs: 0 })
    const key = bytes('a multihash')
    await network.clock.until(at(peers, 3).node.provide(key))
    await network.clock.pass(10 * HOUR)
    const all = [...network.peers.entries()]
    for (const [name] of all) network.kill(name)
    const held: number[] = []
    for (const [name, before] of all) {
      const { node } = await network.spawn(name, { k: 3, republishIntervalMs: 0 }, before.storage)
      expect(node.providerRecords.size).toBe(before.node.providerRecords.size)
      held.push(node.providerRecords.size)
    }
    expect(held.reduce((sum, size) => sum + size)).toBeGreaterThanOrEqual(3)
    const reader = network.peers.get('peer-7')?.node
    const found = () =>
      network.clock.until(
        reader?.join(reader.savedContacts()).then(() => reader.findProviders(key)) ??
          Promise.resolve([]),
      )
    expect(ids(await found())).toEqual(['peer-3'])
    await network.clock.pass(39 * HOUR)
    expect(await found()).toEqual([])
    for (const { node, storage } of network.peers.values()) {
      expect(node.providerRecords.size).toBe(0)
      expect([...storage.entries.keys()].filter((entry) => entry.startsWith('v/'))).toEqual([])
    }
  })

  it('cannot be announced by others, nor without an address, nor under a long key', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(3)
    const refusals: (string | undefined)[] = []
    const { self } = at(peers, 1).node
    const target = self.key
    for (const [key, provider] of [
      [bytes('k'), at(peers, 2).node.self],
      [
        bytes('k'),
        new Contact({ id: self.id, idBytes: self.idBytes, key: self.key, addresses: [] }),
      ],
      [new Uint8Array(81), self],
    ] as const) {
      const request = { type: 'add-provider', key, target, providers: [provider] } as const
      at(peers, 0).node.answer(self, request, (outcome) => {
        refusals.push(outcome.ok ? undefined : outcome.failure.reason)
      })
    }
    expect(refusals).toEqual([
      'a peer can announce only itself as a provider',
      'a provider needs an address',
      'a provider key has 1 to 80 bytes, got 81',
    ])
  })

  it('finds a peer’s addresses, and says when nobody knows it', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(30, { k: 4 })
    const wanted = at(peers, 22).node.self
    expect(await network.clock.until(at(peers, 3).node.findPeer(wanted))).toEqual(wanted)
    const missing = { id: 'nobody', idBytes: bytes('nobody') }
    await expect(network.clock.until(at(peers, 3).node.findPeer(missing))).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
    })
  })
})
