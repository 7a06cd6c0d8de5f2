import { SeededRandom } from '../engine/random.ts'
import { checkInvariants } from '../invariants.ts'
import { measureLookups, reportLookups } from '../lookups.ts'
import { startNetwork } from '../population.ts'
import type { Scenario, World } from '../scenario.ts'
import { binomialRange, histogram, mean } from '../statistics.ts'
import { markTraffic, reportTraffic } from '../traffic.ts'
import { copiesOf, type PutValue, putValues, reportHoldings } from '../values.ts'

const HOUR = 3_600_000

/** Replication runs once in an hour for each record, and its last sweep takes a while. */
const REPAIR_MS: number = 1.25 * HOUR

/**
 * What happens when a share of all peers dies at once, with their disks?
 *
 * Must hold: a value is lost only where all holders died, so that as many are as share^holders predicts (binomial, 99.9 %); the
 * others have their k copies again after one interval of replication.
 */
export const crash: Scenario = {
  name: 'crash',
  question: 'what is lost when a share of all peers dies at once, and how soon the rest is whole',
  defaults: { peers: 5_000, values: 500, lookups: 200, share: 0.5 },
  async run(world) {
    const { sim, options, draft } = world
    const { k, share } = options
    await startNetwork(world)
    world.phase('puts')
    const values = await putValues(world, options.values)
    const before = copiesOf(sim, values)
    draft.figure('copies before', mean(before), '')
    const random = new SeededRandom(sim.seed, 'crash')
    const victims = random.sample(sim.oracle.peers, Math.round(share * sim.oracle.size))
    for (const peer of victims) sim.kill(peer, { disk: 'lost' })
    const after = copiesOf(sim, values)
    const lost = after.filter((copies) => copies === 0).length
    // A put writes at some more than k peers while it cannot tell who is among the k closest.
    const dies = mean(before.map((copies) => share ** copies))
    const source = 'share^copies of the values; share^k with k copies each'
    draft.figure('values lost', lost, '', { expected: dies * values.length, source })
    const range = binomialRange(values.length, dies)
    draft.checkRange('values lost as predicted', lost, range.low, range.high)
    draft.figure('copies after the crash', mean(after), '', {
      expected: (1 - share) * mean(before),
      source: '(1 - share) of those before',
    })

    await repair(world, values, after)
    world.phase('lookups')
    reportLookups(draft, await measureLookups(world, options.lookups), {
      peers: sim.oracle.size,
      k,
    })
  },
}

/** Lets one interval of replication pass, and looks at the copies meanwhile. */
async function repair(
  world: World,
  values: readonly PutValue[],
  after: readonly number[],
): Promise<void> {
  const { sim, options, draft } = world
  const { k } = options
  world.phase('repair', sim.now + REPAIR_MS)
  const startedAt = sim.now
  const traffic = markTraffic(sim)
  const history: [number, number][] = [[0, mean(after)]]
  for (let i = 1; i <= 15; i++) {
    await sim.run(startedAt + (REPAIR_MS * i) / 15)
    history.push([(sim.now - startedAt) / 60_000, mean(copiesOf(sim, values))])
  }
  checkInvariants(sim)
  const repaired = copiesOf(sim, values).filter((_, i) => after[i] !== 0)
  draft.figure('copies after repair', mean(repaired), '', { expected: k, source: 'k' })
  draft.figure('fewest copies after repair', Math.min(...repaired), '')
  reportTraffic(draft, sim, traffic, sim.oracle.size)
  reportHoldings(draft, sim)
  if (options.replication) {
    draft.checkRange(
      'copies are back',
      mean(repaired),
      Math.min(k, sim.oracle.size) * 0.99,
      Infinity,
    )
  }
  draft.plot({
    name: 'copies',
    title: 'Copies of a value after the crash',
    kind: 'line',
    x: { label: 'time since the crash', unit: 'min' },
    y: { label: 'copies', unit: '' },
    series: [
      { name: 'mean', points: history },
      { name: 'k', reference: true, points: history.map(([x]) => [x, k]) },
    ],
  })
  draft.plot({
    name: 'survivors',
    title: 'Values by the copies that the crash left',
    kind: 'bar',
    x: { label: 'copies', unit: '' },
    y: { label: 'values', unit: '' },
    series: [{ name: 'values', points: histogram(after).map((count, i) => [i, count]) }],
  })
}
