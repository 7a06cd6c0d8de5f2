import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { KadmiumError } from '../src/core/errors.ts'
import { type GivenOptions, resolveSimulation } from './options.ts'
import type { SimulationReport } from './report/report.ts'
import { defaultsOf } from './run.ts'
import { mean, meanInterval } from './statistics.ts'

/** A grid of simulations: every combination of these values, with several seeds each. */
export interface SweepInit {
  readonly scenario: string
  readonly given: GivenOptions
  /** `name=value,value`, one for each dimension. */
  readonly grid: readonly string[]
  readonly seeds: number
}

/** One point of the grid. */
export interface SweepPoint {
  readonly options: Readonly<Record<string, string>>
  /** By the figure's name: the mean over the seeds, and its 95 % confidence interval. */
  readonly figures: Readonly<
    Record<string, { readonly mean: number; readonly low: number; readonly high: number }>
  >
  /** Checks that failed, of all seeds. */
  readonly failed: number
}

export interface SweepResult {
  readonly scenario: string
  readonly seeds: number
  readonly points: readonly SweepPoint[]
}

export interface SweepHooks {
  readonly signal?: AbortSignal
  readonly onRun?: (done: number, total: number) => void
}

/** What a worker is given. */
export interface SweepJob {
  readonly scenario: string
  readonly given: GivenOptions
}

/**
 * Runs a grid on all cores, one run in a worker at a time.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for a grid or options that are none; what a run throws.
 */
export async function runSweep(init: SweepInit, hooks: SweepHooks = {}): Promise<SweepResult> {
  const combinations = combinationsOf(init.grid)
  const { scenario, given, seeds } = init
  if (!Number.isInteger(seeds) || seeds < 1) {
    throw new KadmiumError('ERR_INVALID_OPTION', '`seeds` must be a whole number of at least 1')
  }
  const first = Number(given.seed ?? 1)
  const jobs = combinations.flatMap((options) =>
    Array.from({ length: seeds }, (_, i) => ({
      options,
      job: { scenario, given: { ...given, ...options, seed: first + i } },
    })),
  )
  for (const { job } of jobs) resolveSimulation(job.given, defaultsOf(scenario, job.given)) // before any of them runs
  const reports = new Map<Readonly<Record<string, string>>, SimulationReport[]>()
  let next = 0
  let done = 0
  const work = async (): Promise<void> => {
    for (let item = jobs[next++]; item !== undefined; item = jobs[next++]) {
      hooks.signal?.throwIfAborted()
      const report = await runInWorker(item.job, hooks.signal)
      reports.set(item.options, [...(reports.get(item.options) ?? []), report])
      hooks.onRun?.(++done, jobs.length)
    }
  }
  const workers = Math.min(availableParallelism(), jobs.length)
  await Promise.all(Array.from({ length: workers }, work))
  const points = combinations.map((options) => pointOf(options, reports.get(options) ?? []))
  return { scenario, seeds, points }
}

/** The grid as a table: a line for each point, a column for each figure that differs between points. */
export function renderSweep({ points, seeds }: SweepResult): string {
  const names = Object.keys(points[0]?.figures ?? {})
  // What is the same at every point says nothing of what was varied; a single point is compared with none.
  const varying = names.filter(
    (name) =>
      points.length === 1 || new Set(points.map(({ figures }) => figures[name]?.mean)).size > 1,
  )
  const axes = Object.keys(points[0]?.options ?? {})
  const rows = [
    [...axes, ...varying, 'failed'],
    ...points.map(({ options, figures, failed }) => [
      ...axes.map((axis) => options[axis] ?? ''),
      ...varying.map((name) => cellOf(figures[name])),
      String(failed),
    ]),
  ]
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, i) => cell.padStart(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const legend =
    seeds === 1
      ? 'one seed each'
      : `means of ${seeds} seeds, ± half of the 95 % confidence interval`
  return [...lines, '', legend].join('\n')
}

function cellOf(figure: SweepPoint['figures'][string] | undefined): string {
  if (figure === undefined) return ''
  const half = (figure.high - figure.low) / 2
  const text = Number(figure.mean.toPrecision(4)).toString()
  return Number.isFinite(half) && half > 0 ? `${text} ± ${Number(half.toPrecision(2))}` : text
}

function combinationsOf(grid: readonly string[]): Readonly<Record<string, string>>[] {
  let combinations: Record<string, string>[] = [{}]
  for (const dimension of grid) {
    const [name = '', list = ''] = dimension.split('=')
    const values = list.split(',').filter((value) => value !== '')
    if (name === '' || values.length === 0) {
      throw new KadmiumError(
        'ERR_INVALID_OPTION',
        `'${dimension}' is no dimension of a sweep; write it as k=8,20`,
      )
    }
    combinations = combinations.flatMap((one) => values.map((value) => ({ ...one, [name]: value })))
  }
  return combinations
}

function pointOf(
  options: Readonly<Record<string, string>>,
  reports: readonly SimulationReport[],
): SweepPoint {
  const names = reports[0]?.figures.map(({ name }) => name) ?? []
  const figures = Object.fromEntries(
    names.map((name) => {
      const values = reports.flatMap((report) =>
        report.figures.filter((figure) => figure.name === name).map(({ value }) => value),
      )
      return [name, { mean: mean(values), ...meanInterval(values) }]
    }),
  )
  const failed = reports.flatMap(({ checks }) => checks.filter(({ holds }) => !holds)).length
  return { options, figures, failed }
}

/** One run, in a thread of its own. */
export function runInWorker(job: SweepJob, signal?: AbortSignal): Promise<SimulationReport> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const path = fileURLToPath(new URL(`./sweep-worker.${extension}`, import.meta.url))
  return new Promise((resolve, reject) => {
    const worker = new Worker(path, { workerData: job })
    const onAbort = (): void => {
      void worker.terminate()
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    worker.once('message', (report: SimulationReport) => resolve(report))
    worker.once('error', reject)
    worker.once('exit', () => {
      signal?.removeEventListener('abort', onAbort)
      reject(new Error('the worker ended without a report')) // no effect after a report
    })
  })
}
