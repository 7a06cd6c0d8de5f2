import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../simulations/engine/random.ts'
import { parseLatency } from '../../../simulations/models/latency.ts'
import { mean, quantile } from '../../../simulations/statistics.ts'

/** Round trips of random pairs, there and back. */
function roundTrips(name: string, count = 20_000): number[] {
  const model = parseLatency(name, 1)
  const [pairs, jitter] = [new SeededRandom(1, 'pairs'), new SeededRandom(1, 'jitter')]
  return Array.from({ length: count }, () => {
    const [a, b] = [pairs.below(5_000), pairs.below(5_000)]
    return model.oneWayMs(a, b, jitter) + model.oneWayMs(b, a, jitter)
  })
}

describe('latency', () => {
  it('constant is what it says', () => {
    expect(new Set(roundTrips('constant:80', 50))).toEqual(new Set([80]))
  })

  it('uniform lies in its range', () => {
    const times = roundTrips('uniform:20-200')
    expect(Math.min(...times)).toBeGreaterThan(20)
    expect(Math.max(...times)).toBeLessThan(200)
    expect(mean(times)).toBeCloseTo(110, -1)
  })

  it.each(['lognormal', 'coordinates'])('%s has median and mean of the King data set', (name) => {
    const times = roundTrips(name)
    // A message jitters by 5 % of its time on average.
    expect(quantile(times, 0.5) / 1.05 / 156).toBeCloseTo(1, 1)
    expect(mean(times) / 1.05 / 178).toBeCloseTo(1, 1)
  })

  it.each(['lognormal', 'coordinates'])(
    '%s is the same both ways but for jitter, whatever was asked before',
    (name) => {
      const [one, other] = [parseLatency(name, 7), parseLatency(name, 7)]
      const still = { fraction: () => 0 } as SeededRandom
      other.oneWayMs(5, 6, still)
      expect(other.oneWayMs(3, 9, still)).toBe(one.oneWayMs(9, 3, still))
      expect(parseLatency(name, 8).oneWayMs(3, 9, still)).not.toBe(one.oneWayMs(3, 9, still))
    },
  )

  it('near peers of a near peer are near on the map, as no pairs drawn alone are', () => {
    const correlation = (name: string): number => {
      const model = parseLatency(name, 1)
      const still = { fraction: () => 0 } as SeededRandom
      const rows: [number, number][] = []
      for (let i = 0; i < 3_000; i++) {
        const [a, b, c] = [3 * i, 3 * i + 1, 3 * i + 2]
        const far = Math.abs(model.oneWayMs(a, c, still) - model.oneWayMs(b, c, still))
        rows.push([model.oneWayMs(a, b, still), far])
      }
      return correlationOf(rows)
    }
    expect(correlation('coordinates')).toBeGreaterThan(0.4)
    expect(Math.abs(correlation('lognormal'))).toBeLessThan(0.1)
  })

  it.each([
    'constant',
    'constant:0',
    'constant:x',
    'uniform:5',
    'uniform:9-3',
    'lognormal:-1',
    'coordinates:2',
    'far',
  ])("'%s' is refused", (name) => {
    expect(() => parseLatency(name, 1)).toThrow(/is no latency model: constant:<ms>/)
  })
})

function correlationOf(rows: readonly (readonly [number, number])[]): number {
  const [x, y] = [mean(rows.map(([a]) => a)), mean(rows.map(([, b]) => b))]
  const sum = (of: (a: number, b: number) => number): number =>
    rows.reduce((total, [a, b]) => total + of(a - x, b - y), 0)
  return sum((a, b) => a * b) / Math.sqrt(sum((a) => a * a) * sum((_, b) => b * b))
}
