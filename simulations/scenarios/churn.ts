import { KadmiumError } from '../../src/core/errors.ts'
import { toHex } from '../../src/core/key.ts'
import { SeededRandom } from '../engine/random.ts'
import { checkInvariants } from '../invariants.ts'
import { type LookupSample, lookUp, reportLookups } from '../lookups.ts'
import type { SessionModel } from '../models/churn.ts'
import { arrivals, parseKeys } from '../models/workload.ts'
import { withOption } from '../options.ts'
import { Churn, startNetwork } from '../population.ts'
import type { Scenario, World } from '../scenario.ts'
import type { SimulatedNetwork, SimulatedPeer } from '../simulated-network.ts'
import { binomialRange, lossRange, mean } from '../statistics.ts'
import { examineTables, reportTables } from '../tables.ts'
import { markTraffic, reportTraffic, type TrafficMark } from '../traffic.ts'
import {
  copiesOf,
  type GetCounts,
  getValue,
  holdersOf,
  type PutValue,
  putValues,
  reportHoldings,
} from '../values.ts'

const HOUR = 3_600_000

/** Points of the pictures over time. */
const SAMPLES = 48

/**
 * Do values live while peers come and go? Values are put at the beginning, nobody who put one ever returns to renew it, and
 * gets and lookups go on all the time from whoever is there.
 *
 * Must hold, with replication: gets of what somebody holds succeed (99.9 %), recall is at least 0.99, and at the end every
 * value can be read but for those that theory gives up; without it, as many values are lost as their holders' sessions
 * predict: so that the run with it shows something.
 */
export const churn: Scenario<SimulatedNetwork> = {
  name: 'churn',
  question: 'whether values and lookups survive while peers come and go',
  defaults: { churn: 'weibull', values: 200, lookups: 400, gets: 0.5 },
  async run(world) {
    const { sim, options, draft } = world
    await startNetwork(world)
    world.phase('puts')
    const values = await putValues(world, options.values)
    const holders = values.map((value) => holdersOf(sim, value))
    const population = new Churn(world)
    const startedAt = sim.now
    const end = startedAt + options.hours * HOUR
    world.phase('churn', end)
    population.start()
    const traffic = markTraffic(sim)
    const load = startLoad(world, values, end)
    const history = await watch(world, values, end, load.gets)
    checkInvariants(sim)
    report(world, { values, history, ...load })
    reportTraffic(draft, sim, traffic, options.peers)
    population.stop()
    world.phase('reads')
    const unread = await unreadable(world, values)
    reportHoldings(draft, sim)
    draft.figure('peers that left', population.left, '')
    reportTables(draft, examineTables(sim, sim.oracle.peers), sim.oracle.size, options.k)
    judge(world, load)
    if (values.length === 0) return
    plotSurvival(world, population.sessions, history)
    if (options.replication) judgeSurvival(world, population, unread)
    else judgeLoss(world, population, { values, history, holders })
  },
}

/** What the network did under load, filled while time passes. */
interface Load {
  readonly gets: GetCounts
  readonly samples: LookupSample[]
}

/** Who held each value at the beginning. */
type Holders = readonly (readonly SimulatedPeer[])[]

interface History {
  /** Hours since the beginning. */
  readonly at: number
  readonly copies: readonly number[]
  readonly success: number
  /** Of a peer in a second since the entry before. */
  readonly messages: number
}

/** Readers of which one must find a value for it to count as readable: one that is asked may know nobody yet. */
const READERS = 3

interface Outcome extends Load {
  readonly values: readonly PutValue[]
  readonly history: readonly History[]
}

function startLoad(world: World<SimulatedNetwork>, values: readonly PutValue[], end: number): Load {
  const { sim, options } = world
  const gets: GetCounts = { possible: 0, succeeded: 0, lost: 0, wrong: 0 }
  const samples: LookupSample[] = []
  const random = new SeededRandom(sim.seed, 'load')
  if (values.length > 0) {
    const choice = withOption('keys', () => parseKeys(options.keys, values.length))
    for (const at of arrivals(random, options.gets, sim.now, end)) {
      sim.at(at, () => {
        const value = values[choice.pick(random)]
        if (value !== undefined) void getValue(world, value, random, gets)
      })
    }
  }
  const seconds = (end - sim.now) / 1_000
  for (const at of arrivals(random, options.lookups / seconds, sim.now, end)) {
    sim.at(at, () => void sampleLookup(world, random, samples))
  }
  return { gets, samples }
}

