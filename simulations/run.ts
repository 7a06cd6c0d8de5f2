import { createHash } from 'node:crypto'
import { KadmiumError } from '../src/core/errors.ts'
import { type NodeOptions, resolveOptions } from '../src/core/options.ts'
import { Draft } from './draft.ts'
import { Simulator } from './engine/simulator.ts'
import type { FullStackNetwork } from './full-stack/network.ts'
import { checkFullStack, FULL_STACK_DEFAULTS } from './full-stack-options.ts'
import { parseLatency } from './models/latency.ts'
import {
  type GivenOptions,
  resolveSimulation,
  type SimulationOptions,
  withOption,
} from './options.ts'
import { NO_DIGEST, type SimulationReport } from './report/report.ts'
import type { Progress, Scenario, World } from './scenario.ts'
import { FULL_STACK_SCENARIOS, SCENARIOS } from './scenarios.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import { liveBytes, Stopwatch } from './stopwatch.ts'
import { suggestion } from './suggestion.ts'
import { Tally } from './tally.ts'

/** What may be given to a run beside its options. */
export interface RunHooks {
  /** Called now and then while time passes, and when a phase begins. */
  readonly onProgress?: (progress: Progress) => void
  /** The scenario has done all it does, or failed; its networks are as they were at that moment. */
  readonly onOver?: () => void
  /** See `Simulator`; in virtual time only. */
  readonly breakMs?: number
  /** Ends the run with its reason. */
  readonly signal?: AbortSignal
}

/** Kadmium's version; the report carries it. */
const VERSION = '0.1.0'

/**
 * Runs a scenario: the same name, options and seed give the same report on any machine, apart from `host`; but not over real
 * peers (`network` libp2p), which live in real time.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for an unknown scenario or option; `InvariantError` for a broken invariant.
 */
