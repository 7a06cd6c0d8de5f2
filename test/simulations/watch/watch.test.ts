import { describe, expect, it } from 'vitest'
import { reproducibleJson } from '../../../simulations/report/json.ts'
import { runScenario } from '../../../simulations/run.ts'
import { Watch } from '../../../simulations/watch/watch.ts'
import { FILES, lookOn, type Told } from './pages.ts'

describe('a simulation that is watched', () => {
  it.each([
    ['churn', { peers: 80, hours: 0.5, values: 20, lookups: 40, session: 20 }],
    ['churn', { peers: 60, hours: 0.5, values: 10, lookups: 20, network: 'wire', rejoin: true }],
    ['crash', { peers: 100, values: 10, lookups: 20, share: 0.3 }],
    ['soak', { runs: 1, seed: 3 }],
  ] as const)('%s %j is the same byte by byte, and is seen to run', async (scenario, options) => {
    const alone = await runScenario(scenario, options)
    const watch = await open(scenario)
    const page = lookOn(watch.url)
    await watch.firstPage
    const report = await runScenario(scenario, options, watch)
    watch.finish(report)
    await watch.close()
    const told = await page
    expect(reproducibleJson(report)).toBe(reproducibleJson(alone))
    const running = told.frames.filter(({ outcome }) => outcome === undefined)
    expect(running.length).toBeGreaterThan(2)
    expect(new Set(running.map(({ state }) => state.now)).size).toBeGreaterThan(2)
    expect(told.last?.outcome?.checks).toEqual(report.checks)
    expect(told.last?.outcome?.figures.length).toBe(report.figures.length)
  })

  it('shows peers that come and go, gets, lookups and copies while it runs', async () => {
    const watch = await open('churn')
    const page = lookOn(watch.url)
    await watch.firstPage
    const options = { peers: 80, hours: 0.5, values: 20, lookups: 40, session: 20 }
    const report = await runScenario('churn', options, watch)
    watch.finish(report)
    await watch.close()
    const told = await page
    const changes = told.frames.filter(({ ring }) => !ring.isWhole)
    expect(changes.flatMap(({ ring }) => ring.left).length).toBeGreaterThan(10)
    expect(changes.flatMap(({ ring }) => ring.joined).length).toBeGreaterThan(10)
    const { totals, copies } = stateOf(told)
    expect(told.up.size).toBe(totals.up)
    const figure = (name: string) => report.figures.find((one) => one.name === name)?.value
    expect(totals.left).toBe(figure('peers that left'))
    expect(totals.joined).toBe(totals.left)
    expect(totals.getsSucceeded / totals.gets).toBeCloseTo(figure('gets that succeeded') ?? 0, 5)
    expect(totals.recall / totals.lookups).toBeCloseTo(figure('recall') ?? 0, 5)
    expect(copies).toMatchObject({ put: 20, counted: 20 })
    expect(copies?.mean).toBeGreaterThan(0)
  })

  it('says of a network at rest nothing that it does not have', async () => {
    const watch = await open('lookup')
    const page = lookOn(watch.url)
    await watch.firstPage
    watch.finish(await runScenario('lookup', { peers: 100, lookups: 50 }, watch))
    await watch.close()
    const told = await page
    const { totals, copies } = stateOf(told)
    expect(totals).toMatchObject({ up: 100, joined: 0, left: 0, gets: 0, lookups: 50 })
    expect(copies).toBeUndefined()
    expect(told.last?.values).toEqual([])
  })

  it('shows all of it to a page that comes when it is over', async () => {
    const watch = await open('churn')
    const report = await runScenario('churn', { peers: 40, hours: 0.2, values: 5 }, watch)
    watch.finish(report)
    expect(watch.isWatched).toBe(false)
    const late = lookOn(watch.url)
    await watch.firstPage
    await watch.close()
    const { frames, up, points } = await late
    expect(frames).toHaveLength(1)
    expect(up.size).toBe(40)
    expect(points.length).toBeGreaterThan(1)
    expect(frames[0]?.outcome?.checks).toEqual(report.checks)
  })

  it('hears Ctrl-C while virtual time passes, and tells the page that there is no result', async () => {
    const watch = await open('churn')
    const interruption = new AbortController()
    const page = lookOn(watch.url, ({ last }) => {
      // The page's own connection is what interrupts: it is served while the simulation runs.
      if (last?.state.phase === 'churn') interruption.abort(new Error('Ctrl-C'))
    })
    await watch.firstPage
    const hooks = {
      onProgress: watch.onProgress,
      onOver: watch.onOver,
      signal: interruption.signal,
    }
    const run = runScenario('churn', { peers: 300, hours: 1_000 }, hooks)
    await expect(run).rejects.toThrow('Ctrl-C')
    watch.fail('it was interrupted')
    await watch.close()
    const { last } = await page
    expect(last?.outcome).toEqual({ failure: 'it was interrupted', checks: [], figures: [] })
  })
})

function open(scenario: string): Promise<Watch> {
  // Often: on a fast machine a small run is over in half a second.
  return Watch.open({ scenario, question: 'whether', files: FILES, lookEveryMs: 20 })
}

function stateOf(told: Told) {
  if (told.last === undefined) throw new Error('nothing was told')
  return told.last.state
}
