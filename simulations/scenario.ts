import type { Draft } from './draft.ts'
import type { Simulator } from './engine/simulator.ts'
import type { SimulationOptions } from './options.ts'

/** How far a run is; for people who wait. */
export interface Progress {
  /** Virtual time. ms. */
  readonly now: number
  /** When the run ends in virtual time, if that is known. ms. */
  readonly end: number | undefined
  readonly events: number
  /** Share of operations that succeeded so far; `undefined` before the first. */
  readonly success: number | undefined
  /** What the scenario does just now. */
  readonly phase: string
  readonly sim: Simulator
}

/** What a scenario works in. */
export interface World {
  readonly options: SimulationOptions
  readonly sim: Simulator
  readonly draft: Draft
  /** A second network by the same options, or some others; nothing has started in it. */
  another(changed?: Partial<SimulationOptions>): Simulator
  /** Says what begins now, and when it ends if that is known. ms of virtual time. */
  phase(name: string, end?: number): void
  /** Counts an operation for the running success rate. */
  count(succeeded: boolean): void
}

/** A question to the network, and what must hold. */
export interface Scenario {
  readonly name: string
  readonly question: string
  readonly defaults: Partial<SimulationOptions>
  run(world: World): Promise<void>
}
