/**
 * `node simulations/notes/alpha.ts`: runs the sweep behind alpha.md and writes its tables to stdout and its pictures beside
 * it. Some ten minutes on two cores.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderPlot } from '../report/plot.ts'
import type { Plot, Series } from '../report/report.ts'
import { renderSweep, runSweep, type SweepPoint, type SweepResult } from '../sweep.ts'

const SEEDS = 3
/** A network with slow peers and losses: 2 % of messages, 5 % of peers a second slower, the round trips of the internet. */
const FAULTS = {
  peers: 2_000,
  lookups: 400,
  latency: 'lognormal',
  loss: 0.02,
  slow: 0.05,
  widen: 0,
}

const ALPHAS = 'alpha=1,3,5,10'

process.stderr.write('alpha against dead contacts, answers and timeouts\n')
const alphas = await sweep([ALPHAS, 'dead=0.1,0.3', 'contacts=20,40', 'timeouts=adaptive,fixed'])
process.stdout.write(
  `${renderSweep(only(alphas, ['recall', 'requests', 'latency p50', 'latency p90']))}\n\n`,
)
process.stderr.write('strict end against beta 3\n')
const ends = await sweep(['beta=0,3', 'dead=0.1,0.3', 'contacts=40'])
process.stdout.write(
  `${renderSweep(only(ends, ['recall', 'requests', 'latency p50', 'latency p90']))}\n`,
)

await draw('alpha-latency', {
  name: 'latency',
  title: 'Latency against requests',
  kind: 'point',
  x: { label: 'requests of a lookup', unit: '' },
  y: { label: 'median latency', unit: 'ms' },
  series: alphaSeries(({ timeouts, dead, contacts }) =>
    contacts === '40' ? `${timeouts} timeouts, ${percent(dead)} dead` : undefined,
  ).map(({ name, points }) => ({
    name,
    points: points.map((p) => [figureOf(p, 'requests'), figureOf(p, 'latency p50')] as const),
  })),
})
await draw('alpha-recall', {
  name: 'recall',
  title: 'The closest that were missed',
  kind: 'line',
  x: { label: 'alpha', unit: '' },
  y: { label: 'of the 20 closest missed', unit: '%' },
  series: alphaSeries(({ timeouts, dead, contacts }) =>
    timeouts === 'adaptive' ? `answers of ${contacts}, ${percent(dead)} dead` : undefined,
  ).map(({ name, points }) => ({
    name,
    points: points.map(
      (p) => [Number(p.options.alpha), (1 - figureOf(p, 'recall')) * 100] as const,
    ),
  })),
})

function sweep(grid: readonly string[]): Promise<SweepResult> {
  return runSweep(
    { scenario: 'lookup', given: FAULTS, grid, seeds: SEEDS },
    { onRun: (done, total) => process.stderr.write(`  ${done} of ${total} runs\n`) },
  )
}

/** The result with these figures only. */
function only(result: SweepResult, names: readonly string[]): SweepResult {
  const points = result.points.map((point) => ({
    ...point,
    figures: Object.fromEntries(
      Object.entries(point.figures).filter(([name]) => names.includes(name)),
    ),
  }))
  return { ...result, points }
}

/** The points of the first sweep by the name that a series has for them; `undefined`: not in the picture. */
function alphaSeries(
  nameOf: (options: Readonly<Record<string, string>>) => string | undefined,
): { readonly name: string; readonly points: readonly SweepPoint[] }[] {
  const series = new Map<string, SweepPoint[]>()
  for (const point of alphas.points) {
    const name = nameOf(point.options)
    if (name !== undefined) series.set(name, [...(series.get(name) ?? []), point])
  }
  return [...series].map(([name, points]) => ({ name, points }))
}

function figureOf({ figures }: SweepPoint, name: string): number {
  return figures[name]?.mean ?? Number.NaN
}

function percent(share: string | undefined): string {
  return `${Number(share) * 100} %`
}

async function draw(
  name: string,
  plot: Plot & { readonly series: readonly Series[] },
): Promise<void> {
  const svg = await renderPlot(plot)
  // A picture in a document has no page whose ink it could take.
  writeFileSync(join(import.meta.dirname, `${name}.svg`), svg.replaceAll('currentColor', '#6b7280'))
}
