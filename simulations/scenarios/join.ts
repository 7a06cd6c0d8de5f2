import { checkInvariants } from '../invariants.ts'
import { type LookupSample, measureLookups, reportLookups } from '../lookups.ts'
import { Churn, startNetwork } from '../population.ts'
import type { Scenario, World } from '../scenario.ts'
import { chiSquaredTest, histogram, mean } from '../statistics.ts'
import { examineTables, reportTables } from '../tables.ts'

/** Both starts are the same if a difference as large as theirs comes by chance at least so often. */
const SIGNIFICANCE = 0.001

/**
 * What does joining cost, and is a network that grew by joining as good as one that was put there? All peers join, a group at a
 * time, through three that are there.
 *
 * Must hold: recall as with full tables at once; and after peers have come and gone for a while, hops from one distribution
 * with those of a network that started warm and lived through the same, by the chi-squared test of homogeneity. Not before:
 * in a network that has just grown, everybody's far buckets hold the same few peers that came first and who answered on the
 * way to one refreshed point, so that its lookups take some tenths of a hop more than with contacts drawn at random.
 */
export const join: Scenario = {
  name: 'join',
  question: 'what joining costs, and whether the network is complete after it',
  defaults: {
    peers: 2_000,
    start: 'cold',
    latency: 'constant:100',
    lookups: 2_000,
    churn: 'exponential',
    session: 15,
    // Five median sessions: hardly anybody is left who was there before.
    hours: 1.2,
  },
  async run(world) {
    const { sim, options, draft } = world
    await startNetwork(world)
    const { counters } = sim.network
    draft.figure('time until all have joined', sim.now / 1_000, 's')
    draft.figure('requests to join', counters.requests / options.peers, '')
    checkInvariants(sim)
    const samples = await measureLookups(world, options.lookups)
    reportLookups(draft, samples, { peers: options.peers, k: options.k })
    reportTables(draft, examineTables(sim, sim.oracle.peers), options.peers, options.k)
    draft.checkRange('recall', mean(samples.map(({ recall }) => recall)), 0.999, 1)

    const grown = await measureAfterChurn(world, 'churn in the network that grew')
    const warm = world.another()
    warm.startWarm(options.peers)
    const put = await measureAfterChurn({ ...world, sim: warm }, 'churn in the network put there')
    const hopsOf = (one: readonly LookupSample[]): number[] => one.map(({ hops }) => hops)
    const recallOf = (one: readonly LookupSample[]): number => mean(one.map(({ recall }) => recall))
    const test = chiSquaredTest(histogram(hopsOf(grown)), histogram(hopsOf(put)))
    draft.figure('recall after churn, grown', recallOf(grown), 'share')
    draft.figure('recall after churn, warm start', recallOf(put), 'share')
    draft.figure('hops after churn, grown', mean(hopsOf(grown)), 'hops')
    draft.figure('hops after churn, warm start', mean(hopsOf(put)), 'hops')
    draft.figure('chi-squared p of the hops', test.p, '')
    const difference = Math.abs(recallOf(grown) - recallOf(put))
    draft.checkRange('recalls after churn differ by', difference, 0, 0.005)
    draft.check(
      'hops as after a warm start',
      test.p >= SIGNIFICANCE,
      `p ${test.p.toPrecision(3)} by the chi-squared test of homogeneity, ${SIGNIFICANCE} wanted`,
    )
  },
}

/** Lookups after peers have come and gone for the hours of the options. */
async function measureAfterChurn(world: World, phase: string): Promise<LookupSample[]> {
  const { sim, options } = world
  const end = sim.now + options.hours * 3_600_000
  world.phase(phase, end)
  const churn = new Churn(world)
  churn.start()
  await sim.run(end)
  churn.stop()
  checkInvariants(sim)
  return measureLookups(world, options.lookups, 'lookups after churn')
}
