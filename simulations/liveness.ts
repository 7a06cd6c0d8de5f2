import type { Contact } from '../src/core/contact.ts'
import { commonPrefixLength, type Key } from '../src/core/key.ts'
import type { KademliaNode } from '../src/node/kademlia-node.ts'
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
 * lookups find exactly the closest, what somebody held when the faults stopped is found, the network is one, and the sides
 * of a cut that is no more (`cut`: which one a key was on) know each other.
 *
 * @throws InvariantError
 */
export async function checkLiveness(
  sim: Simulator,
  values: readonly PutValue[],
  random: SeededRandom,
  cut?: (key: Key) => 0 | 1,
): Promise<void> {
  const { oracle, options } = sim
  const { neighboursKnown } = examineTables(sim, oracle.peers)
  const possible = Math.min(options.k, oracle.size - 1)
  const known = neighboursKnown.reduce((sum, count) => sum + count, 0)
  const completeness = known / Math.max(1, possible * oracle.size)
  if (completeness < COMPLETENESS) {
    throw new InvariantError('L1', `${(completeness * 100).toFixed(1)} % of neighbours are known`)
  }
  checkConnected(sim)
  if (cut !== undefined) checkMended(sim, cut)
  for (let i = 0; i < LOOKUPS; i++) await checkLookup(sim, random)
  for (const value of values) {
    const reader = random.pick(oracle.peers)
    const found = await sim.until(
      (reader.node?.get(value.key) ?? Promise.resolve(undefined)).catch(() => undefined),
    )
    if (found === undefined) {
      throw new InvariantError('L3', `${reader.contact.id} does not find a value that was held`)
    }
  }
}

/**
 * L2. To the first lookup a peer may fail whose round trip is longer than a stranger is waited for; the second gives it up, but
 * leaves its request under way; the third, when that has been answered, knows that it takes long.
 */
async function checkLookup(sim: Simulator, random: SeededRandom): Promise<void> {
  const peer = random.pick(sim.oracle.peers)
  const preimage = random.bytes(32)
  let recall = 0
  for (const pauseMs of [0, 0, sim.options.requestTimeoutMaxMs]) {
    if (recall === 1) return
    await sim.run(sim.now + pauseMs)
    recall = (await sim.until(lookUp(sim, peer, preimage))).recall
  }
  if (recall < 1) throw new InvariantError('L2', `a lookup finds ${(recall * 100).toFixed(0)} %`)
}

/** L4: along the contacts in tables everybody reaches everybody. Both ways from one peer, which is the same. */
function checkConnected({ oracle }: Simulator): void {
  const forth = new Map<string, string[]>()
  const back = new Map<string, string[]>()
  for (const { contact, node } of oracle.peers) {
    const known = contactsOf(node).map(({ id }) => id)
    forth.set(contact.id, known)
    for (const id of known) back.set(id, [...(back.get(id) ?? []), contact.id])
  }
  for (const edges of [forth, back]) {
    const reached = [...reachable(oracle.peers[0], edges)].filter((id) => forth.has(id)).length
    if (reached < oracle.size) {
      throw new InvariantError('L4', `only ${reached} of ${oracle.size} peers can be reached`)
    }
  }
}

function reachable(
  from: SimPeer | undefined,
  edges: ReadonlyMap<string, readonly string[]>,
): Set<string> {
  const seen = new Set<string>(from === undefined ? [] : [from.contact.id])
  const open = [...seen]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const next of edges.get(id) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      open.push(next)
    }
  }
  return seen
}

/**
 * L5: whoever was cut off from the other side knows somebody living there again. But for those in whose buckets the living of
 * the own side have left no room: with a small k, chance brings that about.
 */
function checkMended(sim: Simulator, cut: (key: Key) => 0 | 1): void {
  for (const { contact, node } of sim.oracle.peers) {
    const own = cut(contact.key)
    const others = sim.oracle.peers.filter((other) => cut(other.contact.key) !== own)
    const living = contactsOf(node).filter((other) => sim.isUp(other))
    if (living.some((other) => cut(other.key) !== own)) continue
    const hasRoomFor = (other: SimPeer): boolean => {
      const bucket = commonPrefixLength(contact.key, other.contact.key)
      const there = living.filter(({ key }) => commonPrefixLength(contact.key, key) === bucket)
      return there.length < sim.options.k
    }
    if (others.some(hasRoomFor)) {
      throw new InvariantError('L5', `${contact.id} knows nobody on the other side of the cut`)
    }
  }
}

function contactsOf(node: KademliaNode | undefined): Contact[] {
  return node === undefined ? [] : [...node.table.contacts()]
}
