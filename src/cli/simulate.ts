import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Argument, Command } from 'commander'
import type { SimulationReport } from '../../simulations/report/report.ts'
import type { RunHooks } from '../../simulations/run.ts'
import type { Progress } from '../../simulations/scenario.ts'
import { KadmiumError } from '../core/errors.ts'
import { InterruptedError } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { Output } from './output.ts'
import { formatDuration } from './units.ts'

interface SimulateOptions {
  readonly json?: boolean
  readonly out?: string
  readonly replay?: string
  readonly sweep?: readonly string[]
  readonly seeds?: string
  readonly watch?: boolean
  readonly [option: string]: unknown
}

/** Options of the command itself; all others go to the scenario. */
const OWN = new Set(['json', 'out', 'replay', 'sweep', 'seeds', 'watch'])

/** Scenario options as they are said here; the simulator checks them, and is loaded only when it runs. */
const SCENARIO_OPTIONS: readonly (readonly [name: string, help: string])[] = [
  ['seed', 'decides all that is random'],
  ['peers', 'peers at the beginning (default with a trace: as many as it begins with)'],
  ['hours', 'virtual time: hours, or 90m; of real peers real time'],
  [
    'network',
    'virtual, wire (every message encoded) or libp2p (lookup and churn with hundreds of real nodes, in real time: no two runs are the same)',
  ],
  ['start', 'warm (full tables) or cold (everybody joins)'],
  ['k', 'replicas, and contacts in a bucket'],
  ['alpha', 'requests of a lookup at once'],
  ['widen', 'the same after a round without progress; 0: k'],
  ['beta', 'closest peers that a lookup waits for; 0: k'],
  ['contacts', 'contacts in an answer'],
  ['timeouts', 'adaptive or fixed'],
  ['latency', 'round trips: constant:<ms>, uniform:<min>-<max>, lognormal, coordinates'],
  ['loss', 'share of messages lost'],
  ['duplication', 'share of requests that arrive twice'],
  ['slow', 'share of peers a second slower'],
  ['dead', 'share of peers dead, but in the tables'],
  ['churn', 'none, weibull, exponential, pareto, kad, mdht, ipfs, bittorrent, trace:<file.csv>'],
  ['session', 'median session: 60m, 2h, or minutes'],
  ['rejoin', 'on: who left comes back with its disk'],
  ['values', 'values put at the beginning'],
  ['keys', 'which are asked for: uniform or zipf[:<exponent>]'],
  ['lookups', 'lookups measured'],
  ['gets', 'gets a second, of all peers together'],
  ['share', 'share of peers that crash'],
  ['refresh', 'refresh of buckets: 10m, or minutes'],
  ['replication', 'on or off'],
  ['runs', 'seeds of a soak'],
  ['setup', 'the published experiment: R1, R4, R6 or R7'],
]

/** The scenarios as they are said here. */
const SCENARIOS: readonly (readonly [name: string, question: string])[] = [
  ['lookup', 'what does a lookup cost, and is it right?'],
  ['churn', 'do values live while peers come and go?'],
  ['crash', 'a share of all peers dies at once'],
  ['partition', 'both halves write, then the cut heals'],
  ['join', 'peers join a cold network'],
  ['hotkey', 'everybody asks for one key'],
  ['replicate', 'do published experiments come out as published?'],
  ['soak', 'random faults from a seed, all at once'],
]

/** `kad simulate`. */
export function simulateCommand(exit: (code: number) => void): Command {
  const command = new Command('simulate')
    .summary('run a simulation on the production core')
    .description(
      'Runs thousands of peers in virtual time: the code that a real peer runs, with a simulated network, clock and disk. The same command and seed give the same report on any machine.',
    )
    .addArgument(scenarioArgument())
    .option('--json', 'the report as JSON on stdout')
    .option('--out <folder>', 'write report.json and report.html there')
    .option('--watch', 'a page in the browser that shows the simulation while it runs')
    .option('--replay <report.json>', 'run the simulation of a report again, and compare')
    .option('--sweep <name=values...>', 'run a grid, such as k=8,20 alpha=3,10, on all cores')
    .option('--seeds <count>', 'with --sweep: seeds for each point of the grid (default: 3)')
  for (const [name, help] of SCENARIO_OPTIONS) command.option(`--${name} <value>`, help)
  return command
    .addHelpText(
      'after',
      `
Scenarios:
${SCENARIOS.map(([name, question]) => `  ${name.padEnd(11)}${question}`).join('\n')}

Examples:
  kad simulate lookup --peers 10000
  kad simulate churn --peers 2000 --hours 24 --session 60m --values 2000 --out report/
  kad simulate churn --peers 500 --session 20m --watch
  kad simulate crash --share 0.5 --seed 7
  kad simulate lookup --sweep k=8,20 alpha=3,10`,
    )
    .action(async (scenario: string | undefined, options: SimulateOptions) => {
      exit(await simulate(scenario, options))
    })
}

