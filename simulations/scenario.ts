import type { Draft } from './draft.ts'
import type { Simulator } from './engine/simulator.ts'
import type { SimulationOptions } from './options.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { Tally } from './tally.ts'

/** How far a run is; for people who wait. */
export interface Progress {
  /** The network's time: virtual, or of real peers real. ms. */
  readonly now: number
  /** Whether time jumps from event to event. Not among real peers. */
  readonly isVirtual: boolean
  /** When the phase began, in that time. ms. */
  readonly from: number
  /** When it ends in that time, if that is known. ms. */
  readonly end: number | undefined
  readonly events: number
  /** Share of operations that succeeded so far; `undefined` before the first. */
  readonly success: number | undefined
  /** What the scenario does just now. */
  readonly phase: string
  /** The network that time passes in, and what it was made by. */
  readonly sim: SimulatedNetwork
  readonly options: SimulationOptions
  readonly tally: Tally
}

/** What a scenario works in. */
export interface World<Network extends SimulatedNetwork = Simulator> {
  readonly options: SimulationOptions
  readonly sim: Network
  readonly draft: Draft
  readonly tally: Tally
  /** Aborted when the run is to end; time then passes no further. */
  readonly signal: AbortSignal | undefined
  /** A second network by the same options, or some others; nothing has started in it. */
  another(changed?: Partial<SimulationOptions>): Network
  /** Says what begins now, and when it ends if that is known. ms of the network's time. */
  phase(name: string, end?: number): void
  /** Counts an operation for the running success rate. */
  count(succeeded: boolean): void
}

/** A question to the network, and what must hold. `Network`: the networks that it can be put to. */
export interface Scenario<Network extends SimulatedNetwork = Simulator> {
  readonly name: string
  readonly question: string
  readonly defaults: Partial<SimulationOptions>
  /** What each of its set-ups has otherwise, by the option `setup`. */
  readonly setups?: Readonly<Record<string, Partial<SimulationOptions>>>
  run(world: World<Network>): Promise<void>
}
