import { checkInvariants } from '../invariants.ts'
import { measureLookups, reportLookups } from '../lookups.ts'
import { startNetwork } from '../population.ts'
import type { Scenario } from '../scenario.ts'
import type { SimulatedNetwork } from '../simulated-network.ts'
import { mean } from '../statistics.ts'
import { examineTables, reportTables } from '../tables.ts'

/** The static reference network: science.md C.1, for k 20 and alpha 3. */
interface Reference {
  readonly hops: number
  readonly requests: number
  readonly roundTrips: number
  readonly tableSize: number
}

const REFERENCE: Readonly<Record<number, Reference>> = {
  1000: { hops: 1.9, requests: 21.5, roundTrips: 7.6, tableSize: 131 },
  10000: { hops: 2.43, requests: 22.9, roundTrips: 8.0, tableSize: 198 },
  100000: { hops: 2.92, requests: 24.7, roundTrips: 8.6, tableSize: 264 },
  1000000: { hops: 3.46, requests: 26.1, roundTrips: 9.1, tableSize: 331 },
}

/** Share by which a figure may differ from the reference. */
const TOLERANCE = 0.03

/**
 * What does a lookup cost, and is it right? Random keys from random peers in a network at rest.
 *
 * Must hold: recall of at least 0.999 against the oracle, while nothing is dead, slow or lost; and where a reference network
 * of the same size was computed (every table ideal, no widening), its hops, requests, round trips and size of tables
 * within 3 %.
 */
export const lookup: Scenario<SimulatedNetwork> = {
  name: 'lookup',
  question: 'what a lookup costs, and whether it finds the closest',
  // At rest: upkeep is not what is measured.
  defaults: { latency: 'constant:100', widen: 3, contacts: 20, refresh: 1_440 },
  async run(world) {
    const { sim, options, draft } = world
    await startNetwork(world)
    checkInvariants(sim)
    world.phase('lookups')
    const samples = await measureLookups(world, options.lookups)
    const alive = sim.oracle.size
    reportLookups(draft, samples, { peers: alive, k: options.k })
    const tables = examineTables(sim, sim.oracle.peers.slice(0, 2_000))
    reportTables(draft, tables, alive, options.k)
    checkInvariants(sim)
    const { dead, loss, slow } = options
    if (dead > 0 || loss > 0 || slow > 0) return
    draft.checkRange('recall', mean(samples.map(({ recall }) => recall)), 0.999, 1)
    const reference = REFERENCE[options.peers]
    const { k, alpha, widen, latency } = options
    if (reference === undefined || k !== 20 || alpha !== 3 || widen !== 3) return
    const measured = {
      hops: mean(samples.map(({ hops }) => hops)),
      requests: mean(samples.map(({ requests }) => requests)),
    }
    const near = (name: string, value: number, expected: number): void =>
      draft.checkRange(name, value, expected * (1 - TOLERANCE), expected * (1 + TOLERANCE))
    near('hops as in the reference', measured.hops, reference.hops)
    near('requests as in the reference', measured.requests, reference.requests)
    near('size of tables as in the reference', tables.size, reference.tableSize)
    if (latency !== 'constant:100') return
    const roundTrips = mean(samples.map(({ durationMs }) => durationMs)) / 100
    draft.figure('round trips', roundTrips, '', {
      expected: reference.roundTrips,
      source: 'the static reference',
    })
    near('round trips as in the reference', roundTrips, reference.roundTrips)
  },
}
