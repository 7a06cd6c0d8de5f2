import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../simulations/engine/random.ts'
import {
  exponentialSessions,
  noChurn,
  paretoSessions,
  parseSessions,
  SESSION_PRESETS,
  type SessionModel,
  twoClassSessions,
  weibullSessions,
  weibullWithMedian,
} from '../../../simulations/models/churn.ts'
import { mean, quantile } from '../../../simulations/statistics.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DRAWS = 40_000

function drawn(count: number, draw: (random: SeededRandom) => number): number[] {
  const random = new SeededRandom(1, 'draws')
  return Array.from({ length: count }, () => draw(random))
}

describe('sessions', () => {
  const models: readonly SessionModel[] = [
    exponentialSessions(HOUR),
    weibullWithMedian(HOUR),
    weibullSessions(HOUR, 0.5),
    paretoSessions(HOUR, 3),
    twoClassSessions(exponentialSessions(20 * HOUR), weibullWithMedian(HOUR), 0.75),
    ...Object.values(SESSION_PRESETS),
  ]

  it.each(models.map((model) => [model.name, model] as const))(
    '%s last as their model says',
    (_name, model) => {
      const lengths = drawn(DRAWS, (random) => model.draw(random))
      expect(mean(lengths) / model.meanMs).toBeGreaterThan(0.9)
      expect(mean(lengths) / model.meanMs).toBeLessThan(1.1)
      expect(Math.min(...lengths)).toBeGreaterThanOrEqual(0)
    },
  )

  it.each(models.map((model) => [model.name, model] as const))(
    '%s: who is up at a random moment stays as the residual life says',
    (_name, model) => {
      const left = drawn(DRAWS, (random) => model.drawResidual(random))
      for (const ms of [MINUTE, HOUR, 12 * HOUR, 24 * HOUR]) {
        const stayed = left.filter((one) => one > ms).length / DRAWS
        expect(Math.abs(stayed - model.residualSurvival(ms))).toBeLessThan(0.012)
      }
    },
  )

  it.each([
    ['kad', 93, 0.82, 0.21, 0.07],
    ['mdht', 145, 0.85, 0.24, 0.08],
    ['ipfs', 120, 0.86, 0.29, 0.12],
  ])('the preset %s has the published figures', (name, median, hour, half, day) => {
    const model = parseSessions(name, HOUR)
    expect(Math.round(model.medianMs / MINUTE)).toBe(median)
    expect(model.residualSurvival(HOUR)).toBeCloseTo(hour, 2)
    expect(model.residualSurvival(12 * HOUR)).toBeCloseTo(half, 2)
    expect(model.residualSurvival(24 * HOUR)).toBeCloseTo(day, 2)
  })

  it.each(['exponential', 'weibull', 'weibull:0.8', 'pareto', 'pareto:3'])(
    '%s has the median asked for',
    (name) => {
      const model = parseSessions(name, 90 * MINUTE)
      const lengths = drawn(DRAWS, (random) => model.draw(random))
      expect(quantile(lengths, 0.5) / (90 * MINUTE)).toBeCloseTo(1, 1)
    },
  )

  it('none never end', () => {
    expect(parseSessions('none', HOUR)).toBe(noChurn)
    expect(noChurn.residualSurvival(1e12)).toBe(1)
  })

  it.each(['weibul', 'weibull:0', 'weibull:x', 'none:1', 'pareto:1', ''])(
    "'%s' is refused",
    (name) => {
      expect(() => parseSessions(name, HOUR)).toThrow(RangeError)
    },
  )
})