/** It knows the names for completions; which are right, the simulator says, with what may have been meant. */
function scenarioArgument(): Argument {
  return new Argument('[scenario]', 'what is run')
    .choices(SCENARIOS.map(([name]) => name))
    .argParser((name) => name)
}

async function simulate(scenario: string | undefined, options: SimulateOptions): Promise<number> {
  const output = new Output({ json: options.json ?? false })
  const interruption = new AbortController()
  const onInterrupt = (): void => interruption.abort(new InterruptedError())
  process.once('SIGINT', onInterrupt)
  try {
    refuseMixtures(scenario, options)
    if (options.out !== undefined) makeFolder(options.out)
    const { signal } = interruption
    if (options.replay !== undefined) return await replay(options.replay, options, output, signal)
    if (scenario === undefined) throw invalid('which scenario? See kad simulate --help')
    if (options.sweep !== undefined) {
      return await sweep(scenario, options, output, signal)
    }
    if (options.watch === true) return await runWatched(scenario, options, output, signal)
    const report = await run(scenario, givenOf(options), signal)
    await show(report, options, output)
    return exitCodeOf(report)
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

/** Whoever says two things that cannot both be meant is told, before anything runs. */
function refuseMixtures(scenario: string | undefined, options: SimulateOptions): void {
  const { watch, replay: report, sweep: grid, seeds } = options
  if (watch === true && (report !== undefined || grid !== undefined)) {
    const other = report === undefined ? '--sweep' : '--replay'
    throw invalid(`--watch shows one simulation while it runs: leave out ${other}`)
  }
  if (seeds !== undefined && grid === undefined) {
    throw invalid('--seeds goes with --sweep; --seed <number> chooses the seed of one simulation')
  }
  if (report === undefined) return
  const others = [scenario, ...Object.keys(givenOf(options)).map((name) => `--${name}`)]
  if (grid !== undefined) others.push('--sweep')
  const other = others.find((one) => one !== undefined)
  if (other !== undefined) {
    throw invalid(`--replay takes scenario and options from the report: leave out ${other}`)
  }
}

/** Before the simulation: an hour of it must not end where nothing can be written. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
    accessSync(path, constants.W_OK)
  } catch (error) {
    throw invalid(`nothing can be written to --out ${path}: ${whyOf(error)}`)
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`the report cannot be read: ${whyOf(error)}`)
  }
}

function invalid(message: string): KadmiumError {
  return new KadmiumError('ERR_INVALID_OPTION', message)
}

async function runWatched(
  scenario: string,
  options: SimulateOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { openWatch, pageOpened, pagesLeft } = await import('./simulation-page.ts')
  const given = givenOf(options)
  const watch = await openWatch(scenario, given)
  try {
    await pageOpened(watch, output, signal)
    const report = await run(scenario, given, signal, watch)
    watch.finish(report)
    await show(report, options, output)
    await pagesLeft(watch, output, signal)
    return exitCodeOf(report)
  } catch (error) {
    watch.fail(whyOf(error))
    throw error
  } finally {
    await watch.close()
  }
}

function whyOf(error: unknown): string {
  if (error instanceof InterruptedError) return 'it was interrupted'
  return error instanceof Error ? error.message : String(error)
}

/** The simulator is heavy: no other command may pay for it. */
async function run(
  scenario: string,
  given: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  hooks: RunHooks = {},
): Promise<SimulationReport> {
  const { runScenario } = await import('../../simulations/run.ts')
  const progress = new ProgressLine()
  const onProgress = (state: Progress): void => {
    progress.show(state)
    hooks.onProgress?.(state)
  }
  try {
    return await runScenario(scenario, given, { ...hooks, signal, onProgress })
  } finally {
    progress.clear()
  }
}

function exitCodeOf({ checks }: SimulationReport): number {
  return checks.every(({ holds }) => holds) ? EXIT.ok : EXIT.failure
}

async function show(
  report: SimulationReport,
  { out }: SimulateOptions,
  output: Output,
): Promise<void> {
  const { renderTable } = await import('../../simulations/report/table.ts')
  const marks = {
    good: (text: string) => output.style('good', text),
    bad: (text: string) => output.style('bad', text),
    dim: (text: string) => output.style('dim', text),
  }
  output.result(report, () => renderTable(report, marks))
  if (out === undefined) return
  const { renderJson } = await import('../../simulations/report/json.ts')
  const { renderHtml } = await import('../../simulations/report/html.ts')
  writeFileSync(join(out, 'report.json'), renderJson(report))
  writeFileSync(join(out, 'report.html'), await renderHtml(report))
  output.note(`wrote ${join(out, 'report.json')} and ${join(out, 'report.html')}`)
}

async function replay(
  path: string,
  options: SimulateOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { readReport } = await import('../../simulations/report/read.ts')
  const { reproducibleJson } = await import('../../simulations/report/json.ts')
  const { NO_DIGEST } = await import('../../simulations/report/report.ts')
  const before = readReport(path, readText(path))
  const report = await run(before.scenario, before.options, signal)
  await show(report, options, output)
  if (report.digest === NO_DIGEST) {
    output.note('run again with the same options; among real peers no two runs are the same')
    return exitCodeOf(report)
  }
  const isSame = reproducibleJson(report) === reproducibleJson(before)
  output.note(isSame ? 'the same, event by event' : `different: the digest was ${before.digest}`)
  return isSame ? EXIT.ok : EXIT.failure
}

async function sweep(
  scenario: string,
  options: SimulateOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { runSweep, renderSweep } = await import('../../simulations/sweep.ts')
  const progress = new ProgressLine()
  const seeds = options.seeds === undefined ? 3 : Number(options.seeds)
  try {
    const result = await runSweep(
      { scenario, given: givenOf(options), grid: options.sweep ?? [], seeds },
      { signal, onRun: (done, total) => progress.text(`${done} of ${total} runs`) },
    )
    progress.clear()
    output.result(result, () => renderSweep(result))
    if (options.out !== undefined) {
      const path = join(options.out, 'sweep.json')
      writeFileSync(path, `${JSON.stringify(result, undefined, 1)}\n`)
      output.note(`wrote ${path}`)
    }
    return EXIT.ok
  } finally {
    progress.clear()
  }
}

/** What of the options is the scenario's. */
function givenOf(options: SimulateOptions): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !OWN.has(name)))
}

