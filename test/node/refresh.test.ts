import { describe, expect, it } from 'vitest'
import type { DhtEvent } from '../../src/core/events.ts'
import { bytesEqual, commonPrefixLength } from '../../src/core/key.ts'
import { VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

const MINUTE = 60_000
const INTERVAL_MS = 10 * MINUTE
const K = 8
const OPTIONS = { k: K, refreshIntervalMs: INTERVAL_MS }

/** The requests of one refresh of a bucket: how many in all, and how many of them at once. */
interface Refresh {
  requests: number
  atOnce: number
}

function refreshesOfBuckets({ node, events }: VirtualPeer): Refresh[] {
  const refreshes = new Map<number, Refresh & { waiting: number }>()
  for (const event of events) {
    if (event.type === 'operation-start' && event.kind === 'refresh') {
      const ofBucket = event.target !== undefined && !bytesEqual(event.target, node.self.key)
      if (ofBucket) refreshes.set(event.operation, { requests: 0, atOnce: 0, waiting: 0 })
    } else {
      count(refreshes, event)
    }
  }
  return [...refreshes.values()]
}

function count(refreshes: Map<number, Refresh & { waiting: number }>, event: DhtEvent): void {
  const refresh = 'operation' in event ? refreshes.get(event.operation) : undefined
  if (refresh === undefined) return
  if (event.type === 'request-sent') {
    refresh.requests += 1
    refresh.waiting += 1
    refresh.atOnce = Math.max(refresh.atOnce, refresh.waiting)
  } else if (event.type === 'request-answered' || event.type === 'request-failed') {
    refresh.waiting -= 1
  }
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, n) => sum + n, 0) / numbers.length
}

describe('the refresh of a bucket', () => {
  it('asks one peer after another, and far fewer than a lookup that somebody waits for', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(100, OPTIONS)
    await network.clock.pass(2 * INTERVAL_MS)
    for (const { events } of peers) events.length = 0
    await network.clock.pass(2 * INTERVAL_MS)
    const refreshes = peers.flatMap(refreshesOfBuckets)
    const lookups: number[] = []
    for (const [i, { node }] of peers.entries()) {
      const found = await network.clock.until(node.findNode(new TextEncoder().encode(`key ${i}`)))
      lookups.push(found.requests)
    }
    expect(refreshes.length).toBeGreaterThan(peers.length)
    expect(Math.max(...refreshes.map(({ atOnce }) => atOnce))).toBe(1)
    expect(mean(refreshes.map(({ requests }) => requests))).toBeLessThan((mean(lookups) * 2) / 3)
  })

  it('fills the bucket again after most of its contacts have died', async () => {
    const network = new VirtualNetwork()
    await network.spawnMany(100, OPTIONS)
    for (let i = 0; i < 60; i++) network.kill(`peer-${i}`)
    await network.clock.pass(6 * INTERVAL_MS)
    const living = [...network.peers.values()].map(({ node }) => node.self)
    const lacks: string[] = []
    for (const { node } of network.peers.values()) {
      for (let prefix = 0; prefix < 5; prefix++) {
        const there = living.filter(({ key }) => commonPrefixLength(key, node.self.key) === prefix)
        const group = node.table.groups().find(({ prefixLength }) => prefixLength === prefix)
        const alive = (group?.contacts ?? []).filter(({ id }) => network.peers.has(id)).length
        if (alive < Math.min(K, there.length)) lacks.push(`${prefix}: ${alive}/${there.length}`)
      }
    }
    expect(lacks).toEqual([])
  })
})
