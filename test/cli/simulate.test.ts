import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { SimulationReport } from '../../simulations/report/report.ts'
import type { SweepResult } from '../../simulations/sweep.ts'
import { kad } from '../support/kad.ts'

const folder = mkdtempSync(join(tmpdir(), 'kad-simulate-'))
const SMALL = ['lookup', '--peers', '60', '--lookups', '40', '--loss', '0.02']

afterAll(() => rmSync(folder, { recursive: true }))

describe('kad simulate', () => {
  it('prints a table, writes the report as JSON and as a page, and runs it again to the byte', async () => {
    const out = join(folder, 'deep', 'report')
    const { code, stdout, stderr } = await kad(['simulate', ...SMALL, '--out', out])
    expect(code).toBe(0)
    expect(String(stdout)).toMatch(/^figure +measured +expected/)
    expect(String(stdout)).toMatch(/\nrecall +\d/)
    expect(String(stdout)).toMatch(/seed 1, digest [0-9a-f]{64}/)
    expect(stderr).toContain(`wrote ${join(out, 'report.json')}`)
    const path = join(out, 'report.json')
    const report = JSON.parse(readFileSync(path, 'utf8')) as SimulationReport
    expect(report).toMatchObject({
      scenario: 'lookup',
      seed: 1,
      options: { peers: 60, loss: 0.02 },
    })

    const again = await kad(['simulate', '--replay', path])
    expect(again.stderr).toContain('the same, event by event')
    expect(again.code).toBe(0)

    writeFileSync(path, JSON.stringify({ ...report, digest: 'another' }))
    const changed = await kad(['simulate', '--replay', path])
    expect(changed.stderr).toContain('different: the digest was another')
    expect(changed.code).toBe(1)
  })

  it('the page needs nothing else, and has a picture for every plot', async () => {
    const out = join(folder, 'page')
    await kad([
      'simulate',
      'churn',
      '--peers',
      '40',
      '--hours',
      '10m',
      '--values',
      '4',
      '--out',
      out,
    ])
    const page = readFileSync(join(out, 'report.html'), 'utf8')
    const { plots, options } = JSON.parse(
      readFileSync(join(out, 'report.json'), 'utf8'),
    ) as SimulationReport
    expect(options.hours).toBeCloseTo(1 / 6)
    expect(plots.map(({ name }) => name).sort()).toEqual([
      'copies',
      'hops',
      'latency',
      'messages',
      'occupancy',
      'success',
      'values',
    ])
    expect(page.match(/<svg /g)).toHaveLength(plots.length)
    expect(page).not.toMatch(/(?:src|href)="(?!#)/)
    expect(page).not.toMatch(/<script|@import|url\(/)
    expect(page).toContain('--session 60')
  })

  it('runs a grid in workers: means over the seeds, with confidence', async () => {
    const out = join(folder, 'sweep')
    const args = ['--sweep', 'k=4,8', 'alpha=1,3', '--seeds', '2', '--out', out]
    const { code, stdout, stderr } = await kad([
      'simulate',
      'lookup',
      '--peers',
      '60',
      '--lookups',
      '20',
      ...args,
    ])
    expect(stderr).toContain(`wrote ${join(out, 'sweep.json')}`)
    expect(code).toBe(0)
    expect(String(stdout)).toMatch(/^ *k +alpha +/)
    expect(String(stdout)).toContain('means of 2 seeds')
    const { points, seeds } = JSON.parse(
      readFileSync(join(out, 'sweep.json'), 'utf8'),
    ) as SweepResult
    expect(seeds).toBe(2)
    expect(points.map(({ options }) => options)).toEqual([
      { k: '4', alpha: '1' },
      { k: '4', alpha: '3' },
      { k: '8', alpha: '1' },
      { k: '8', alpha: '3' },
    ])
    const requests = points.map(({ figures }) => figures.requests?.mean ?? 0)
    expect(requests[2]).toBeGreaterThan(requests[0] ?? 0)
  })

  it.each([
    [[], /which scenario\?/],
    [['walk'], /there is no scenario 'walk'; there are lookup, churn, crash/],
    [['lookup', '--peers', '1'], /`peers` must be a whole number in 2…2000000, got 1/],
    [
      ['churn', '--session', 'long'],
      /`session` must be a number in 0.01…100000 \(minutes\), or a time such as 90m, got long/,
    ],
    [['churn', '--hours', '5y'], /`hours` must be a number in 0.001…10000 \(hours\)/],
    [['churn', '--churn', 'trace:nowhere.csv'], /the churn trace nowhere.csv: ENOENT/],
    [['lookup', '--seeds', '3'], /--seeds goes with --sweep/],
    [['lookup', '--sweep', 'k'], /'k' is no dimension of a sweep; write it as k=8,20/],
    [['lookup', '--sweep', 'k=8,many'], /`k` must be a whole number in 1…100, got many/],
    [['--replay', 'nowhere.json'], /the report cannot be read: ENOENT/],
    [['--replay', 'package.json'], /package.json is no report of kad simulate/],
    [['lookup', '--replay', 'report.json'], /leave out lookup/],
    [['--peers', '3', '--replay', 'report.json'], /leave out --peers/],
    [['lookup', '--out', 'package.json/report'], /nothing can be written to --out package.json/],
  ] as const)('%j is refused at once', async (args, message) => {
    const { code, stdout, stderr } = await kad(['simulate', ...args])
    expect(stderr).toMatch(message)
    expect(String(stdout)).toBe('')
    expect(code).toBe(2)
  })
})
