import { describe, expect, it } from 'vitest'
import type { SimulationReport } from '../../simulations/report/report.ts'
import { optionsOf, runScenario } from '../../simulations/run.ts'
import type { SimulatedNetwork } from '../../simulations/simulated-network.ts'

/** A small network of real peers, in which a value has fewer copies than there are peers. */
const SMALL = { network: 'libp2p', peers: 12, k: 6, seed: 5 }

function figure(report: SimulationReport, name: string): number {
  return report.figures.find((one) => one.name === name)?.value ?? Number.NaN
}

/** The checks of a report, each with whether it holds. */
function checksOf({ checks }: SimulationReport): Record<string, boolean> {
  return Object.fromEntries(checks.map(({ name, holds }) => [name, holds]))
}

describe('over real libp2p peers', () => {
  it.each(['cold', 'warm'])('lookups find the closest after a %s start', async (start) => {
    const report = await runScenario('lookup', { ...SMALL, start, lookups: 40 })
    expect(checksOf(report)).toEqual({ recall: true })
    expect(figure(report, 'recall')).toBe(1)
    expect(figure(report, 'failed requests')).toBe(0)
    expect(figure(report, 'requests')).toBeGreaterThanOrEqual(5) // of the six closest who looks may be one
    expect(figure(report, 'neighbours known')).toBeGreaterThan(4)
  })

  it.each(['off', 'on'])('values survive while peers come and go, rejoin %s', async (rejoin) => {
    const report = await runScenario('churn', {
      ...SMALL,
      rejoin,
      hours: 0.001,
      churn: 'exponential',
      session: 0.1,
      values: 10,
      gets: 8,
      lookups: 30,
    })
    const checks = checksOf(report)
    expect(Object.keys(checks)).toContain('recall')
    expect(checks).toMatchObject({
      'no wrong value': true,
      'every value that must survive can be read': true,
    })
    expect(figure(report, 'values put')).toBe(10)
    expect(figure(report, 'peers that left')).toBeGreaterThan(0)
    expect(figure(report, 'gets')).toBeGreaterThan(20)
    expect(figure(report, 'gets that succeeded')).toBeGreaterThan(0.9)
    // Who came a moment ago is not yet known to all.
    expect(figure(report, 'recall')).toBeGreaterThan(0.8)
    expect(figure(report, 'messages of a peer')).toBeGreaterThan(0)
  })

  it('takes as many peers, for as long, as one waits for, where nothing else is said', () => {
    const { peers, hours, session } = optionsOf('churn', { network: 'libp2p', session: 20 })
    expect({ peers, hours, session }).toEqual({ peers: 200, hours: 0.1, session: 20 })
    expect(optionsOf('churn', {})).toMatchObject({ peers: 1_000, hours: 1, session: 60 })
  })

  it('a share of the peers is dead, and lookups go round them', async () => {
    const report = await runScenario('lookup', { ...SMALL, dead: 0.25, lookups: 20 })
    expect(figure(report, 'recall')).toBeGreaterThan(0.95)
  })

  it('the report says that it cannot be had again, and names options that can', async () => {
    const { digest, options } = await runScenario('lookup', { ...SMALL, peers: 7, lookups: 4 })
    expect(digest).toMatch(/not reproducible/)
    expect(options).toMatchObject({ latency: 'constant:0', start: 'cold', loss: 0 })
    const again = await runScenario('lookup', options)
    expect(again.options).toEqual(options)
  })

  it('a run ends when it is aborted, and leaves nobody running', async () => {
    const abort = new AbortController()
    let network: SimulatedNetwork | undefined
    const run = runScenario(
      'churn',
      { ...SMALL, hours: 1 },
      {
        signal: abort.signal,
        onProgress: ({ phase, isVirtual, sim }) => {
          network = sim
          expect(isVirtual).toBe(false)
          if (phase === 'churn') abort.abort(new Error('enough'))
        },
      },
    )
    await expect(run).rejects.toThrow('enough')
    expect(network?.peers.length).toBeGreaterThanOrEqual(12)
    expect(network?.peers.filter(({ node }) => node !== undefined)).toEqual([])
  })

  it.each([
    ['crash', {}, /`network` with `network` libp2p: real peers play lookup and churn, not crash/],
    ['lookup', { latency: 'lognormal' }, /`latency` .* must be constant:0 among real peers/],
    ['lookup', { loss: 0.1 }, /`loss` .* loses nothing; got 0.1/],
    ['churn', { duplication: 0.1 }, /`duplication` .* doubles nothing/],
    ['churn', { slow: 0.1 }, /`slow` .* got 0.1/],
    ['churn', { churn: 'trace:simulations/traces/sample.csv' }, /`churn` .* a trace begins/],
    ['churn', { peers: 5_000 }, /`peers` .* at most 1000/],
  ])('%s %j is refused', async (scenario, options, message) => {
    const refused = runScenario(scenario, { ...SMALL, ...options })
    await expect(refused).rejects.toThrow(message)
    await expect(refused).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' })
  })
})