export async function runScenario(
  name: string,
  given: GivenOptions = {},
  hooks: RunHooks = {},
): Promise<SimulationReport> {
  const scenario = scenarioOf(name)
  const options = optionsOf(name, given)
  const stopwatch = new Stopwatch()
  const draft = new Draft()
  const setting = { options, draft, hooks, stopwatch }
  const { events, digest, ...host } =
    options.network === 'libp2p'
      ? await runFullStack(name, setting)
      : await runSimulated(scenario, setting)
  const { figures, checks, plots } = draft
  return {
    kadmium: VERSION,
    scenario: name,
    seed: options.seed,
    options: { ...options },
    digest,
    figures,
    checks,
    plots,
    host: {
      ...host,
      events,
      residentBytesMax: process.resourceUsage().maxRSS * 1_024,
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
  const names = SCENARIOS.map((one) => one.name)
  const message = `there is no scenario '${name}'; ${suggestion(name, names)}`
  throw new KadmiumError('ERR_INVALID_OPTION', message)
}

/** What a scenario has where nothing else is given; an unknown set-up is for `resolveSimulation` to refuse. */
export function defaultsOf(name: string, { setup }: GivenOptions): Partial<SimulationOptions> {
  const { defaults, setups } = scenarioOf(name)
  return { ...defaults, ...setups?.[String(setup)] }
}

/**
 * The options of a run, complete and checked.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION`, as the run would.
 */
export function optionsOf(name: string, given: GivenOptions): SimulationOptions {
  const defaults = defaultsOf(name, given)
  const options = resolveSimulation(given, defaults)
  if (options.network !== 'libp2p') return options
  const real = resolveSimulation(given, { ...defaults, ...FULL_STACK_DEFAULTS })
  checkFullStack(name, real)
  return real
}

/** A network by these options, not started yet. */
export function makeSimulator(options: SimulationOptions): Simulator {
  const { seed, loss, duplication } = options
  return new Simulator({
    seed,
    options: nodeOptionsOf(options),
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

/** What a run is made of. */
interface Setting {
  readonly options: SimulationOptions
  readonly draft: Draft
  readonly hooks: RunHooks
  readonly stopwatch: Stopwatch
}

/** What the report tells of the networks of a run. */
interface Course extends Pick<SimulationReport['host'], 'wallMs' | 'phases' | 'heapBytes'> {
  readonly events: number
  readonly digest: string
}

function nodeOptionsOf(options: SimulationOptions): NodeOptions {
  const { k, alpha, widen, contacts, timeouts, replication } = options
  const fixed = { requestTimeoutMs: 5_000, requestTimeoutMinMs: 5_000, requestTimeoutMaxMs: 5_000 }
  return resolveOptions({
    k,
    alpha,
    widenTo: widen,
    refreshIntervalMs: Math.max(60_000, Math.round(options.refresh * 60_000)),
    contactsPerResponse: contacts,
    ipDiversity: false,
    ...(timeouts === 'fixed' ? fixed : {}),
    ...(replication ? {} : { replicateIntervalMs: 0, republishIntervalMs: 0 }),
  })
}

async function runSimulated(scenario: Scenario, setting: Setting): Promise<Course> {
  // A thousand seeds of a soak are as many networks: of those that are done with only this is kept.
  const past: { readonly digest: string; readonly events: number }[] = []
  let current: Simulator | undefined
  const finish = (): void => {
    if (current !== undefined) {
      past.push({ digest: current.trace.digest(), events: current.events })
    }
  }
  // Work that nobody waits for may fail as well: an assertion of the core in a peer's upkeep.
  const onFailure = (reason: unknown): void => current?.fail(reason)
  process.on('unhandledRejection', onFailure)
  const world = makeWorld(setting, (options) => {
    finish()
    current = makeSimulator(options)
    current.breakMs = setting.hooks.breakMs ?? current.breakMs
    return current
  })
  try {
    await runIn(world, scenario, setting)
    await current?.rest()
  } finally {
    process.removeListener('unhandledRejection', onFailure)
  }
  const cost = costOf(setting)
  finish()
  const digests = past.map(({ digest }) => digest).join()
  const events = past.reduce((sum, one) => sum + one.events, 0)
  return { ...cost, events, digest: createHash('sha256').update(digests).digest('hex') }
}

/** Only here libp2p is loaded: no other simulation pays for it. */
async function runFullStack(name: string, setting: Setting): Promise<Course> {
  const { FullStackNetwork: Network } = await import('./full-stack/network.ts')
  const scenario = FULL_STACK_SCENARIOS.find((one) => one.name === name)
  const networks: FullStackNetwork[] = []
  const world = makeWorld(setting, (options) => {
    const { seed, rejoin } = options
    const network = new Network({ seed, options: nodeOptionsOf(options), rejoin })
    networks.push(network)
    return network
  })
  try {
    if (scenario !== undefined) await runIn(world, scenario, setting)
    const events = networks.reduce((sum, network) => sum + network.events, 0)
    return { ...costOf(setting), events, digest: NO_DIGEST }
  } finally {
    for (const network of networks) await network.close()
  }
}

async function runIn<Network extends SimulatedNetwork>(
  world: World<Network>,
  scenario: Scenario<Network>,
  { hooks }: Setting,
): Promise<void> {
  try {
    await scenario.run(world)
  } finally {
    hooks.onOver?.()
  }
}

/** What a run has cost, while its network is still there to be measured. */
function costOf({ stopwatch }: Setting): Pick<Course, 'wallMs' | 'phases' | 'heapBytes'> {
  return { wallMs: stopwatch.elapsedMs(), phases: stopwatch.phases(), heapBytes: liveBytes() }
}

function makeWorld<Network extends SimulatedNetwork>(
  { options, draft, hooks, stopwatch }: Setting,
  make: (options: SimulationOptions) => Network,
): World<Network> {
  const { onProgress, signal } = hooks
  const state = { done: 0, succeeded: 0 }
  let phase: Pick<Progress, 'phase' | 'from' | 'end'> = { phase: 'start', from: 0, end: undefined }
  const tally = new Tally()
  // A scenario is done with a network when it makes another.
  let current: Pick<Progress, 'sim' | 'options'> | undefined
  const tell = (): void => {
    signal?.throwIfAborted()
    if (current === undefined) return
    const { sim } = current
    onProgress?.({
      ...current,
      ...phase,
      tally,
      now: sim.now,
      isVirtual: options.network !== 'libp2p',
      events: sim.events,
      success: state.done === 0 ? undefined : state.succeeded / state.done,
    })
  }
  const another = (changed: Partial<SimulationOptions> = {}): Network => {
    const all = { ...options, ...changed }
    const sim = make(all)
    sim.onProgress = tell
    current = { sim, options: all }
    phase = { ...phase, from: sim.now, end: undefined }
    tell()
    return sim
  }
  const sim = another()
  return {
    options,
    sim,
    draft,
    tally,
    signal,
    another,
    phase: (name, end) => {
      phase = { phase: name, from: current?.sim.now ?? 0, end }
      stopwatch.begin(name)
      tell()
    },
    count: (succeeded) => {
      state.done += 1
      if (succeeded) state.succeeded += 1
    },
  }
}
