import { afterEach, describe, expect, it, vi } from 'vitest'
import { NetworkCounters } from '../../simulations/engine/network-counters.ts'
import { SeededRandom } from '../../simulations/engine/random.ts'
import type { SimPeer } from '../../simulations/engine/sim-peer.ts'
import type { Simulator } from '../../simulations/engine/simulator.ts'
import { checkInvariants, checkStandstill } from '../../simulations/invariants.ts'
import { checkLiveness } from '../../simulations/liveness.ts'
import { checkQuiescence } from '../../simulations/quiescence.ts'
import { Referee } from '../../simulations/referee.ts'
import { makeSimulator, optionsOf, runScenario } from '../../simulations/run.ts'
import { markTraffic } from '../../simulations/traffic.ts'
import type { Key } from '../../src/core/key.ts'
import { ANSWER_RECENT_MS, FAILURES_STALE } from '../../src/core/limits.ts'
import { RangeTouches } from '../../src/core/range-touches.ts'
import { RecentAnswers } from '../../src/core/recent-answers.ts'
import { RecordStore } from '../../src/core/record-store.ts'
import { RoutingTable } from '../../src/core/routing-table.ts'
import { RttEstimator } from '../../src/core/rtt-estimator.ts'
import { KademliaNode } from '../../src/node/kademlia-node.ts'
import { Lookups } from '../../src/node/lookups.ts'
import { Maintenance, RefreshDuty } from '../../src/node/maintenance.ts'

/* oxlint-disable typescript/unbound-method -- each is called on the right object */

afterEach(() => {
  vi.restoreAllMocks()
})

/** A soak of one seed; what its report says is broken. */
async function soak(seed: number): Promise<string> {
  const { checks } = await runScenario('soak', { seed, runs: 1 })
  return checks.flatMap(({ holds, why }) => (holds ? [] : [why])).join('\n')
}

/** A network in its steady state. */
function warm(peers: number, seed = 1): Simulator {
  const sim = makeSimulator(optionsOf('churn', { peers, seed }))
  sim.startWarm(peers)
  return sim
}

const HOUR = 3_600_000
const FIVE_MINUTES = 300_000

const { offer, nearest, probed } = RoutingTable.prototype
const { prepare } = Lookups.prototype
const { put } = RecordStore.prototype
const { due } = RangeTouches.prototype

/** For each invariant a rule that is broken, and what then happens. */
const BROKEN: readonly (readonly [invariant: string, rule: string, breakIt: () => void])[] = [
  [
    'I1',
    'a table takes in the same contact again',
    () => {
      vi.spyOn(RoutingTable.prototype, 'offer').mockImplementation(function (
        this: RoutingTable,
        contact,
        now,
      ) {
        const bucket = this.groups().find(({ size }) => size > 1)
        if (bucket !== undefined) this.restore(bucket.prefixLength, [contact, contact], now)
        return offer.call(this, contact, now)
      })
    },
  ],
  [
    'I3',
    'a contact that answers its probe makes room for the newcomer',
    () => {
      vi.spyOn(RoutingTable.prototype, 'probed').mockImplementation(function (
        this: RoutingTable,
        ...args
      ) {
        const [oldest, , , now] = args
        for (let i = 0; i < FAILURES_STALE; i++) this.failed(oldest.id, oldest.key, now)
        return probed.apply(this, args)
      })
    },
  ],
  [
    'I4',
    'an answer names who asks',
    () => {
      vi.spyOn(RoutingTable.prototype, 'nearest').mockImplementation(function (
        this: RoutingTable,
        target,
        count,
      ) {
        return nearest.call(this, target, count)
      })
    },
  ],
  [
    'I5',
    'a lookup asks more at once than alpha',
    () => {
      vi.spyOn(Lookups.prototype, 'prepare').mockImplementation(function (this: Lookups, ...args) {
        const init = prepare.apply(this, args)
        return { ...init, alpha: init.alpha + 8 }
      })
    },
  ],
  [
    'I5',
    'a lookup goes on when its time is over',
    () => {
      vi.spyOn(Lookups.prototype, 'prepare').mockImplementation(function (this: Lookups, ...args) {
        const init = prepare.apply(this, args)
        const never = {
          timeoutMs: () => 600_000,
          slowAfterMs: () => 600_000,
          giveUpAfterMs: () => Infinity,
        }
        return { ...init, timing: never, deadline: Infinity }
      })
    },
  ],
  [
    'I6',
    'a lookup stops one peer early',
    () => {
      vi.spyOn(Lookups.prototype, 'prepare').mockImplementation(function (this: Lookups, ...args) {
        const init = prepare.apply(this, args)
        return { ...init, answersWanted: init.answersWanted - 1 }
      })
    },
  ],
  [
    'I6',
    'a lookup gives up whoever is slow',
    () => {
      vi.spyOn(RttEstimator.prototype, 'giveUpAfterMs').mockImplementation(() => 0)
    },
  ],
  [
    'I7',
    'who replicates a record gives it a whole life again',
    () => {
      vi.spyOn(RecordStore.prototype, 'put').mockImplementation(function (
        this: RecordStore,
        input,
      ) {
        const { ttlMs: _ttlMs, ...record } = input.record
        this.remove(record.key)
        return put.call(this, { ...input, record })
      })
    },
  ],
  [
    'I7',
    'a holder takes whatever comes',
    () => {
      vi.spyOn(RecordStore.prototype, 'put').mockImplementation(function (
        this: RecordStore,
        input,
      ) {
        this.remove(input.record.key)
        return put.call(this, input)
      })
    },
  ],
  [
    'I9',
    'a request ends twice',
    () => {
      vi.spyOn(NetworkCounters.prototype, 'opened').mockImplementation(() => undefined)
    },
  ],
  [
    'I10',
    'messages come from nowhere',
    () => {
      vi.spyOn(NetworkCounters.prototype, 'sent').mockImplementation(() => undefined)
    },
  ],
]

