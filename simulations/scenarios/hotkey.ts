import { PeerTraffic } from '../engine/peer-traffic.ts'
import { SeededRandom } from '../engine/random.ts'
import { checkInvariants } from '../invariants.ts'
import { startNetwork } from '../population.ts'
import type { Scenario } from '../scenario.ts'
import { gini, mean } from '../statistics.ts'
import { copiesOf, type GetCounts, getValue, putValues } from '../values.ts'

/** Gets that every peer makes on average. */
const GETS_PER_PEER = 2

/**
 * What happens when everybody wants one key? Its k holders would answer all of it, if copies did not spread along the paths.
 *
 * Must hold: every get succeeds, and no peer serves more than three k-ths of the gets: thrice the fair share of a holder.
 */
export const hotkey: Scenario = {
  name: 'hotkey',
  question: 'how the load of one key that everybody wants spreads',
  defaults: { values: 1, hours: 0.25 },
  async run(world) {
    const { sim, options, draft } = world
    await startNetwork(world)
    const [value] = await putValues(world, 1)
    if (value === undefined) throw new Error('the value could not be put')
    for (const peer of sim.peers) peer.traffic = new PeerTraffic()
    const gets: GetCounts = { possible: 0, succeeded: 0, lost: 0, wrong: 0 }
    const random = new SeededRandom(sim.seed, 'gets')
    const count = GETS_PER_PEER * options.peers
    const end = sim.now + options.hours * 3_600_000
    world.phase('gets', end)
    for (let i = 0; i < count; i++) {
      sim.at(sim.now + (end - sim.now) * random.fraction(), () => {
        void getValue(world, value, random, gets)
      })
    }
    await sim.run(end + 60_000)
    checkInvariants(sim)
    const served = sim.peers.map(({ traffic }) => traffic?.served.get('get-value') ?? 0)
    const busiest = Math.max(...served)
    draft.figure('gets', gets.possible, '')
    draft.figure('gets that succeeded', gets.succeeded / gets.possible, 'share')
    draft.figure('copies at the end', copiesOf(sim, [value])[0] ?? 0, '')
    draft.figure('Gini of the gets served', gini(served), '')
    draft.figure('gets served by the busiest', busiest, '')
    draft.figure('gets served on average', mean(served), '')
    draft.checkRange('gets succeed', gets.succeeded / gets.possible, 0.999, 1)
    const share = busiest / gets.possible
    draft.figure('share of the gets that the busiest serves', share, 'share')
    draft.checkRange('share of the busiest', share, 0, 3 / options.k)
    const sorted = served.toSorted((a, b) => b - a).slice(0, 100)
    draft.plot({
      name: 'load',
      title: 'Requests for the value served by the hundred busiest peers',
      kind: 'bar',
      x: { label: 'rank', unit: '' },
      y: { label: 'requests', unit: '' },
      series: [{ name: 'served', points: sorted.map((load, rank) => [rank + 1, load]) }],
    })
  },
}
