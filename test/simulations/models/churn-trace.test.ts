import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseTrace, peersAtStart } from '../../../simulations/models/churn-trace.ts'
import { runScenario } from '../../../simulations/run.ts'

const HEAD = 'peer,joined_at,left_at'

describe('a trace of sessions', () => {
  it('is read with comments, spaces, empty ends and times before the beginning', () => {
    const text = `# measured\n${HEAD}\n\nb, 60 ,120\na,-5,\r\nb,200,\n`
    expect(parseTrace(text)).toEqual([
      { peer: 'a', joinedAt: -5_000, leftAt: Infinity },
      { peer: 'b', joinedAt: 60_000, leftAt: 120_000 },
      { peer: 'b', joinedAt: 200_000, leftAt: Infinity },
    ])
  })

  it.each([
    ['', /no sessions/],
    ['a,1,2', /line 1: the heading must be peer,joined_at,left_at/],
    [`${HEAD}\na,1`, /line 2: peer, joined_at and left_at are needed, got 'a,1'/],
    [`${HEAD}\na,soon,2`, /line 2/],
    [`${HEAD}\n,1,2`, /line 2/],
    [`${HEAD}\na,5,5`, /line 2: left_at must be a time after joined_at/],
    [`${HEAD}\na,5,x`, /line 2: left_at/],
    [`${HEAD}\na,1,9\na,4,12`, /two sessions of a overlap at 4 s/],
  ])('%j is refused', (text, message) => {
    expect(() => parseTrace(text)).toThrow(message)
  })

  it('tells with how many peers it begins, and the simulation takes as many', async () => {
    const path = 'simulations/traces/sample.csv'
    expect(peersAtStart(parseTrace(readFileSync(path, 'utf8')))).toBe(40)
    const given = { churn: `trace:${path}`, hours: 0.05, values: 2, lookups: 2, gets: 0 }
    const { options } = await runScenario('churn', given)
    expect(options.peers).toBe(40)
  })
})
