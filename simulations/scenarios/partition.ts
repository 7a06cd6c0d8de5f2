import { toHex } from '../../src/core/key.ts'
import { partition as cut } from '../engine/link-rules.ts'
import { SeededRandom } from '../engine/random.ts'
import type { SimPeer } from '../engine/sim-peer.ts'
import { checkInvariants } from '../invariants.ts'
import { startNetwork } from '../population.ts'
import type { Scenario, World } from '../scenario.ts'
import { type SharedKey, sharedKey, writeShared } from '../shared-keys.ts'
import { mean } from '../statistics.ts'
import { holdersOf } from '../values.ts'

const HOUR = 3_600_000

/** After the cut is mended: an interval of replication, its last sweep, and a refresh. */
const HEAL_MS: number = 2.25 * HOUR

/**
 * What becomes of writes while the network is in two halves? Each half writes keys of its own, and both write the same keys at
 * about the same time; then the cut is mended.
 *
 * Must hold: what either half acknowledged is there, and of two writes the later one (by hybrid timestamp, ties by writer)
 * wins on every replica, wherever one asks.
 */
export const partition: Scenario = {
  name: 'partition',
  question: 'whether two halves that both wrote agree after the cut is mended',
  defaults: { peers: 100, values: 12, hours: 0.5 },
  async run(world) {
    const { sim, options, draft } = world
    await startNetwork(world)
    const rule = cut((peer) => (peer % 2 === 0 ? 0 : 1))
    sim.network.rules.push(rule)
    const cutAt = sim.now
    const end = cutAt + options.hours * HOUR
    world.phase('cut in two', end)
    const keys = Array.from({ length: options.values }, (_, i) => sharedKey(sim, `key ${i}`))
    writeInBoth(world, keys, end)
    for (const key of keys) world.tally.value(sim, key)
    await sim.run(end)
    sim.network.rules.splice(sim.network.rules.indexOf(rule), 1)

    world.phase('mended', sim.now + HEAL_MS)
    await sim.run(sim.now + HEAL_MS)
    checkInvariants(sim)
    await judge(world, keys)
    draft.figure('keys written', keys.length, '')
    draft.figure('writes acknowledged', keys.flatMap(({ writes }) => writes).length, '')
  },
}

/** A third of the keys is written by both halves, of it every other in the same millisecond; a third by either one alone. */
function writeInBoth({ sim }: World, keys: readonly SharedKey[], end: number): void {
  const random = new SeededRandom(sim.seed, 'writes')
  const halves = [0, 1].map((half) => sim.peers.filter(({ index }) => index % 2 === half))
  const randomTime = (): number => sim.now + (end - sim.now) * 0.8 * random.fraction()
  keys.forEach((key, i) => {
    const sameTime = randomTime()
    for (const half of i % 3 === 0 ? [0, 1] : [(i % 3) - 1]) {
      const writer = random.pick(halves[half] as readonly SimPeer[]) // there are two
      sim.at(i % 6 === 0 ? sameTime : randomTime(), () => {
        void writeShared(sim, writer, key)
      })
    }
  })
}

/** Every replica of the winner, and what readers on both former sides get. */
async function judge({ sim, draft, options }: World, keys: readonly SharedKey[]): Promise<void> {
  const copies: number[] = []
  const wrong: string[] = []
  for (const key of keys) {
    const winner = key.winner()
    if (winner === undefined) continue
    const holders = holdersOf(sim, key)
    copies.push(holders.length)
    for (const holder of holders) {
      const held = holder.node?.records.get(key.key, holder.wallClock())
      if (held !== undefined && toHex(held.record.value) !== toHex(winner.value)) {
        wrong.push(`${holder.contact.id} holds another value of ${key.name}`)
      }
    }
    for (const reader of [sim.peers[0], sim.peers[1]]) {
      const got = await sim.until(reader?.node?.get(key.key).catch(() => undefined) ?? nothing())
      if (got === undefined || toHex(got.value) !== toHex(winner.value)) {
        wrong.push(`${reader?.contact.id} does not get the winner of ${key.name}`)
      }
    }
  }
  draft.figure('copies of the winner', mean(copies), '')
  draft.check(
    'every replica has the winner',
    wrong.length === 0,
    wrong.length === 0 ? `${copies.length} keys agree` : wrong.slice(0, 5).join('; '),
  )
  draft.checkRange('copies', mean(copies), Math.min(options.k, options.peers) * 0.99, Infinity)
}

async function nothing(): Promise<undefined> {
  return undefined
}