async function sampleLookup(
  world: World<SimulatedNetwork>,
  random: SeededRandom,
  samples: LookupSample[],
): Promise<void> {
  const peer = random.pick(world.sim.oracle.peers)
  const { incarnation } = peer
  try {
    const sample = await lookUp(world.sim, peer, random.bytes(32))
    if (peer.incarnation !== incarnation) return
    samples.push(sample)
    world.tally.lookup(sample.recall)
  } catch (error) {
    // A peer that has just come and knows nobody yet finds nothing; whoever has died is not asked.
    if (peer.incarnation === incarnation && !isNoPeers(error)) throw error
  }
}

function isNoPeers(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_NO_PEERS'
}

/** Lets time pass until the end, and looks at the values now and then. */
async function watch(
  world: World<SimulatedNetwork>,
  values: readonly PutValue[],
  end: number,
  gets: GetCounts,
): Promise<History[]> {
  const { sim } = world
  const startedAt = sim.now
  const history: History[] = []
  let before = { possible: 0, succeeded: 0 }
  let mark = markTraffic(sim)
  for (let i = 0; i <= SAMPLES; i++) {
    await sim.run(startedAt + ((end - startedAt) * i) / SAMPLES)
    const possible = gets.possible - before.possible
    history.push({
      at: (sim.now - startedAt) / HOUR,
      copies: copiesOf(sim, values),
      success: possible === 0 ? 1 : (gets.succeeded - before.succeeded) / possible,
      messages: messagesSince(sim, mark),
    })
    mark = markTraffic(sim)
    before = { possible: gets.possible, succeeded: gets.succeeded }
  }
  return history
}

/** Messages that a peer sent in a second since the mark, answers among them. */
function messagesSince(sim: SimulatedNetwork, mark: TrafficMark): number {
  const peerSeconds = (sim.oracle.size * (sim.now - mark.at)) / 1_000
  return peerSeconds === 0 ? 0 : (sim.network.counters.messages - mark.messages) / peerSeconds
}

function report(world: World<SimulatedNetwork>, { values, history, gets, samples }: Outcome): void {
  const { options, draft } = world
  const alive = history.at(-1)?.copies.filter((copies) => copies > 0).length ?? 0
  draft.figure('values put', values.length, '')
  draft.figure('values held at the end', alive, '')
  draft.figure('gets', gets.possible + gets.lost, '')
  draft.figure('gets that succeeded', gets.succeeded / Math.max(1, gets.possible), 'share')
  if (samples.length > 0) reportLookups(draft, samples, { peers: options.peers, k: options.k })
  const over = (pick: (entry: History) => number): [number, number][] =>
    history.map((entry) => [entry.at, pick(entry)])
  draft.plot({
    name: 'success',
    title: 'Gets that succeed, of those that can',
    kind: 'line',
    x: { label: options.network === 'libp2p' ? 'time' : 'virtual time', unit: 'h' },
    y: { label: 'share', unit: '' },
    series: [{ name: 'gets', points: over(({ success }) => success) }],
  })
  draft.plot({
    name: 'messages',
    title: 'Messages that a peer sends, answers among them',
    kind: 'line',
    x: { label: options.network === 'libp2p' ? 'time' : 'virtual time', unit: 'h' },
    y: { label: 'messages a second', unit: '' },
    series: [{ name: 'messages', points: over(({ messages }) => messages).slice(1) }],
  })
  if (values.length === 0) return
  draft.plot({
    name: 'copies',
    title: 'Copies of a value on living peers',
    kind: 'line',
    x: { label: options.network === 'libp2p' ? 'time' : 'virtual time', unit: 'h' },
    y: { label: 'copies', unit: '' },
    series: [
      { name: 'mean', points: over(({ copies }) => mean(copies)) },
      { name: 'fewest', points: over(({ copies }) => Math.min(...copies)) },
      { name: 'k', reference: true, points: over(() => options.k) },
    ],
  })
}