/** One line on a terminal's stderr that tells how far it is; nothing anywhere else. */
class ProgressLine {
  readonly #isTerminal = process.stderr.isTTY === true
  readonly #startedAt = performance.now()
  #shownAt = 0

  show({ now, end, events, success, phase, isVirtual }: Progress): void {
    const elapsed = performance.now() - this.#startedAt
    if (!this.#isTerminal || elapsed - this.#shownAt < 200) return
    this.#shownAt = elapsed
    const bar = end === undefined ? '' : ` ${barOf(Math.min(1, now / end))}`
    const perSecond = (events / elapsed) * 1_000
    const rate =
      perSecond < 1_000 ? `${Math.round(perSecond)}` : `${Math.round(perSecond / 1_000)}k`
    const succeeded = success === undefined ? '' : `, ${(success * 100).toFixed(1)} % succeed`
    const time = `${formatDuration(now)} of ${isVirtual ? 'virtual' : 'real'} time`
    this.text(`${phase}${bar} ${time}, ${rate} events/s${succeeded}`)
  }

  text(text: string): void {
    if (this.#isTerminal) process.stderr.write(`\r\u001b[K${text.slice(0, 100)}`)
  }

  clear(): void {
    if (this.#isTerminal) process.stderr.write('\r\u001b[K')
  }
}

function barOf(share: number): string {
  const filled = Math.round(share * 20)
  return `[${'#'.repeat(filled)}${'-'.repeat(20 - filled)}]`
}
