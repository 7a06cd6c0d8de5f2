import { createHash } from 'node:crypto'
import { KadmiumError } from '../src/core/errors.ts'
import { resolveOptions } from '../src/core/options.ts'
import { Draft } from './draft.ts'
import { Simulator } from './engine/simulator.ts'
import { parseLatency } from './models/latency.ts'
import {
  type GivenOptions,
  resolveSimulation,
  type SimulationOptions,
  withOption,
} from './options.ts'
import type { SimulationReport } from './report/report.ts'
import type { Progress, Scenario, World } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'
import { liveBytes, Stopwatch } from './stopwatch.ts'

/** What may be given to a run beside its options. */
export interface RunHooks {
  /** Called now and then while virtual time passes, and when a phase begins. */
  readonly onProgress?: (progress: Progress) => void
  /** Ends the run with its reason. */
  readonly signal?: AbortSignal
}

/** Kadmium's version; the report carries it. */
const VERSION = '0.1.0'

/**
 * Runs a scenario: the same name, options and seed give the same report on any machine, apart from `host`.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for an unknown scenario or option; `InvariantError` for a broken invariant.
 */
export async function runScenario(
  name: string,
  given: GivenOptions = {},
  hooks: RunHooks = {},
): Promise<SimulationReport> {
  const scenario = scenarioOf(name)
  const options = resolveSimulation(given, scenario.defaults)
  const stopwatch = new Stopwatch()
  const draft = new Draft()
  const { world, events, digest } = makeWorld(options, draft, hooks, stopwatch)
  await scenario.run(world)
  const wallMs = stopwatch.elapsedMs()
  const phases = stopwatch.phases()
  const { figures, checks, plots } = draft
  return {
    kadmium: VERSION,
    scenario: name,
    seed: options.seed,
    options: { ...options },
    digest: digest(),
    figures,
    checks,
    plots,
    host: {
      wallMs,
      events: events(),
      heapBytes: liveBytes(),
      residentBytesMax: process.resourceUsage().maxRSS * 1_024,
      phases,
      nodeVersion: process.version,
    },
  }
}

/**
 * The scenario of this name.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION`
 */
export function scenarioOf(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name)
  if (scenario !== undefined) return scenario
  const names = SCENARIOS.map((one) => one.name).join(', ')
  throw new KadmiumError('ERR_INVALID_OPTION', `there is no scenario '${name}'; there are ${names}`)
}

/** A network by these options, not started yet. */
export function makeSimulator(options: SimulationOptions): Simulator {
  const { seed, k, alpha, widen, contacts, timeouts, replication, loss, duplication } = options
  const fixed = { requestTimeoutMs: 5_000, requestTimeoutMinMs: 5_000, requestTimeoutMaxMs: 5_000 }
  return new Simulator({
    seed,
    options: resolveOptions({
      k,
      alpha,
      widenTo: widen,
      refreshIntervalMs: Math.max(60_000, Math.round(options.refresh * 60_000)),
      contactsPerResponse: contacts,
      ipDiversity: false,
      ...(timeouts === 'fixed' ? fixed : {}),
      ...(replication ? {} : { replicateIntervalMs: 0, republishIntervalMs: 0 }),
    }),
    network: {
      latency: withOption('latency', () => parseLatency(options.latency, seed)),
      loss,
      duplication,
      deadPeers: 'silence',
      dialTimeoutMs: 5_000,
    },
    carrier: options.network === 'wire' ? 'wire' : 'reference',
    disk: { writeMs: 1, keepsContacts: options.rejoin },
  })
}

function makeWorld(
  options: SimulationOptions,
  draft: Draft,
  { onProgress, signal }: RunHooks,
  stopwatch: Stopwatch,
): { world: World; events: () => number; digest: () => string } {
  const state = { phase: 'start', end: undefined as number | undefined, done: 0, succeeded: 0 }
  const sims: Simulator[] = []
  const tell = (sim: Simulator): void => {
    signal?.throwIfAborted()
    onProgress?.({
      now: sim.now,
      end: state.end,
      events: sim.events,
      success: state.done === 0 ? undefined : state.succeeded / state.done,
      phase: state.phase,
      sim,
    })
  }
  const another = (changed: Partial<SimulationOptions> = {}): Simulator => {
    const sim = makeSimulator({ ...options, ...changed })
    sim.onProgress = () => tell(sim)
    sims.push(sim)
    return sim
  }
  const sim = another()
  const world: World = {
    options,
    sim,
    draft,
    another,
    phase: (phase, end) => {
      Object.assign(state, { phase, end })
      stopwatch.begin(phase)
      tell(sim)
    },
    count: (succeeded) => {
      state.done += 1
      if (succeeded) state.succeeded += 1
    },
  }
  return {
    world,
    events: () => sims.reduce((sum, one) => sum + one.events, 0),
    digest: () => {
      const digests = sims.map(({ trace }) => trace.digest()).join()
      return createHash('sha256').update(digests).digest('hex')
    },
  }
}
