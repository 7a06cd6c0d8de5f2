/**
 * What a simulation says at its end. Everything but `host` follows from the scenario, its options
 * and the seed alone, so two runs of one command write the same bytes. Only with real peers (`network` libp2p) they do not.
 */
export interface SimulationReport {
  /** Version of Kadmium that ran. */
  readonly kadmium: string
  readonly scenario: string
  readonly seed: number
  /** Every option with its resolved value: a replay needs nothing else. */
  readonly options: Readonly<Record<string, OptionValue>>
  /** SHA-256 over the whole sequence of events, 64 hexadecimal digits; `NO_DIGEST` of real peers. */
  readonly digest: string
  readonly figures: readonly Figure[]
  readonly checks: readonly Check[]
  readonly plots: readonly Plot[]
  /** Depends on the machine: never part of a comparison. */
  readonly host: HostTimings
}

/** Instead of a digest: what happened among real peers in real time happens in this order once only. */
export const NO_DIGEST: string = 'none: real peers in real time, not reproducible'

export type OptionValue = string | number | boolean

/** One line of the table at the end. */
export interface Figure {
  /** A word or two, stable: sweeps and scripts select by it. */
  readonly name: string
  readonly value: number
  /** Of `value`: 'ms', 'bytes', 'hops', '1/s', 'share' (0 to 1), or '' for a count. */
  readonly unit: string
  /** What theory or a published measurement says, in the same unit. */
  readonly expected?: number
  /** Where `expected` comes from, for a reader. */
  readonly source?: string
}

/** Something that must hold; one that does not fails the run. */
export interface Check {
  readonly name: string
  readonly holds: boolean
  /** What was wanted and what was seen, in one sentence. */
  readonly why: string
}

/** A picture's data; the report draws it, the scenario does not know how. */
export interface Plot {
  readonly name: string
  readonly title: string
  readonly kind: 'line' | 'bar' | 'point'
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}

export interface Axis {
  readonly label: string
  readonly unit: string
  readonly scale?: 'linear' | 'log'
}

export interface Series {
  readonly name: string
  /** A line that others are compared with (theory, oracle): drawn dashed. */
  readonly reference?: boolean
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface HostTimings {
  readonly wallMs: number
  readonly events: number
  /** Live objects at the end, after a full collection of garbage. */
  readonly heapBytes: number
  /** What the operating system gave the process at most. */
  readonly residentBytesMax: number
  /** How long each phase took. */
  readonly phases: readonly { readonly name: string; readonly wallMs: number }[]
  readonly nodeVersion: string
}
