import { describe, expect, it } from 'vitest'
import { mutableKey } from '../../src/core/record-key.ts'
import { at, holders, ids, trueClosest } from '../support/holders.ts'
import { sha256Key, signedValue } from '../support/values.ts'
import { VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function announcements(network: VirtualNetwork, name: string): number {
  const events = network.peers.get(name)?.events ?? []
  return events.filter((event) => event.type === 'request-sent' && event.request === 'add-provider')
    .length
}

describe('what a peer publishes', () => {
  it('is forgotten when its time is over, by the running peer', async () => {
    const network = new VirtualNetwork()
    const peer = at(await network.spawnMany(6, { k: 3 }), 0)
    const key = sha256Key(bytes('short'))
    await network.clock.until(peer.node.put(key, bytes('short'), { ttlMs: HOUR }))
    expect(peer.node.status().publications).toBe(1)
    await network.clock.pass(1.1 * HOUR)
    expect(peer.node.status().publications).toBe(0)
    expect([...peer.storage.entries.keys()].filter((entry) => entry.startsWith('o/'))).toEqual([])
  })

  it('is forgotten when its time is over, by a peer that was down meanwhile', async () => {
    const network = new VirtualNetwork()
    const peer = at(await network.spawnMany(6, { k: 3 }), 0)
    const key = sha256Key(bytes('short'))
    await network.clock.until(peer.node.put(key, bytes('short'), { ttlMs: HOUR }))
    network.kill('peer-0')
    await network.clock.pass(2 * HOUR)
    const again = await network.spawn('peer-0', { k: 3 }, peer.storage)
    expect(again.node.status()).toMatchObject({ publications: 0, records: 0 })
    await network.clock.pass(MINUTE)
    expect([...again.storage.entries.keys()].filter((entry) => entry.startsWith('o/'))).toEqual([])
  })

  it('is not published again once taken back, even if that is under way just then', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(12, { k: 4, republishIntervalMs: MINUTE })
    await network.clock.until(at(peers, 3).node.provide(bytes('a multihash')))
    const before = announcements(network, 'peer-3')
    while (announcements(network, 'peer-3') === before) await network.clock.pass(5)
    const once = before + 3 // to the others of the k closest
    at(peers, 3).node.unprovide(bytes('a multihash'))
    await network.clock.pass(10 * MINUTE)
    expect(at(peers, 3).node.status().publications).toBe(0)
    expect(announcements(network, 'peer-3')).toBeLessThanOrEqual(once + 1)
  })

  it('is published again though the wall clock went back by a year', async () => {
    const options = { k: 4, republishIntervalMs: 2 * HOUR, recordLifetimeMs: 6 * HOUR }
    const network = new VirtualNetwork()
    network.clock.aheadMs = 365 * 24 * HOUR
    const peers = await network.spawnMany(12, options)
    const key = sha256Key(bytes('kept'))
    await network.clock.until(at(peers, 3).node.put(key, bytes('kept')))
    await network.clock.until(at(peers, 3).node.provide(bytes('a multihash')))
    network.clock.aheadMs = 0
    const before = network.delivered.get('add-provider') ?? 0
    await network.clock.pass(3 * HOUR)
    expect(network.delivered.get('add-provider') ?? 0).toBeGreaterThan(before)
  })
})

describe('peers without a clock of their own, after a power cut', () => {
  it('start in the past, and have lost nothing when they learn the time', async () => {
    const network = new VirtualNetwork()
    const names = Array.from({ length: 6 }, (_, i) => `peer-${i}`)
    const peers = await network.spawnMany(6, { k: 3 })
    const key = sha256Key(bytes('kept'))
    await network.clock.until(at(peers, 1).node.put(key, bytes('kept')))
    await network.clock.pass(HOUR)
    const before = holders(network, key)
    for (const name of names) network.kill(name)
    network.clock.aheadMs = -50 * 365 * 24 * HOUR
    const started: VirtualPeer[] = []
    for (const [i, name] of names.entries()) {
      started.push(await network.spawn(name, { k: 3 }, at(peers, i).storage))
    }
    for (const { node } of started) await network.clock.until(node.join(node.savedContacts()))
    await network.clock.pass(20 * MINUTE) // upkeep runs by the wrong time
    network.clock.aheadMs = 0
    await network.clock.pass(10 * MINUTE)
    expect(holders(network, key)).toEqual(expect.arrayContaining(before))
    expect(at(started, 1).node.status().publications).toBe(1)
    await network.clock.pass(60 * HOUR)
    expect(holders(network, key).length).toBeGreaterThanOrEqual(3)
  })
})

describe('a provider that stands near what it provides', () => {
  it('knows itself for as long as it provides, and no longer', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(15, { k: 5 })
    const key = bytes('a multihash')
    const [name = ''] = ids(trueClosest(network, key, 5))
    const provider = network.peers.get(name)
    if (provider === undefined) throw new Error('nobody is near')
    await network.clock.until(provider.node.provide(key))
    await network.clock.pass(100 * HOUR)
    const own = () =>
      provider.node.providerRecords
        .get(key, network.clock.wallClock(), {
          fraction: () => 0,
          below: () => 0,
          bytes: () => key,
        })
        .map(({ id, addresses }) => [id, addresses.length])
    expect(own()).toEqual([[name, 1]])
    provider.node.unprovide(key)
    expect(own()).toEqual([])
    expect(ids(await network.clock.until(at(peers, 9).node.findProviders(key)))).toEqual([name]) // of the others
    await network.clock.pass(MINUTE)
    const stored = [...provider.storage.entries.keys()].filter((entry) => entry.startsWith('v/'))
    expect(stored).toEqual([])
  })
})

describe('an owner whose put came too late', () => {
  it('holds what stands instead, at once, and does not publish the old value again', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(30, { k: 4 })
    const key = mutableKey('Bob', 'n')
    const version = (n: number) =>
      new Uint8Array(signedValue(key, 'Bob', { value: `v${n}`, version: n }))
    await network.clock.until(at(peers, 2).node.put(key, version(2)))
    const late = at(
      [...network.peers.values()].filter(({ node }) => node.records.size === 0),
      0,
    )
    await expect(network.clock.until(late.node.put(key, version(1)))).rejects.toMatchObject({
      code: 'ERR_STALE_WRITE',
    })
    await network.clock.pass(MINUTE)
    const held = late.node.records.get(key, network.clock.wallClock())
    expect(held).toMatchObject({ version: 2, origin: 'replica' })
    expect(holders(network, key).length).toBeGreaterThanOrEqual(4)
  })
})