/** F8: the values that somebody still holds, beside those that would be left if copies only died. */
function plotSurvival(
  { options, draft }: World<SimulatedNetwork>,
  sessions: SessionModel,
  history: readonly History[],
): void {
  const copies = history[0]?.copies ?? []
  draft.plot({
    name: 'values',
    title: 'Values that somebody holds',
    kind: 'line',
    x: { label: options.network === 'libp2p' ? 'time' : 'virtual time', unit: 'h' },
    y: { label: 'values', unit: '' },
    series: [
      {
        name: 'held',
        points: history.map(({ at, copies: now }) => [at, now.filter((one) => one > 0).length]),
      },
      {
        name: 'without repair, by theory',
        reference: true,
        points: history.map(({ at }) => [at, copies.length * (1 - lossOf(copies, sessions, at))]),
      },
    ],
  })
}

/** The share of values lost by then if nothing brings a copy back: a copy lives on if its peer stays. */
function lossOf(copies: readonly number[], sessions: SessionModel, hours: number): number {
  const dies = 1 - sessions.residualSurvival(hours * HOUR)
  return mean(copies.map((count) => dies ** count))
}

/** How many values nobody finds at the end, of readers drawn among all peers that are part of the network. */
async function unreadable(
  world: World<SimulatedNetwork>,
  values: readonly PutValue[],
): Promise<number> {
  const { sim } = world
  const random = new SeededRandom(sim.seed, 'last reads')
  const readers = sim.oracle.peers.filter(({ node }) => (node?.table.size ?? 0) > 0)
  let unread = 0
  for (let done = 0; done < values.length; done += sim.operationsAtOnce) {
    const group = values.slice(done, done + sim.operationsAtOnce).map(async (value) => {
      for (const { node } of random.sample(readers, READERS)) {
        const found = await node?.get(value.key).catch(expectKadmiumError)
        if (found !== undefined && toHex(found.value) === toHex(value.value)) return
      }
      unread += 1
    })
    await sim.until(Promise.all(group))
  }
  return unread
}

function expectKadmiumError(error: unknown): undefined {
  if (!(error instanceof KadmiumError)) throw error // not found, or nobody answers
}

function judge({ draft }: World<SimulatedNetwork>, { gets, samples }: Load): void {
  draft.check('no wrong value', gets.wrong === 0, `${gets.wrong} gets gave another value`)
  if (gets.possible > 0) {
    draft.checkRange('gets that can succeed do', gets.succeeded / gets.possible, 0.999, 1)
  }
  if (samples.length > 0) {
    draft.checkRange('recall', mean(samples.map(({ recall }) => recall)), 0.99, 1)
  }
}

/** With replication: a value dies only if all of its holders leave within one interval (F8). */
function judgeSurvival(world: World<SimulatedNetwork>, { sessions }: Churn, unread: number): void {
  const { options, draft } = world
  const { hours, values: count, k } = options
  const perInterval = (1 - sessions.residualSurvival(HOUR)) ** k
  const expected = 1 - (1 - perInterval) ** hours
  draft.figure('values that cannot be read', unread, '', {
    expected: expected * count,
    source: '(1 - R(1 h))^k in each interval: science.md F8',
  })
  const { high } = binomialRange(count, expected)
  draft.checkRange('every value that must survive can be read', count - unread, count - high, count)
}

/** Without it a copy lives on if its peer stays, and nothing else brings it back (F8). */
function judgeLoss(
  world: World<SimulatedNetwork>,
  { sessions }: Churn,
  { values, history, holders }: Pick<Outcome, 'values' | 'history'> & { holders: Holders },
): void {
  const { options, draft } = world
  const lost = history.at(-1)?.copies.filter((copies) => copies === 0).length ?? 0
  const range = lossRange(holders, 1 - sessions.residualSurvival(options.hours * HOUR))
  draft.figure('values lost', lost, '', {
    expected: range.expected,
    source: '(1 - R(t))^copies: science.md C.7',
  })
  // Who comes back brings its copies along.
  if (options.rejoin || sessions.meanMs === Infinity) return
  // Reads leave copies behind.
  const low = options.gets > 0 ? 0 : range.low
  draft.checkRange('values are lost as predicted', lost, low, Math.min(values.length, range.high))
}
