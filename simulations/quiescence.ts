import { toHex } from '../src/core/key.ts'
import type { Simulator } from './engine/simulator.ts'
import { InvariantError } from './invariants.ts'
import type { TrafficMark } from './traffic.ts'

const HOUR = 3_600_000

/**
 * A network that nobody uses and nobody leaves may send so much more than the formula says: holders sweep at their own
 * times, and a key may be stored again by two of them.
 */
const SLACK = 2

/**
 * I12: without churn and load a peer sends no more than upkeep needs (science.md F10): a lookup for each bucket and for its
 * own key in an interval of refresh, and its part of one lookup and k stores for each key in an interval of replication.
 *
 * @throws InvariantError
 */
export function checkQuiescence(sim: Simulator, since: TrafficMark): void {
  const peers = sim.oracle.size
  const hours = (sim.now - since.at) / HOUR
  if (peers < 2 || hours === 0) return
  const sent = (sim.network.counters.messages - since.messages) / peers / hours
  const most = SLACK * upkeepOf(sim)
  if (sent > most) {
    const figures = `${sent.toFixed(1)} messages an hour of a peer, at most ${most.toFixed(1)} wanted`
    throw new InvariantError('I12', figures)
  }
}

/** Messages an hour that upkeep costs a peer, answers included. */
function upkeepOf({ oracle, options }: Simulator): number {
  const { k, refreshIntervalMs, replicateIntervalMs } = options
  const lookup = Math.min(oracle.size - 1, 2 * k)
  const buckets = Math.max(0, Math.log2(oracle.size / k)) + 1
  const refresh = ((buckets + 1) * lookup * HOUR) / refreshIntervalMs
  const keys = new Set<string>()
  for (const { node } of oracle.peers) {
    for (const { record } of node?.records.range() ?? []) keys.add(toHex(record.key))
  }
  const stores = (keys.size * (lookup + k) * HOUR) / replicateIntervalMs / oracle.size
  return 2 * (refresh + (replicateIntervalMs === 0 ? 0 : stores))
}
