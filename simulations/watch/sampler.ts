import type { Progress } from '../scenario.ts'
import type { SimulatedNetwork } from '../simulated-network.ts'
import { mean } from '../statistics.ts'
import { holdersOf } from '../values.ts'
import type {
  Frame,
  HistoryPoint,
  Outcome,
  RunFacts,
  RunState,
  Totals,
  ValueMark,
} from './frame.ts'
import { History } from './history.ts'
import { pointOf, RingWatch } from './ring.ts'

/** What a run is called. */
export interface RunName {
  readonly scenario: string
  readonly question: string
}

/** Weight of the newest figure in the running one of events per second. */
const EVENTS_WEIGHT = 0.3

/**
 * Looks at a running simulation and says what a page needs to know of it. It only reads: the simulation is the same whether
 * anybody looks or not. What it keeps is bounded, whatever the simulation's size and length.
 */
export class Sampler {
  readonly #name: RunName
  readonly #ring = new RingWatch()
  #history = new History()
  #network: SimulatedNetwork | undefined
  #last: Frame | undefined
  #events = { count: 0, at: 0, perSecond: 0 }

  constructor(name: RunName) {
    this.#name = name
  }

  /** A look at the run as it stands. `wallMs` is the real time, on any clock that only goes on. */
  look(progress: Progress, wallMs: number): Frame {
    const { sim } = progress
    const isAnother = sim !== this.#network
    if (isAnother) this.#begin(sim, wallMs)
    const ring = this.#ring.update(sim)
    const values = valuesOf(progress)
    const state = this.#stateOf(progress, values, wallMs)
    const { copies } = state
    const point: HistoryPoint =
      copies === undefined
        ? state.totals
        : { ...state.totals, copies: { mean: copies.mean, fewest: copies.fewest } }
    const added = this.#history.add(point)
    const history = isAnother ? this.#history.whole() : added
    this.#last = { run: factsOf(this.#name, progress), state, ring, history, values }
    return this.#last
  }

  /** All there is, as it was at the last look; `undefined` before the first. */
  whole(outcome?: Outcome): Frame | undefined {
    if (this.#last === undefined) return undefined
    const ring = this.#ring.whole()
    return { ...this.#last, ring, history: this.#history.whole(), outcome }
  }

  #begin(sim: SimulatedNetwork, wallMs: number): void {
    this.#network = sim
    this.#history = new History()
    this.#events = { count: sim.events, at: wallMs, perSecond: 0 }
  }

  #stateOf(progress: Progress, values: readonly ValueMark[], wallMs: number): RunState {
    const { sim, phase, from, end, isVirtual, tally } = progress
    const copies = values.map(([, count]) => count)
    return {
      phase,
      now: sim.now,
      phaseFrom: from,
      phaseTo: end,
      isVirtual,
      eventsPerSecond: this.#eventsPerSecond(sim, wallMs),
      totals: totalsOf(progress),
      peersForEachMark: this.#ring.stride,
      copies:
        copies.length === 0
          ? undefined
          : {
              mean: mean(copies),
              fewest: Math.min(...copies),
              put: tally.valuesOf(sim).put,
              counted: copies.length,
              lost: copies.filter((count) => count === 0).length,
            },
    }
  }

  #eventsPerSecond({ events }: SimulatedNetwork, wallMs: number): number {
    const { count, at, perSecond } = this.#events
    if (wallMs <= at) return perSecond
    const now = ((events - count) * 1_000) / (wallMs - at)
    const smooth = perSecond === 0 ? now : perSecond + EVENTS_WEIGHT * (now - perSecond)
    this.#events = { count: events, at: wallMs, perSecond: smooth }
    return smooth
  }
}

function factsOf({ scenario, question }: RunName, { options }: Progress): RunFacts {
  const { seed, network, k } = options
  return { scenario, question, seed, network, k }
}

function totalsOf({ sim, options, tally }: Progress): Totals {
  const left = sim.peers.reduce((sum, { incarnation }) => sum + incarnation, 0)
  // Those of a warm start were there from the beginning.
  const first = options.start === 'warm' ? options.peers : 0
  return {
    at: sim.now,
    up: sim.oracle.size,
    joined: Math.max(0, left + sim.oracle.size - first),
    left,
    gets: tally.gets,
    getsSucceeded: tally.getsSucceeded,
    lookups: tally.lookups,
    recall: tally.recall,
    messages: sim.network.counters.messages,
  }
}

function valuesOf({ sim, tally }: Progress): ValueMark[] {
  return tally
    .valuesOf(sim)
    .values.map((value) => [pointOf(value.target), holdersOf(sim, value).length])
}
