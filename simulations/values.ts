import { KadmiumError } from '../src/core/errors.ts'
import { compareDistance, type Key, keyFromDigest, toHex } from '../src/core/key.ts'
import type { NodeOptions } from '../src/core/options.ts'
import { sha256Key } from '../src/core/record-key.ts'
import type { Draft } from './draft.ts'
import { SeededRandom } from './engine/random.ts'
import type { Oracle } from './oracle.ts'
import type { World } from './scenario.ts'
import type { SimulatedNetwork, SimulatedPeer } from './simulated-network.ts'
import { gini, mean } from './statistics.ts'

/** A value that was put and acknowledged. */
export interface PutValue {
  readonly key: Uint8Array
  readonly target: Key
  readonly value: Uint8Array
}

/** What became of gets. */
export interface GetCounts {
  /** Gets of values that a living peer held when they began: these should succeed. */
  possible: number
  succeeded: number
  /** Gets of values that nobody held any more. */
  lost: number
  /** Values given that are not what was put: must stay 0. */
  wrong: number
}

/** How many values are put at once. */
const PUTS_AT_ONCE = 16

/** Length of a value. Bytes. */
const VALUE_BYTES = 64

/** Copies are looked for at so many peers, as a multiple of k, around a key: farther ones are caches. */
const HOLDERS_PER_K = 3

/** Puts `count` immutable values from random peers; the owner neither keeps nor republishes them. */
export async function putValues(
  world: World<SimulatedNetwork>,
  count: number,
): Promise<PutValue[]> {
  const { sim } = world
  const random = new SeededRandom(sim.seed, 'values')
  const values: PutValue[] = []
  const atOnce = Math.min(PUTS_AT_ONCE, sim.operationsAtOnce)
  for (let done = 0; done < count; done += atOnce) {
    const size = Math.min(atOnce, count - done)
    const group = Array.from({ length: size }, async () => {
      const value = random.bytes(VALUE_BYTES)
      const key = sha256Key(sim.hash(value))
      const isStored = await isAcknowledged(random.pick(sim.oracle.peers), key, value)
      world.count(isStored)
      if (!isStored) return
      const put = { key, target: keyFromDigest(sim.hash(key)), value }
      values.push(put)
      world.tally.value(sim, put)
    })
    await sim.until(Promise.all(group))
  }
  return values
}

async function isAcknowledged(
  peer: SimulatedPeer,
  key: Uint8Array,
  value: Uint8Array,
): Promise<boolean> {
  try {
    return ((await peer.node?.put(key, value, { keep: false }))?.stored.length ?? 0) > 0
  } catch (error) {
    if (!(error instanceof KadmiumError)) throw error // no quorum, or nobody reached
    return false
  }
}

/** The living peers that hold a value, nearest first. */
export function holdersOf<Peer extends SimulatedPeer>(
  { oracle, options }: { readonly oracle: Oracle<Peer>; readonly options: NodeOptions },
  { key, target }: Pick<PutValue, 'key' | 'target'>,
): Peer[] {
  return oracle
    .closest(target, HOLDERS_PER_K * options.k)
    .filter((peer) => peer.node?.records.get(key, peer.wallClock()) !== undefined)
}

/** One get from a random peer, judged against who held the value when it began. */
export async function getValue(
  world: World<SimulatedNetwork>,
  value: PutValue,
  random: SeededRandom,
  counts: GetCounts,
): Promise<void> {
  const { sim } = world
  const peer = random.pick(sim.oracle.peers)
  const { incarnation, node } = peer
  const held = holdersOf(sim, value).length > 0
  let found: Uint8Array | undefined
  try {
    found = (await node?.get(value.key))?.value
  } catch (error) {
    if (!(error instanceof KadmiumError)) throw error // not found, or no peers: counted below
  }
  if (peer.incarnation !== incarnation) return // whoever asked has died
  if (!held) counts.lost += 1
  else {
    counts.possible += 1
    world.count(found !== undefined)
    world.tally.get(found !== undefined)
    if (found !== undefined) counts.succeeded += 1
  }
  if (found !== undefined && toHex(found) !== toHex(value.value)) counts.wrong += 1
}

/** Copies of each value just now: as many as `holdersOf` finds, by one walk through all that is held. */
export function copiesOf(sim: SimulatedNetwork, values: readonly PutValue[]): number[] {
  const holders = new Map<string, SimulatedPeer[]>(values.map(({ key }) => [toHex(key), []]))
  for (const peer of sim.oracle.peers) {
    const now = peer.wallClock()
    for (const { record, expiresAt } of peer.node?.records.range() ?? []) {
      if (expiresAt > now) holders.get(toHex(record.key))?.push(peer)
    }
  }
  return values.map(({ key, target }) => {
    const farthest = sim.oracle.closest(target, HOLDERS_PER_K * sim.options.k).at(-1)
    const isNear = ({ contact }: SimulatedPeer): boolean =>
      farthest !== undefined && compareDistance(target, contact.key, farthest.contact.key) <= 0
    return holders.get(toHex(key))?.filter(isNear).length ?? 0
  })
}

/** How evenly the records lie on the living peers (F11): 0 if all hold as many, towards 1 if one holds all. */
export function reportHoldings(draft: Draft, sim: SimulatedNetwork): void {
  const held = sim.oracle.peers.map(({ node }) => node?.records.size ?? 0)
  draft.figure('records held by a peer', mean(held), '')
  draft.figure('Gini of the records held', gini(held), '')
}
