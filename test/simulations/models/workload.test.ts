import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../../simulations/engine/random.ts'
import { arrivals, parseKeys } from '../../../simulations/models/workload.ts'
import { mean, standardDeviation } from '../../../simulations/statistics.ts'

function picks(name: string, count: number): number[] {
  const random = new SeededRandom(1, 'keys')
  const choice = parseKeys(name, 10)
  const counts = new Array<number>(10).fill(0)
  for (let i = 0; i < count; i++) {
    const key = choice.pick(random)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts.map((picked) => picked / count)
}

describe('workload', () => {
  it('uniform wants every key alike', () => {
    for (const share of picks('uniform', 20_000)) expect(share).toBeCloseTo(0.1, 1)
  })

  it.each([1, 0.8, 2])('zipf:%d wants the i-th key in proportion to i^-s', (exponent) => {
    const shares = picks(`zipf:${exponent}`, 40_000)
    const weights = shares.map((_, i) => (i + 1) ** -exponent)
    const sum = weights.reduce((total, weight) => total + weight, 0)
    for (const [i, share] of shares.entries()) {
      expect(share).toBeCloseTo((weights[i] ?? 0) / sum, 1.7)
    }
  })

  it('gets arrive at random, as many as asked for: gaps are exponential', () => {
    const times = arrivals(new SeededRandom(1, 'gets'), 2, 1_000, 5_001_000)
    expect(times.length / 10_000).toBeCloseTo(1, 1)
    expect(times.every((time, i) => time >= (times[i - 1] ?? 1_000) && time < 5_001_000)).toBe(true)
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0))
    expect(mean(gaps) / 500).toBeCloseTo(1, 1)
    expect(standardDeviation(gaps) / mean(gaps)).toBeCloseTo(1, 1)
    expect(arrivals(new SeededRandom(1, 'gets'), 0, 0, 1_000)).toEqual([])
  })

  it.each(['zipf:0', 'zipf:x', 'none'])("'%s' is refused", (name) => {
    expect(() => parseKeys(name, 10)).toThrow(/is no choice of keys: uniform or zipf/)
  })
})
