import type { Key } from '../../src/core/key.ts'
import { partition } from '../engine/link-rules.ts'
import { SeededRandom } from '../engine/random.ts'
import type { SimPeer } from '../engine/sim-peer.ts'
import type { Simulator } from '../engine/simulator.ts'
import { checkInvariants, checkLives, checkStandstill, InvariantError } from '../invariants.ts'
import { checkLiveness } from '../liveness.ts'
import { exponentialSessions } from '../models/churn.ts'
import type { SimulationOptions } from '../options.ts'
import { Churn, startNetwork } from '../population.ts'
import { checkQuiescence } from '../quiescence.ts'
import { Referee } from '../referee.ts'
import type { Scenario, World } from '../scenario.ts'
import { sharedKey, writeShared } from '../shared-keys.ts'
import { markTraffic } from '../traffic.ts'
import { type GetCounts, getValue, holdersOf, type PutValue, putValues } from '../values.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** How long all faults are on. */
const TROUBLE_MS: number = 40 * MINUTE

/** How long a network has to heal: an interval of replication and of refresh, and what they take. */
const HEAL_MS: number = 2.25 * HOUR

/** The last part of it, in which peers may send no more than upkeep needs: an hour, in which each duty comes up once. */
const QUIET_MS: number = HOUR

/** Gets, and writes of shared keys, while the faults are on. */
const GETS = 40
const WRITES = 20
const SHARED_KEYS = 3

/** The invariants are checked so often while time passes. */
const CHECK_MS: number = 2 * MINUTE

/**
 * Does anything break that never may? Each run draws a network from its seed: size, k, alpha, latencies, loss, duplicates,
 * slow disks, wrong clocks; then peers come and go, many crash at once, the network is cut and mended, values are put and
 * read all the while. Then the faults stop.
 *
 * Must hold: the invariants at any time, and after the healing time that tables are complete, lookups right, every value that
 * somebody still held found, and the network one. A broken run prints the command that replays it alone.
 */
export const soak: Scenario = {
  name: 'soak',
  question: 'whether anything breaks that never may, under all faults at once',
  defaults: { runs: 10 },
  async run(world) {
    const { options, draft } = world
    let broken = 0
    let events = 0
    for (let i = 0; i < options.runs; i++) {
      const before = broken
      const seed = options.seed + i
      world.phase(`seed ${seed}`)
      const drawn = draw(seed)
      const sim = world.another({ ...drawn, seed })
      try {
        await live({ ...world, sim, options: { ...options, ...drawn, seed } })
      } catch (error) {
        // Whatever else it is, somebody must be able to see it again.
        if (world.signal?.aborted === true || !(error instanceof Error)) throw error
        broken += 1
        const replay = `kad simulate soak --seed ${seed} --runs 1`
        draft.check(`seed ${seed}`, false, `${error.message}; to see it again: ${replay}`)
      }
      world.count(broken === before)
      events += sim.events
    }
    draft.figure('runs', options.runs, '')
    draft.figure('broken', broken, '')
    draft.figure('events', events, '')
    draft.check('no invariant is broken', broken === 0, `${broken} of ${options.runs} seeds`)
  },
}

/** What a seed's network is like. */
function draw(seed: number): Partial<SimulationOptions> {
  const random = new SeededRandom(seed, 'soak')
  const k = random.pick([4, 8, 20])
  return {
    peers: 20 + random.below(100),
    k,
    alpha: 1 + random.below(5),
    widen: random.pick([0, 1, 3]),
    contacts: Math.min(40, 2 * k),
    latency: random.pick(['constant:50', 'uniform:5-400', 'lognormal', 'coordinates']),
    loss: random.pick([0, 0.01, 0.05]),
    duplication: random.pick([0, 0.02]),
    slow: random.pick([0, 0.05]),
    start: random.pick(['warm', 'cold'] as const),
    network: random.pick(['virtual', 'virtual', 'wire'] as const),
    values: 5 + random.below(20),
    rejoin: random.chance(0.5),
  }
}