describe('an invariant notices when a rule is broken', () => {
  it.each(BROKEN)('%s: %s', async (invariant, _rule, breakIt) => {
    breakIt()
    const broken = await soak(3)
    expect(broken).toContain(`invariant ${invariant} is broken`)
    expect(broken).toMatch(/to see it again: kad simulate soak --seed \d+ --runs 1/)
  })

  it('I6: a lookup spares those that answered long ago', async () => {
    const sim = warm(60)
    const referee = new Referee(sim)
    const node = sim.oracle.peers[0]?.node
    if (node === undefined) throw new Error('nobody is up')
    const { idBytes } = node.self
    for (let i = 0; i < 2; i++) await sim.until(node.findNode(idBytes))
    expect(() => referee.check()).not.toThrow()
    await sim.run(2 * ANSWER_RECENT_MS)
    vi.spyOn(RecentAnswers.prototype, 'has').mockImplementation(() => true)
    await sim.until(node.findNode(idBytes))
    expect(() => referee.check()).toThrow(/invariant I6 is broken/)
  })

  it.each([
    ['messages', KademliaNode.prototype],
    ['alarms', Maintenance.prototype],
  ] as const)('I8: a peer that has stopped has %s to come', async (what, part) => {
    const sim = warm(60)
    if (what === 'alarms') await sim.run(HOUR)
    vi.spyOn(part, 'stop').mockImplementation(() => undefined)
    await expect(checkStandstill(sim)).rejects.toThrow(/invariant I8 is broken/)
  })

  it('I8, I9: nothing of peers that have stopped', async () => {
    const sim = warm(60)
    await sim.run(HOUR)
    await expect(checkStandstill(sim)).resolves.toBeUndefined()
  })

  it('I12: a network at rest refreshes no more than it must', async () => {
    const hour = async (): Promise<void> => {
      const sim = warm(60)
      const mark = markTraffic(sim)
      await sim.run(HOUR)
      checkQuiescence(sim, mark)
    }
    await hour()
    // As if no lookup counted, and every bucket fell due every five minutes.
    vi.spyOn(RangeTouches.prototype, 'due').mockImplementation(function (
      this: RangeTouches,
      _now,
      ms,
      depth,
    ) {
      return due.call(this, Infinity, ms, depth)
    })
    vi.spyOn(RefreshDuty.prototype, 'nextDueAt').mockImplementation(
      (now) => Math.ceil(now / FIVE_MINUTES) * FIVE_MINUTES,
    )
    await expect(hour()).rejects.toThrow(/invariant I12 is broken/)
  })

  it('I2: a contact stands in the bucket of another range', () => {
    const sim = warm(200)
    const [peer] = sim.oracle.peers
    expect(() => checkInvariants(sim)).not.toThrow()
    const table = tableOf(peer)
    const [far] = [...table.contacts()]
    if (far !== undefined) table.restore(table.depth + 1, [far], sim.now)
    expect(() => checkInvariants(sim)).toThrow(
      /invariant I2 is broken: Peer\w+ has Peer\w+ in the wrong bucket/,
    )
  })

  it('I11: a draw that is not of the seed gives another digest', async () => {
    const options = { peers: 60, lookups: 20, loss: 0.02 }
    const digests = async (): Promise<readonly string[]> => [
      (await runScenario('lookup', options)).digest,
      (await runScenario('lookup', options)).digest,
    ]
    const [first, second] = await digests()
    expect(second).toBe(first)
    let draws = 0
    vi.spyOn(Lookups.prototype, 'prepare').mockImplementation(function (this: Lookups, ...args) {
      return { ...prepare.apply(this, args), alpha: 1 + (draws++ % 7) }
    })
    const [third, fourth] = await digests()
    expect(fourth).not.toBe(third)
  })
})

