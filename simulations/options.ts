import { readFileSync } from 'node:fs'
import { KadmiumError } from '../src/core/errors.ts'
import { parseTrace, peersAtStart, type TraceSession } from './models/churn-trace.ts'
import { suggestion } from './suggestion.ts'

/** What may be said of a simulation. A scenario has its own defaults for some of it. */
export interface SimulationOptions {
  /** Decides everything that is random. 0 to 2^32 - 1. */
  readonly seed: number
  /** Peers at the beginning; churn keeps their number. 2 to 2 000 000. Default with a trace: those that it begins with. */
  readonly peers: number
  /** Virtual time. Hours. */
  readonly hours: number
  /** How messages travel: by reference, through the production codec, or over real libp2p nodes in this process. */
  readonly network: 'virtual' | 'wire' | 'libp2p'
  /** `warm`: tables as in a steady state; `cold`: every peer joins through others. */
  readonly start: 'warm' | 'cold'
  readonly k: number
  readonly alpha: number
  /** Requests under way after a round without progress; 0: k. */
  readonly widen: number
  /** Closest peers that a lookup waits for; 0: k. */
  readonly beta: number
  /** Contacts in an answer. */
  readonly contacts: number
  /** `adaptive`: from each peer's round trips; `fixed`: five seconds for everybody. */
  readonly timeouts: 'adaptive' | 'fixed'
  /** Round trips: see models/latency.ts. */
  readonly latency: string
  /** Share of messages lost. */
  readonly loss: number
  /** Share of requests that arrive twice. */
  readonly duplication: number
  /** Share of peers that are slow: a second more for each message. */
  readonly slow: number
  /** Share of all peers that are dead while the tables still hold them. */
  readonly dead: number
  /** How long peers stay: see models/churn.ts; or `trace:<file.csv>`. */
  readonly churn: string
  /** Median session of a churn model that takes one. Minutes. */
  readonly session: number
  /** Whether peers that leave come back with their disk, after as long as they stayed. */
  readonly rejoin: boolean
  /** Values put at the beginning. */
  readonly values: number
  /** Which values are asked for: `uniform` or `zipf[:<exponent>]`. */
  readonly keys: string
  /** Lookups measured. */
  readonly lookups: number
  /** Gets in a second of virtual time, of all peers together. */
  readonly gets: number
  /** Share of peers that a crash takes. */
  readonly share: number
  /** How often buckets are refreshed. Minutes. */
  readonly refresh: number
  /** Whether held values are replicated. */
  readonly replication: boolean
  /** Scenario runs of a soak, with seeds from `seed` on. */
  readonly runs: number
  /** Which published set-up is run: R1, R4, R6, R7. */
  readonly setup: string
}

export type OptionName = keyof SimulationOptions

