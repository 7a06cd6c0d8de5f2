import { FAILURES_STALE } from '../src/core/limits.ts'
import type { Draft } from './draft.ts'
import type { SimulatedNetwork, SimulatedPeer } from './simulated-network.ts'
import { mean } from './statistics.ts'

/** How good the tables of a network are. */
export interface TableQuality {
  /** Contacts in a table that it names to others: without those flagged as stale. */
  readonly size: number
  /** Contacts flagged as stale. */
  readonly flagged: number
  /** Share of the contacts it names that are down. */
  readonly stale: number
  /** The same in the outermost bucket, and in buckets that are not full (R6 tells them apart). */
  readonly staleOutermost: number
  readonly staleNotFull: number
  /** Living contacts in each bucket, by prefix length, and how many there could be (F5). */
  readonly occupancy: readonly { readonly live: number; readonly possible: number }[]
  /** How many of its k closest neighbours each peer knows (F6). */
  readonly neighboursKnown: readonly number[]
}

/** Looks at the tables of these peers. */
export function examineTables(
  sim: SimulatedNetwork,
  peers: readonly SimulatedPeer[],
): TableQuality {
  const total = {
    size: 0,
    flagged: 0,
    stale: 0,
    outer: 0,
    outerStale: 0,
    partial: 0,
    partialStale: 0,
  }
  const occupancy: { live: number; possible: number }[] = []
  const neighboursKnown: number[] = []
  for (const peer of peers) {
    const table = peer.node?.table
    if (table === undefined) continue
    for (const { prefixLength, contacts: held } of table.buckets()) {
      const contacts = held.filter(({ failures }) => failures < FAILURES_STALE)
      total.flagged += held.length - contacts.length
      const live = contacts.filter(({ contact }) => sim.isUp(contact)).length
      const dead = contacts.length - live
      total.size += contacts.length
      total.stale += dead
      if (prefixLength === 0) {
        total.outer += contacts.length
        total.outerStale += dead
      }
      if (held.length < table.k) {
        total.partial += contacts.length
        total.partialStale += dead
      }
      while (occupancy.length <= prefixLength) occupancy.push({ live: 0, possible: 0 })
      const row = occupancy[prefixLength] as { live: number } // just made
      row.live += live
    }
    sim.oracle.forEachBucket(peer.contact.key, (prefixLength, from, to) => {
      while (occupancy.length <= prefixLength) occupancy.push({ live: 0, possible: 0 })
      const row = occupancy[prefixLength] as { possible: number }
      row.possible += Math.min(table.k, to - from)
    })
    const neighbours = sim.oracle.closest(peer.contact.key, table.k, (other) => other !== peer)
    neighboursKnown.push(neighbours.filter(({ contact }) => table.has(contact.key)).length)
  }
  const count = Math.max(1, peers.length)
  return {
    size: total.size / count,
    flagged: total.flagged / count,
    stale: total.stale / Math.max(1, total.size),
    staleOutermost: total.outerStale / Math.max(1, total.outer),
    staleNotFull: total.partialStale / Math.max(1, total.partial),
    occupancy: occupancy.map(({ live, possible }) => ({
      live: live / count,
      possible: possible / count,
    })),
    neighboursKnown,
  }
}

/** Table size in a network in its steady state: k (log2(N/k) + 0.93) (science.md C.1). */
export function expectedTableSize(peers: number, k: number): number {
  return peers <= k ? peers - 1 : k * (Math.log2(peers / k) + 0.93)
}

/** F5: how many contacts a bucket can hold, E min(k, Bin(N - 1, 2^-(i+1))) for the prefix length i. */
export function expectedOccupancy(peers: number, k: number, prefixLength: number): number {
  const p = 2 ** -(prefixLength + 1)
  const others = peers - 1
  let probability = (1 - p) ** others
  if (probability === 0) return k // N p is so large that fewer than k never happen
  let expected = 0
  let cumulated = 0
  for (let count = 0; count < Math.min(k, others + 1); count++) {
    expected += count * probability
    cumulated += probability
    probability *= ((others - count) / (count + 1)) * (p / (1 - p))
  }
  return expected + Math.min(k, others) * Math.max(0, 1 - cumulated)
}

/** Figures and a picture of the tables. */
export function reportTables(draft: Draft, quality: TableQuality, peers: number, k: number): void {
  draft.figure('table size', quality.size, '', {
    expected: expectedTableSize(peers, k),
    source: 'k (log2(N/k) + 0.93)',
  })
  draft.figure('stale contacts', quality.stale, 'share')
  draft.figure('contacts flagged as stale', quality.flagged, '')
  draft.figure('neighbours known', mean(quality.neighboursKnown), '')
  draft.plot({
    name: 'occupancy',
    title: 'Living contacts in a bucket',
    kind: 'line',
    x: { label: 'prefix length', unit: 'bits' },
    y: { label: 'contacts', unit: '' },
    series: [
      { name: 'measured', points: quality.occupancy.map(({ live }, i) => [i, live]) },
      {
        name: 'there could be',
        reference: true,
        points: quality.occupancy.map(({ possible }, i) => [i, possible]),
      },
      {
        name: 'E min(k, Bin(N-1, 2^-(i+1)))',
        reference: true,
        points: quality.occupancy.map((_, i) => [i, expectedOccupancy(peers, k, i)]),
      },
    ],
  })
}