describe('a condition of liveness notices', () => {
  const sideOf = (key: Key): 0 | 1 => ((key[0] as number) >> 7) as 0 | 1 // keys are not empty

  it('nothing in a network in its steady state', async () => {
    const sim = warm(200)
    const checked = checkLiveness(sim, [], new SeededRandom(1, 'test'), sideOf)
    await expect(checked).resolves.toBeUndefined()
  })

  it('L1: a neighbour that is not known', async () => {
    const sim = warm(200)
    for (const peer of sim.peers) forget(sim, peer, tableOf(peer).neighbours().slice(0, 1))
    await expect(checkLiveness(sim, [], new SeededRandom(1, 'test'))).rejects.toThrow(
      /L1 is broken: 9\d.\d %/,
    )
  })

  it('L2: lookups that do not find the closest', async () => {
    const sim = warm(200)
    vi.spyOn(Lookups.prototype, 'prepare').mockImplementation(function (this: Lookups, ...args) {
      return { ...prepare.apply(this, args), answersWanted: 3 }
    })
    await expect(checkLiveness(sim, [], new SeededRandom(1, 'test'))).rejects.toThrow(
      /L2 is broken/,
    )
  })

  it('L3: a value that was held and is not found', async () => {
    const sim = warm(200)
    const key = new TextEncoder().encode('/sha256/nobody has it')
    const value = { key, target: sim.hash(key).subarray(0, 20), value: key }
    await expect(checkLiveness(sim, [value], new SeededRandom(1, 'test'))).rejects.toThrow(
      /L3 is broken/,
    )
  })

  it('L4: two halves that do not know each other', async () => {
    const sim = warm(200)
    for (const peer of sim.peers) forget(sim, peer, others(peer))
    await expect(checkLiveness(sim, [], new SeededRandom(1, 'test'))).rejects.toThrow(
      /L4 is broken: only \d+ of 200/,
    )
  })

  it('L5: a peer that knows nobody on the other side of a cut that is no more', async () => {
    const sim = warm(200)
    for (const peer of sim.peers.slice(0, 5)) forget(sim, peer, others(peer))
    await expect(checkLiveness(sim, [], new SeededRandom(1, 'test'), sideOf)).rejects.toThrow(
      /L5 is broken/,
    )
  })

  /** Whom a peer knows on the other side. */
  function others(peer: SimPeer) {
    const own = sideOf(peer.contact.key)
    return [...tableOf(peer).contacts()].filter(({ key }) => sideOf(key) !== own)
  }
})

function tableOf(peer: SimPeer | undefined): RoutingTable {
  if (peer?.node === undefined) throw new Error('the peer is down')
  return peer.node.table
}

function forget(
  sim: Simulator,
  peer: SimPeer,
  contacts: readonly { id: string; key: Key }[],
): void {
  for (const { id, key } of contacts) tableOf(peer).remove(id, key, sim.now)
}