async function live(world: World): Promise<void> {
  const { sim, options } = world
  const random = new SeededRandom(sim.seed, 'trouble')
  const referee = new Referee(sim)
  await startNetwork(world)
  for (const peer of sim.peers) {
    if (random.chance(0.1)) peer.diskSlowness = 500
    if (random.chance(0.1)) peer.skewMs = (random.fraction() - 0.5) * 8 * MINUTE
    if (random.chance(0.1)) peer.clockRate = 1 + (random.fraction() - 0.5) / 1_000
  }
  const values = await putValues(world, options.values)
  const putBefore = sim.now
  const pass = (ms: number): Promise<void> =>
    passChecked(sim, ms, () => {
      referee.check()
      checkLives(sim, values, putBefore)
    })
  const churn = new Churn(world, exponentialSessions((5 + random.below(60)) * MINUTE))
  churn.start()
  const gets = scheduleLoad(world, values, random)
  const cut = scheduleFaults(sim, random)
  await pass(TROUBLE_MS)
  churn.stop()
  sim.network.rules.length = 0
  sim.calm()
  const standing = values.filter((value) => isHeldFor(sim, value, HEAL_MS))
  await pass(HEAL_MS - QUIET_MS)
  const traffic = markTraffic(sim)
  await pass(QUIET_MS)
  checkQuiescence(sim, traffic)
  if (gets.wrong > 0) throw new InvariantError('I7', `${gets.wrong} gets gave a wrong value`)
  await checkLiveness(sim, standing, random, cut)
  await checkStandstill(sim)
  referee.check()
  await sim.rest()
}

/** Gets of the values, and writes of a few keys that several peers share; returns what becomes of the gets. */
function scheduleLoad(world: World, values: readonly PutValue[], random: SeededRandom): GetCounts {
  const { sim } = world
  const gets: GetCounts = { possible: 0, succeeded: 0, lost: 0, wrong: 0 }
  for (let i = 0; i < GETS; i++) {
    sim.after(random.fraction() * TROUBLE_MS, () => {
      const value = values[random.below(values.length)]
      if (value !== undefined) void getValue(world, value, random, gets)
    })
  }
  const shared = Array.from({ length: SHARED_KEYS }, (_, i) => sharedKey(sim, `shared ${i}`))
  for (let i = 0; i < WRITES; i++) {
    sim.after(random.fraction() * TROUBLE_MS, () => {
      void writeShared(sim, random.pick(sim.oracle.peers), random.pick(shared))
    })
  }
  return gets
}

/** Whether a copy lives on so long by itself: that of a reader, who caches, may not, and is no promise. */
function isHeldFor(sim: Simulator, value: PutValue, ms: number): boolean {
  return holdersOf(sim, value).some((peer) => {
    const held = peer.node?.records.get(value.key, peer.wallClock())
    return held !== undefined && held.expiresAt - peer.wallClock() > ms
  })
}

/**
 * A crash of up to a third, of whom some come back with what their disks have, and a cut of a few minutes; returns on which
 * side of the cut a key is.
 */
function scheduleFaults(sim: Simulator, random: SeededRandom): (key: Key) => 0 | 1 {
  sim.after(random.fraction() * TROUBLE_MS, () => {
    const share = random.fraction() / 3
    for (const peer of random.sample(sim.oracle.peers, Math.floor(share * sim.oracle.size))) {
      sim.kill(peer, { disk: random.chance(0.5) ? 'kept' : 'lost' })
      if (!random.chance(0.5)) continue
      sim.after(random.fraction() * 10 * MINUTE, () => void restart(sim, peer, random))
    }
  })
  const bit = random.below(8)
  const sideOf = (key: Key): 0 | 1 => (((key[0] as number) >> bit) & 1) as 0 | 1 // keys are not empty
  sim.after((random.fraction() * TROUBLE_MS) / 2, () => {
    const rule = partition((peer) => {
      const contact = sim.peers[peer]?.contact
      return contact === undefined ? 0 : sideOf(contact.key)
    })
    sim.network.rules.push(rule)
    sim.after(random.fraction() * 10 * MINUTE, () => {
      const index = sim.network.rules.indexOf(rule)
      if (index >= 0) sim.network.rules.splice(index, 1)
    })
  })
  return sideOf
}

/** The peer comes back, and joins through somebody; if that fails, it is lost until it joins again as a newcomer does. */
async function restart(sim: Simulator, peer: SimPeer, random: SeededRandom): Promise<void> {
  if (peer.isUp) return
  const seeds = random.sample(sim.oracle.peers, 3).map(({ contact }) => contact)
  const node = await sim.start(peer)
  await node.join([...node.savedContacts(), ...seeds]).catch(() => undefined)
}

async function passChecked(sim: Simulator, ms: number, check: () => void): Promise<void> {
  const end = sim.now + ms
  while (sim.now < end) {
    await sim.run(Math.min(end, sim.now + CHECK_MS))
    checkInvariants(sim)
    check()
  }
}
