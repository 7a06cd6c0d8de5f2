import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Simulator } from '../../../simulations/engine/simulator.ts'
import type { SimulationOptions } from '../../../simulations/options.ts'
import { makeSimulator, optionsOf } from '../../../simulations/run.ts'
import type { Progress } from '../../../simulations/scenario.ts'
import { TALLIED_VALUES_MAX, Tally } from '../../../simulations/tally.ts'
import type { HistoryPoint } from '../../../simulations/watch/frame.ts'
import { History, POINTS_MAX } from '../../../simulations/watch/history.ts'
import { MARKS_MAX, pointOf, RingWatch } from '../../../simulations/watch/ring.ts'
import { Sampler } from '../../../simulations/watch/sampler.ts'
import { Told } from './pages.ts'

const OPTIONS = optionsOf('churn', { peers: 30, k: 4 })

describe('the ring of a watch', () => {
  it('tells who joined and who left since the last look', async () => {
    const sim = makeSimulator(OPTIONS)
    const [first, second] = sim.startWarm(3)
    const ring = new RingWatch()
    expect(ring.update(sim)).toMatchObject({ isWhole: true, left: [] })
    expect(ring.whole().joined).toHaveLength(3)
    expect(ring.update(sim)).toEqual({ isWhole: false, joined: [], left: [] })
    if (first === undefined || second === undefined) throw new Error('there are three')
    await sim.run(1_000)
    sim.kill(first)
    const newcomer = sim.create()
    await sim.until(sim.start(newcomer))
    const change = ring.update(sim)
    expect(change.isWhole).toBe(false)
    expect(change.left).toHaveLength(1)
    expect(change.joined).toEqual([[3, pointOf(newcomer.contact.key), 1_000]])
    expect(change.joined[0]?.[1]).toBe(Buffer.from(newcomer.contact.key).readUInt32BE(0))
  })

  it('tells of one who left and came back between two looks', async () => {
    const sim = makeSimulator(OPTIONS)
    const [peer] = sim.startWarm(2)
    const ring = new RingWatch()
    ring.update(sim)
    if (peer === undefined) throw new Error('there are two')
    await sim.run(5_000)
    sim.kill(peer)
    await sim.until(sim.start(peer))
    const change = ring.update(sim)
    expect(change.left).toHaveLength(1)
    expect(change.joined.map(([, point]) => point)).toEqual([pointOf(peer.contact.key)])
  })

  it('leaves a page that follows with those that are up, whatever happens', async () => {
    const step = fc.record({ kills: fc.nat(5), creates: fc.nat(5), returns: fc.nat(3) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const sim = makeSimulator(OPTIONS)
        sim.startWarm(10)
        const sampler = new Sampler({ scenario: 'churn', question: 'whether' })
        const told = new Told()
        for (const { kills, creates, returns } of steps) {
          for (const peer of sim.oracle.peers.slice(0, kills)) sim.kill(peer)
          for (let i = 0; i < creates; i++) await sim.start(sim.create())
          const down = sim.peers.filter(({ node }) => node === undefined)
          for (const peer of down.slice(0, returns)) await sim.start(peer)
          told.take(sampler.look(progressOf(sim), sim.now))
          await sim.run(sim.now + 1_000)
          expect(told.marks).toEqual(pointsOf(sim))
          const late = new Told()
          const whole = sampler.whole()
          if (whole !== undefined) late.take(whole)
          expect(late.marks).toEqual(told.marks)
          expect(late.points).toEqual(told.points)
        }
      }),
      { numRuns: 30 },
    )
  })

  it('shows an even choice of a large network, in which whoever is chosen stays', () => {
    const sim = makeSimulator(OPTIONS)
    const ring = new RingWatch()
    const add = (count: number): void =>
      sim.oracle.addAll(Array.from({ length: count }, () => sim.create()))
    add(MARKS_MAX)
    ring.update(sim)
    expect(ring.stride).toBe(1)
    const before = new Set(ring.whole().joined.map(([, point]) => point))
    add(8_000)
    const change = ring.update(sim)
    expect(change.isWhole).toBe(true)
    expect(change.joined.length).toBeLessThanOrEqual(MARKS_MAX)
    expect(change.joined.length).toBeGreaterThan(MARKS_MAX / 4)
    expect(ring.stride).toBeGreaterThanOrEqual(8)
    const kept = change.joined.filter(([, point]) => before.has(point)).length
    expect(kept / MARKS_MAX).toBeCloseTo(1 / ring.stride, 1)
    for (const peer of sim.oracle.peers.slice(0, 5_000)) sim.oracle.remove(peer)
    expect(ring.update(sim)).toMatchObject({ isWhole: false, joined: [] })
  })

  it('begins anew with another network', () => {
    const ring = new RingWatch()
    const [first, second] = [makeSimulator(OPTIONS), makeSimulator({ ...OPTIONS, seed: 2 })]
    first.startWarm(20)
    second.startWarm(5)
    ring.update(first)
    const change = ring.update(second)
    expect(change.isWhole).toBe(true)
    expect(change.joined).toHaveLength(5)
  })
})

