/**
 * What a page that looks on is told, about five times a second, as one line of JSON each. It is told what changed; everything
 * comes with the first line, and again when the page could not take in as much as there was to tell.
 */
export interface Frame {
  readonly run: RunFacts
  readonly state: RunState
  readonly ring: RingChange
  readonly history: HistoryChange
  /** Values that were put, or an even choice of them. */
  readonly values: readonly ValueMark[]
  /** What came of it; `undefined` while it runs. */
  readonly outcome?: Outcome | undefined
}

/** What is run. */
export interface RunFacts {
  readonly scenario: string
  readonly question: string
  readonly seed: number
  /** How deep the simulation goes: virtual, wire or libp2p. */
  readonly network: string
  readonly k: number
}

/** How it stands. */
export interface RunState {
  readonly phase: string
  /** The network's time. ms. */
  readonly now: number
  /** When the phase began, and when it ends if that is known, in that time. ms. */
  readonly phaseFrom: number
  readonly phaseTo?: number | undefined
  /** Whether time jumps from event to event; not among real peers. */
  readonly isVirtual: boolean
  /** Events of virtual time in a second of real time; of real peers requests. */
  readonly eventsPerSecond: number
  readonly totals: Totals
  /** Of so many peers one is on the ring. */
  readonly peersForEachMark: number
  /** `undefined`: no value was put. */
  readonly copies?: Copies | undefined
}

/** What happened in the present network since it began. Figures are sums: their differences are what happened between. */
export interface Totals {
  /** The network's time. ms. */
  readonly at: number
  /** Peers that are up just now. */
  readonly up: number
  readonly joined: number
  readonly left: number
  /** Gets that could succeed, and those that did. */
  readonly gets: number
  readonly getsSucceeded: number
  readonly lookups: number
  /** The sum of the recall of all lookups. */
  readonly recall: number
  readonly messages: number
}

/** Copies of values on living peers. */
export interface Copies {
  readonly mean: number
  readonly fewest: number
  /** Values put, and values of which the copies were counted. */
  readonly put: number
  readonly counted: number
  /** Of those counted, the ones that nobody holds. */
  readonly lost: number
}

/** A change of the peers on the ring. */
export interface RingChange {
  /** Whether these are all: what stood there before is forgotten. */
  readonly isWhole: boolean
  readonly joined: readonly PeerMark[]
  readonly left: readonly number[]
}

/** A peer: its number among the marks, the first 32 bits of its key, and since when it is up in the network's time, ms. */
export type PeerMark = readonly [number: number, point: number, upSince: number]

/** A value: the first 32 bits of its target, and its copies. */
export type ValueMark = readonly [point: number, copies: number]

/** A change of what the charts draw. */
export interface HistoryChange {
  /** Whether these are all: what stood there before is forgotten. */
  readonly isWhole: boolean
  readonly points: readonly HistoryPoint[]
}

/** A moment of the run. */
export interface HistoryPoint extends Totals {
  readonly copies?: Pick<Copies, 'mean' | 'fewest'> | undefined
}

/** What came of a run. */
export interface Outcome {
  /** Why it ended before its time. */
  readonly failure?: string | undefined
  readonly checks: readonly {
    readonly name: string
    readonly holds: boolean
    readonly why: string
  }[]
  readonly figures: readonly {
    readonly name: string
    readonly value: number
    readonly unit: string
    readonly expected?: number
    readonly source?: string
  }[]
}
