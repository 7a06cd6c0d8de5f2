/**
 * `npm run test:seeds [scenario=partition seeds=200 from=1 option=value …]`: runs a scenario with many seeds, on all cores, and
 * fails if anything that must hold does not in one of them; by default two halves of a network that write the same keys,
 * whose replicas must all have the same winner after the cut is mended. Names the command that shows a failure again.
 */

import { availableParallelism } from 'node:os'
import type { SimulationReport } from '../../simulations/report/report.ts'
import { runInWorker } from '../../simulations/sweep.ts'

const given = Object.fromEntries(
  process.argv.slice(2).map((text) => {
    const [name = '', value] = text.split('=')
    if (value === undefined || value === '') throw new Error(`'${text}' is not of the form a=b`)
    return [name, value] as const
  }),
)
const { scenario = 'partition', seeds = '200', from = '1', ...options } = given
const count = wholeNumber('seeds', seeds)
const first = wholeNumber('from', from)
const failures: string[] = []
const figures = new Map<string, number>()
let next = first
let done = 0
await Promise.all(Array.from({ length: Math.min(count, availableParallelism()) }, work))

process.stdout.write(
  `${scenario}, seeds ${first} to ${first + count - 1}: ${failures.length} failed\n`,
)
for (const [name, sum] of figures) {
  process.stdout.write(`${name}: ${Number((sum / count).toPrecision(4))} in the mean\n`)
}
for (const failure of failures) process.stdout.write(`${failure}\n`)
if (failures.length > 0) process.exitCode = 1

async function work(): Promise<void> {
  while (next < first + count) {
    const seed = next++
    const report = await runInWorker({ scenario, given: { ...options, seed } })
    note(seed, report)
    if (++done % 20 === 0) process.stderr.write(`${done} of ${count} seeds\n`)
  }
}

function note(seed: number, report: SimulationReport): void {
  for (const { name, value } of report.figures) figures.set(name, (figures.get(name) ?? 0) + value)
  const replay = ['kad simulate', scenario, `--seed ${seed}`]
  for (const [name, value] of Object.entries(options)) replay.push(`--${name} ${value}`)
  for (const { name, holds, why } of report.checks) {
    if (!holds) failures.push(`${name}: ${why}; to see it again: ${replay.join(' ')}`)
  }
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`${name} must be a whole number above 0, got '${text}'`)
}
