import { describe, expect, it } from 'vitest'
import { keyFromDigest } from '../../src/core/key.ts'
import { at, holders, trueClosest } from '../support/holders.ts'
import { signedValue } from '../support/values.ts'
import { sha256, VirtualNetwork } from '../support/virtual-network.ts'

const HOUR = 3_600_000

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

const KEY = bytes('/kv/greeting')
const MUTABLE = bytes('/mutable/writer/page')

describe('versions', () => {
  it('a deleted key stays deleted when a peer that slept through it returns with its old copy', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5 })
    const writer = at(peers, 0).node
    await network.clock.until(writer.put(KEY, signedValue(KEY, 'w', { value: 'v', version: 1 })))
    const sleeper = holders(network, KEY).find((id) => id !== 'peer-0') ?? ''
    const { storage } = network.peers.get(sleeper) ?? at(peers, 0)
    network.kill(sleeper)
    const tombstone = signedValue(KEY, 'w', { value: '', version: 2, deleted: true })
    await network.clock.until(writer.put(KEY, tombstone))
    await network.clock.pass(HOUR)
    const again = await network.spawn(sleeper, { k: 5 }, storage)
    expect(again.node.records.get(KEY, network.clock.wallClock())?.deleted).toBe(false)
    await network.clock.until(again.node.join(again.node.savedContacts()))
    await network.clock.pass(3 * HOUR)
    for (const { node } of network.peers.values()) {
      await expect(network.clock.until(node.get(KEY, { quorum: 5 }))).rejects.toMatchObject({
        code: 'ERR_NOT_FOUND',
      })
      const held = node.records.get(KEY, network.clock.wallClock())
      expect(held?.deleted ?? true).toBe(true)
    }
  })

  it.each([
    ['one of its holders', true],
    ['far from it', false],
  ])(
    'a deleted key stays deleted when its writer, %s, slept through it, long after the tombstone has ended',
    async (_, isHolder) => {
      const network = new VirtualNetwork()
      const peers = await network.spawnMany(20, { k: 4 })
      const key = bytes(`/kv/slept ${isHolder}`)
      const near = trueClosest(network, key, 4).map(({ id }) => id)
      const ownerId = isHolder ? near[1] : 'peer-0'
      expect(near.includes('peer-0')).toBe(false) // who is far must be far
      const owner = network.peers.get(ownerId ?? '') ?? at(peers, 0)
      await network.clock.until(
        owner.node.put(key, signedValue(key, 'w', { value: 'v', version: 1 })),
      )
      network.kill(owner.node.self.id)
      const tombstone = signedValue(key, 'x', { value: '', version: 2, deleted: true })
      const deleter = trueClosest(network, key, 19).at(-1)?.id ?? ''
      const { node } = network.peers.get(deleter) ?? at(peers, 1)
      await network.clock.until(node.put(key, tombstone, { keep: false }))
      await network.clock.pass(HOUR)
      const again = await network.spawn(owner.node.self.id, { k: 4 }, owner.storage)
      expect(again.node.status().publications).toBe(1)
      await network.clock.until(again.node.join(again.node.savedContacts()))
      // The tombstone, which nobody renews, ends after 48 hours; the owner would publish again after 22, 44 and 66.
      await network.clock.pass(100 * HOUR)
      expect(holders(network, key)).toEqual([])
      expect(again.node.status().publications).toBe(0)
    },
  )

  it('refuses a writer that comes late, at the replicas', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5 })
    const write = (peer: number, value: string, version: number, ifVersion?: number) =>
      network.clock.until(
        at(peers, peer).node.put(MUTABLE, signedValue(MUTABLE, 'writer', { value, version }), {
          ...(ifVersion === undefined ? {} : { ifVersion }),
        }),
      )
    await write(1, 'first', 1)
    await write(2, 'second', 2, 1)
    await expect(write(3, 'late', 2, 1)).rejects.toMatchObject({ code: 'ERR_STALE_WRITE' })
    await expect(write(4, 'old', 1)).rejects.toMatchObject({ code: 'ERR_STALE_WRITE' })
    const got = await network.clock.until(at(peers, 9).node.get(MUTABLE, { quorum: 5 }))
    expect(Buffer.from(got.value).toString()).toContain('second')
    await write(3, 'third', 3, 2)
  })

  it('lets one of two writers win who write at once on the same version, wherever they stand', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5 })
    const name = (round: number) => bytes(`/mutable/writer/${round}`)
    for (let round = 0; round < 20; round++) {
      const key = name(round)
      const write = (id: string, value: string, version: number): Promise<unknown> =>
        (network.peers.get(id) ?? at(peers, 0)).node
          .put(key, signedValue(key, 'writer', { value, version }), {
            ifVersion: version - 1,
            keep: false, // only replicas count here
          })
          .then(
            () => value,
            (error: unknown) => error,
          )
      // The nearest peer of all writes in half of the rounds, a second replica in some.
      const order = trueClosest(network, key, 20).map(({ id }) => id)
      const [one, other] = [order[round % 2 === 0 ? 0 : 7 + (round % 5)], order[1 + (round % 11)]]
      await network.clock.until(write('peer-0', 'first', 1))
      const writers = [write(one ?? '', 'one', 2), write(other ?? '', 'other', 2)]
      const [a, b] = await network.clock.until(Promise.all(writers))
      const [winner, loser] = typeof a === 'string' ? [a, b] : [b, a]
      expect(typeof winner).toBe('string')
      expect(loser).toMatchObject({ code: 'ERR_STALE_WRITE', details: { heldVersion: 2 } })
      const values = holders(network, key).map((id) => {
        const held = network.peers.get(id)?.node.records.get(key, network.clock.wallClock())
        return Buffer.from(held?.record.value ?? []).toString()
      })
      const lost = winner === 'one' ? 'other' : 'one'
      expect(values.filter((value) => value.includes(String(winner))).length).toBeGreaterThan(2)
      expect(values.filter((value) => value.includes(lost))).toEqual([])
    }
    await network.clock.pass(3 * HOUR)
    for (let round = 0; round < 20; round++) {
      const held = await network.clock.until(at(peers, 9).node.get(name(round), { quorum: 5 }))
      expect(held.agreed).toBe(5)
    }
  })

  it('tells a late writer which version it found', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5 })
    const write = (version: number, ifVersion: number) =>
      network.clock.until(
        at(peers, 3).node.put(MUTABLE, signedValue(MUTABLE, 'writer', { value: 'v', version }), {
          ifVersion,
          keep: false,
        }),
      )
    await write(4, 0)
    const late = write(2, 1)
    await expect(late).rejects.toMatchObject({
      code: 'ERR_STALE_WRITE',
      details: { heldVersion: 4 },
    })
    await expect(late).rejects.toThrow('version 1 was expected, version 4 is held')
    await expect(write(5, 1.5)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' })
  })

  it('does not keep a conditional write that the network refused', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 4 })
    const value = (text: string, version: number) =>
      signedValue(MUTABLE, 'writer', { value: text, version })
    await network.clock.until(at(peers, 1).node.put(MUTABLE, value('first', 5)))
    const outsider = peers.findIndex(
      ({ node }) => !holders(network, MUTABLE).includes(node.self.id),
    )
    const { node } = at(peers, outsider)
    const late = node.put(MUTABLE, value('late', 4), { ifVersion: 3 })
    await expect(network.clock.until(late)).rejects.toMatchObject({ code: 'ERR_STALE_WRITE' })
    expect(node.records.get(MUTABLE, network.clock.wallClock())).toBeUndefined()
    expect(node.status().publications).toBe(0)
  })

  it('are not kept by a peer that holds an old one and is none of the closest any more', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 3 })
    const value = (text: string, version: number) =>
      signedValue(MUTABLE, 'writer', { value: text, version })
    await network.clock.until(at(peers, 1).node.put(MUTABLE, value('new', 2), { keep: false }))
    const near = holders(network, MUTABLE)
    // Somebody who was one of the closest in its half of a divided network, say.
    const stray = trueClosest(network, MUTABLE, 6).find(({ id }) => !near.includes(id))
    const { node } = network.peers.get(stray?.id ?? '') ?? at(peers, 0)
    const old = { key: MUTABLE, value: value('old', 1) }
    const target = keyFromDigest(sha256(MUTABLE))
    node.answer(
      at(peers, 2).node.self,
      { type: 'put-value', key: MUTABLE, target, record: old },
      () => undefined,
    )
    const held = () => node.records.get(MUTABLE, network.clock.wallClock())?.version
    expect(held()).toBe(1)
    await network.clock.pass(2 * HOUR)
    expect(held()).toBeUndefined()
    for (const id of near) {
      const holder = network.peers.get(id)?.node
      expect(holder?.records.get(MUTABLE, network.clock.wallClock())?.version).toBe(2)
    }
  })
})
