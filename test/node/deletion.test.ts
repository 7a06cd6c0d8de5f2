import { describe, expect, it, vi } from 'vitest'
import { keyFromDigest } from '../../src/core/key.ts'
import { mutableKey } from '../../src/core/record-key.ts'
import { at, holders, ids, trueClosest } from '../support/holders.ts'
import { signedValue } from '../support/values.ts'
import { sha256, VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

const HOUR = 3_600_000
const KEY = mutableKey('Bob', 'n')

function version(n: number, deleted = false): Uint8Array {
  return new Uint8Array(
    signedValue(KEY, 'Bob', { value: deleted ? '' : `v${n}`, version: n, deleted }),
  )
}

/** Whether the peer itself holds the value, or what took its place. */
function held(network: VirtualNetwork, peer: VirtualPeer): string {
  const record = peer.node.records.get(KEY, network.clock.wallClock())
  if (record === undefined) return 'nothing'
  return record.deleted ? 'tombstone' : 'value'
}

async function isFound(network: VirtualNetwork, reader: VirtualPeer, quorum?: number) {
  const got = network.clock.until(reader.node.get(KEY, { quorum }))
  return got.then(
    () => true,
    (error: { code?: string }) => {
      if (error.code !== 'ERR_NOT_FOUND') throw error
      return false
    },
  )
}

describe('a deleted key', () => {
  it.each([
    ['soon', 2],
    ['when its old copy is about to end', 46.9],
    ['when the tombstones of the others may have ended', 49.5],
  ])(
    'stays deleted when a peer that slept through it returns with its old copy: %s',
    async (_when, hours) => {
      const network = new VirtualNetwork()
      const peers = await network.spawnMany(25, { k: 5, republishIntervalMs: 0 })
      const writer = at(peers, 2)
      await network.clock.until(writer.node.put(KEY, version(1), { keep: false }))
      await network.clock.pass(0.5 * HOUR)
      const sleepers = ids(trueClosest(network, KEY, 5)).slice(0, 3)
      const disks = sleepers.map((name) => {
        const peer = network.peers.get(name)
        if (peer === undefined) throw new Error('nobody of that name')
        expect(held(network, peer)).toBe('value')
        network.kill(name)
        return peer.storage
      })
      const awake = [...network.peers.values()]
      await network.clock.until(at(awake, 4).node.put(KEY, version(2, true), { keep: false }))
      await network.clock.pass(hours * HOUR)
      const returned = await Promise.all(
        sleepers.map((name, i) => network.spawn(name, { k: 5, republishIntervalMs: 0 }, disks[i])),
      )
      const isOver = hours > 48 // then the sleepers' copies have ended too
      for (const peer of returned) {
        expect(held(network, peer)).toBe(isOver ? 'nothing' : 'value')
        await network.clock.until(peer.node.join(peer.node.savedContacts()))
      }
      for (const reader of [at(awake, 1), at(awake, 9)]) {
        expect(await isFound(network, reader)).toBe(false)
      }
      await network.clock.pass(1.2 * HOUR)
      for (const peer of network.peers.values()) expect(held(network, peer)).not.toBe('value')
      const end = hours < 40 ? 'tombstone' : 'nothing' // by then those have ended as well
      for (const peer of returned) expect(held(network, peer)).toBe(end)
      for (const reader of network.peers.values()) {
        expect(await isFound(network, reader, 1)).toBe(false)
      }
    },
    60_000,
  )
})

describe('a copy that one peer calls outdated', () => {
  it('is not given up on its word alone: it could be the last', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(25, { k: 5, republishIntervalMs: 0 })
    const [liar = '', ...others] = ids(trueClosest(network, KEY, 25))
    const keeper = others.at(7) // far enough that it need not hold the value
    for (const [name, { node }] of network.peers) {
      if (name === keeper) continue
      const reason = name === liar ? 'stale: a newer value is held' : 'full: no room'
      const answer = node.answer.bind(node)
      vi.spyOn(node, 'answer').mockImplementation((from, request, reply) => {
        if (request.type === 'put-value') reply({ ok: false, failure: { type: 'refused', reason } })
        else answer(from, request, reply)
      })
    }
    const node = network.peers.get(keeper ?? '')?.node
    const target = at(peers, 0).node.self
    node?.answer(
      target,
      {
        type: 'put-value',
        key: KEY,
        target: keyFromDigest(sha256(KEY)),
        record: { key: KEY, value: version(1) },
      },
      ({ ok }) => expect(ok).toBe(true),
    )
    await network.clock.pass(3 * HOUR)
    expect(holders(network, KEY)).toEqual([keeper])
  })
})