interface OptionRule {
  readonly default: string | number | boolean
  readonly help: string
  readonly min?: number
  readonly max?: number
  readonly whole?: boolean
  /** Of a time: the unit of a bare number. ms. `90s`, `30m`, `2h` and `1d` are understood as well. */
  readonly unitMs?: number
  readonly choices?: readonly string[]
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What each option takes; the command line is made of it. */
export const OPTION_RULES: Readonly<Record<OptionName, OptionRule>> = {
  seed: { default: 1, min: 0, max: 2 ** 32 - 1, whole: true, help: 'decides all that is random' },
  peers: { default: 1000, min: 2, max: 2_000_000, whole: true, help: 'peers at the beginning' },
  hours: { default: 1, min: 0.001, max: 10_000, unitMs: HOUR, help: 'virtual time' },
  network: { default: 'virtual', choices: ['virtual', 'wire', 'libp2p'], help: 'how deep it goes' },
  start: { default: 'warm', choices: ['warm', 'cold'], help: 'full tables, or everybody joins' },
  k: { default: 20, min: 1, max: 100, whole: true, help: 'replicas, and contacts in a bucket' },
  alpha: { default: 3, min: 1, max: 32, whole: true, help: 'requests of a lookup at once' },
  widen: { default: 0, min: 0, max: 100, whole: true, help: 'the same without progress; 0: k' },
  beta: { default: 0, min: 0, max: 100, whole: true, help: 'closest a lookup waits for; 0: k' },
  contacts: { default: 40, min: 1, max: 40, whole: true, help: 'contacts in an answer' },
  timeouts: { default: 'adaptive', choices: ['adaptive', 'fixed'], help: 'of requests' },
  latency: { default: 'lognormal', help: 'round trips: constant:<ms>, uniform, lognormal, …' },
  loss: { default: 0, min: 0, max: 0.9, help: 'share of messages lost' },
  duplication: { default: 0, min: 0, max: 1, help: 'share of requests that arrive twice' },
  slow: { default: 0, min: 0, max: 1, help: 'share of peers a second slower' },
  dead: { default: 0, min: 0, max: 0.95, help: 'share of peers dead, but in the tables' },
  churn: {
    default: 'none',
    help: 'sessions: weibull, exponential, pareto, kad, ipfs, trace:<csv>',
  },
  session: {
    default: 60,
    min: 0.01,
    max: 100_000,
    unitMs: MINUTE,
    help: 'median session, minutes',
  },
  rejoin: { default: false, help: 'whether those who left come back with their disk' },
  values: { default: 0, min: 0, max: 1_000_000, whole: true, help: 'values put first' },
  keys: { default: 'uniform', help: 'which values are asked for: uniform or zipf[:<exponent>]' },
  lookups: { default: 1000, min: 0, max: 10_000_000, whole: true, help: 'lookups measured' },
  gets: { default: 1, min: 0, max: 10_000, help: 'gets a second, of all together' },
  share: { default: 0.5, min: 0, max: 0.99, help: 'share of peers that crash' },
  refresh: {
    default: 60,
    min: 1,
    max: 1_440,
    unitMs: MINUTE,
    help: 'refresh of buckets, minutes',
  },
  replication: { default: true, help: 'whether held values are replicated' },
  runs: { default: 10, min: 1, max: 100_000, whole: true, help: 'seeds of a soak' },
  setup: { default: 'R1', choices: ['R1', 'R4', 'R6', 'R7'], help: 'the published experiment' },
}

/** Options as they come from a user: any of them, numbers perhaps as text. */
export type GivenOptions = Readonly<Partial<Record<string, unknown>>>

/**
 * Completes and checks options; `defaults` are the scenario's own.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` that names the option and what it takes.
 */
export function resolveSimulation(
  given: GivenOptions,
  defaults: Partial<SimulationOptions>,
): SimulationOptions {
  for (const name of Object.keys(given)) {
    if (!(name in OPTION_RULES)) {
      const message = `there is no option '${name}'; ${suggestion(name, Object.keys(OPTION_RULES))}`
      throw new KadmiumError('ERR_INVALID_OPTION', message)
    }
  }
  const resolved = Object.entries(OPTION_RULES).map(([name, rule]) => {
    const value = given[name] ?? defaults[name as OptionName] ?? rule.default
    return [name, checked(name, value, rule)]
  })
  const options = Object.fromEntries(resolved) as SimulationOptions // of exactly these names
  const trace = given.peers === undefined ? readTrace(options) : undefined
  if (trace === undefined) return Object.freeze(options)
  const peers = checked('peers', peersAtStart(trace), OPTION_RULES.peers)
  return Object.freeze({ ...options, peers: Number(peers) })
}

/**
 * The sessions of `--churn trace:<file.csv>`; `undefined` for other models.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` if the file cannot be read or is no trace.
 */
export function readTrace({ churn }: SimulationOptions): readonly TraceSession[] | undefined {
  if (!churn.startsWith('trace:')) return undefined
  const path = churn.slice('trace:'.length)
  try {
    return parseTrace(readFileSync(path, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new KadmiumError('ERR_INVALID_OPTION', `the churn trace ${path}: ${reason}`)
  }
}

/** Turns what a model's parser says into an error of the options. */
export function withOption<Model>(name: OptionName, parse: () => Model): Model {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new KadmiumError('ERR_INVALID_OPTION', `\`${name}\`: ${error.message}`)
  }
}

function checked(name: string, value: unknown, rule: OptionRule): string | number | boolean {
  const { choices, min = -Infinity, max = Infinity, whole = false } = rule
  switch (typeof rule.default) {
    case 'boolean': {
      if (value === true || value === 'on' || value === 'true') return true
      if (value === false || value === 'off' || value === 'false') return false
      throw invalid(name, 'on or off', value)
    }
    case 'number': {
      const number = typeof value === 'string' ? numberOf(value, rule) : value
      const isFine = typeof number === 'number' && number >= min && number <= max
      if (isFine && (!whole || Number.isInteger(number))) return number
      const time =
        rule.unitMs === undefined ? '' : ` (${UNIT_NAMES[rule.unitMs]}), or a time such as 90m`
      throw invalid(name, `a ${whole ? 'whole ' : ''}number in ${min}…${max}${time}`, value)
    }
    default: {
      if (typeof value === 'string' && (choices === undefined || choices.includes(value))) {
        return value
      }
      throw invalid(name, choices === undefined ? 'a text' : choices.join(' or '), value)
    }
  }
}

/** NaN for what is none. */
function numberOf(text: string, { unitMs }: OptionRule): number {
  const [, amount = '', unit = ''] = /^([\d.]+)([smhd])$/.exec(text) ?? []
  const timeMs = TIME_UNITS_MS[unit]
  if (unitMs !== undefined && timeMs !== undefined) return (Number(amount) * timeMs) / unitMs
  return text.trim() === '' ? Number.NaN : Number(text)
}

const TIME_UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: MINUTE,
  h: HOUR,
  d: 24 * HOUR,
}

const UNIT_NAMES: Readonly<Record<number, string>> = { [MINUTE]: 'minutes', [HOUR]: 'hours' }

function invalid(name: string, wanted: string, value: unknown): KadmiumError {
  const message = `\`${name}\` must be ${wanted}, got ${String(value)}`
  return new KadmiumError('ERR_INVALID_OPTION', message, { details: { option: name } })
}
