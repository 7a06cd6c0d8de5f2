import type { SeededRandom } from './engine/random.ts'
import type { SimPeer } from './engine/sim-peer.ts'
import type { Simulator } from './engine/simulator.ts'
import { InvariantError } from './invariants.ts'
import { lookUp } from './lookups.ts'
import { examineTables } from './tables.ts'
import type { PutValue } from './values.ts'

/** Lookups that are made to see whether recall is 1. */
const LOOKUPS = 20

/** Share of its true neighbours that a peer must know on average. */
const COMPLETENESS = 0.99

/**
 * What must hold some time after the faults have stopped (science.md F, L1 to L5): tables are complete near their own keys,
 * lookups find exactly the closest, what somebody held when the faults stopped is found, and the network is one.
 *
 * @throws InvariantError
 */
export async function checkLiveness(
  sim: Simulator,
  values: readonly PutValue[],
  random: SeededRandom,
): Promise<void> {
  const { oracle, options } = sim
  const { neighboursKnown } = examineTables(sim, oracle.peers)
  const possible = Math.min(options.k, oracle.size - 1)
  const known = neighboursKnown.reduce((sum, count) => sum + count, 0)
  const completeness = known / Math.max(1, possible * oracle.size)
  if (completeness < COMPLETENESS) {
    throw new InvariantError('L1', `${(completeness * 100).toFixed(1)} % of neighbours are known`)
  }
  for (let i = 0; i < LOOKUPS; i++) {
    const { recall } = await sim.until(lookUp(sim, random.pick(oracle.peers), random.bytes(32)))
    if (recall < 1) throw new InvariantError('L2', `a lookup finds ${(recall * 100).toFixed(0)} %`)
  }
  for (const value of values) {
    const reader = random.pick(oracle.peers)
    const found = await sim.until(
      (reader.node?.get(value.key) ?? Promise.resolve(undefined)).catch(() => undefined),
    )
    if (found === undefined) {
      throw new InvariantError('L3', `${reader.contact.id} does not find a value that was held`)
    }
  }
  const reached = reachable(sim)
  if (reached < oracle.size) {
    throw new InvariantError('L4', `only ${reached} of ${oracle.size} peers can be reached`)
  }
}

/** Peers reached from the first one along the contacts in tables. */
function reachable(sim: Simulator): number {
  const byId = new Map(sim.oracle.peers.map((peer) => [peer.contact.id, peer]))
  const first = sim.oracle.peers[0]
  if (first === undefined) return 0
  const seen = new Set<SimPeer>([first])
  const open = [first]
  for (let peer = open.pop(); peer !== undefined; peer = open.pop()) {
    for (const { id } of peer.node?.table.contacts() ?? []) {
      const next = byId.get(id)
      if (next === undefined || seen.has(next)) continue
      seen.add(next)
      open.push(next)
    }
  }
  return seen.size
}
