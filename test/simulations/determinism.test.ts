import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { reproducibleJson } from '../../simulations/report/json.ts'
import { readReport } from '../../simulations/report/read.ts'
import type { SimulationReport } from '../../simulations/report/report.ts'

const PROGRAM = join(import.meta.dirname, 'run-scenario.ts')
const execute = promisify(execFile)

/** Runs a scenario in a process of its own. */
async function runApart(
  scenario: string,
  options: Readonly<Record<string, string | number>>,
): Promise<SimulationReport> {
  const args = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  const { stdout } = await execute(process.execPath, [PROGRAM, scenario, ...args], {
    maxBuffer: 2 ** 26,
  })
  return readReport('stdout', stdout)
}

describe('a simulation', () => {
  it.each([
    ['lookup', { peers: 150, lookups: 60, network: 'virtual' }],
    ['lookup', { peers: 150, lookups: 60, network: 'wire' }],
    ['churn', { peers: 60, hours: 0.5, values: 10, lookups: 20, loss: 0.01, network: 'virtual' }],
    ['churn', { peers: 60, hours: 0.5, values: 10, lookups: 20, loss: 0.01, network: 'wire' }],
  ] as const)(
    '%s %j is the same byte by byte in two processes, and another with another seed',
    async (scenario, options) => {
      const [first, second, other] = await Promise.all([
        runApart(scenario, { ...options, seed: 7 }),
        runApart(scenario, { ...options, seed: 7 }),
        runApart(scenario, { ...options, seed: 8 }),
      ])
      expect(first.digest).toMatch(/^[0-9a-f]{64}$/)
      expect(reproducibleJson(second)).toBe(reproducibleJson(first))
      expect(other.digest).not.toBe(first.digest)
    },
  )
})