describe('the history of a watch', () => {
  it('stays small and even over a run of any length, and so does the page that follows', () => {
    const history = new History()
    let points: readonly HistoryPoint[] = []
    for (let at = 0; at < 20_000; at++) {
      const change = history.add(pointAt(at))
      points = change.isWhole ? change.points : [...points, ...change.points]
      expect(points.length).toBeLessThanOrEqual(POINTS_MAX)
    }
    expect(points).toEqual(history.whole().points)
    expect(points.length).toBeGreaterThan(POINTS_MAX / 2)
    const gaps = points.slice(1).map(({ at }, i) => at - (points[i]?.at ?? 0))
    expect(new Set(gaps)).toEqual(new Set([128]))
  })
})

describe('a look at a simulation', () => {
  it('tells the figures of the run as they stand', async () => {
    const sim = makeSimulator(OPTIONS)
    const tally = new Tally()
    const sampler = new Sampler({ scenario: 'churn', question: 'whether' })
    const progress = progressOf(sim, tally)
    sim.startWarm(30)
    const [victim] = sim.oracle.peers
    if (victim === undefined) throw new Error('there are thirty')
    sim.kill(victim)
    await sim.until(sim.start(sim.create()))
    await sim.until(sim.start(sim.create()))
    tally.get(true)
    tally.get(false)
    tally.lookup(0.5)
    const { state, run } = sampler.look(progress, 0)
    expect(run).toEqual({
      scenario: 'churn',
      question: 'whether',
      seed: 1,
      network: 'virtual',
      k: 4,
    })
    expect(state.totals).toMatchObject({ up: 31, joined: 2, left: 1, gets: 2, getsSucceeded: 1 })
    expect(state.totals).toMatchObject({ lookups: 1, recall: 0.5, at: sim.now })
    expect(state).toMatchObject({ phase: 'churn', phaseFrom: 0, phaseTo: 60_000, isVirtual: true })
  })

  it('counts the events of a second of real time', async () => {
    const sim = makeSimulator(OPTIONS)
    const sampler = new Sampler({ scenario: 'churn', question: 'whether' })
    sim.startWarm(30)
    sampler.look(progressOf(sim), 1_000)
    const before = sim.events
    await sim.run(2 * 3_600_000)
    expect(sim.events).toBeGreaterThan(before)
    const { state } = sampler.look(progressOf(sim), 3_000)
    expect(state.eventsPerSecond).toBe((sim.events - before) / 2)
  })

  it('counts the copies of values, and says nothing of copies where there are none', async () => {
    const sim = makeSimulator(OPTIONS)
    const tally = new Tally()
    const sampler = new Sampler({ scenario: 'churn', question: 'whether' })
    const peers = sim.startWarm(30)
    expect(sampler.look(progressOf(sim, tally), 0)).toMatchObject({ values: [] })
    expect(sampler.look(progressOf(sim, tally), 0).state.copies).toBeUndefined()
    const key = new TextEncoder().encode('/kv/nobody has it')
    const target = sim.hash(key)
    tally.value(sim, { key, target })
    const { values, state } = sampler.look(progressOf(sim, tally), 0)
    expect(values).toEqual([[pointOf(target), 0]])
    expect(state.copies).toEqual({ mean: 0, fewest: 0, put: 1, counted: 1, lost: 1 })
    expect(peers).toHaveLength(30)
  })

  it('looks at so many values and no more, and at none of another network', () => {
    const [sim, other] = [makeSimulator(OPTIONS), makeSimulator(OPTIONS)]
    const tally = new Tally()
    for (let i = 0; i < 5_000; i++) {
      const key = new TextEncoder().encode(`/kv/${i}`)
      tally.value(sim, { key, target: sim.hash(key) })
    }
    const { put, values } = tally.valuesOf(sim)
    expect(put).toBe(5_000)
    expect(values.length).toBeLessThanOrEqual(TALLIED_VALUES_MAX)
    expect(values.length).toBeGreaterThan(TALLIED_VALUES_MAX / 2)
    expect(tally.valuesOf(other)).toEqual({ put: 0, values: [] })
  })
})

function progressOf(
  sim: Simulator,
  tally: Tally = new Tally(),
  options: SimulationOptions = OPTIONS,
): Progress {
  const phase = { phase: 'churn', from: 0, end: 60_000, isVirtual: true, success: undefined }
  return { ...phase, sim, tally, options, now: sim.now, events: sim.events }
}

function pointsOf(sim: Simulator): number[] {
  return sim.oracle.peers.map(({ contact }) => pointOf(contact.key)).sort((a, b) => a - b)
}

function pointAt(at: number): HistoryPoint {
  const none = { up: 0, joined: 0, left: 0, gets: 0, getsSucceeded: 0, lookups: 0, recall: 0 }
  return { ...none, at, messages: 0 }
}
