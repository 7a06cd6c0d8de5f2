import { describe, expect, it } from 'vitest'
import { expectedHops, hopDistribution } from '../../simulations/hop-theory.ts'
import {
  binomialRange,
  chiSquaredTest,
  gini,
  histogram,
  kolmogorovSmirnovTest,
  meanInterval,
  quantiles,
  standardDeviation,
  wilsonInterval,
} from '../../simulations/statistics.ts'
import { expectedOccupancy, expectedTableSize } from '../../simulations/tables.ts'

describe('statistics', () => {
  it('agree with textbooks', () => {
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138, 3)
    expect(quantiles([4, 1, 3, 2], [0, 0.5, 1])).toEqual([1, 2.5, 4])
    expect(histogram([0, 2, 2, 3])).toEqual([1, 0, 2, 1])
    expect(gini([5, 5, 5])).toBe(0)
    expect(gini([0, 0, 0, 1])).toBeCloseTo(0.75)
    const { low, high } = meanInterval([1, 2, 3, 4, 5])
    expect([low, high].map((value) => value.toFixed(3))).toEqual(['1.037', '4.963'])
    const wilson = wilsonInterval(8, 10)
    expect([wilson.low, wilson.high].map((value) => value.toFixed(3))).toEqual(['0.490', '0.943'])
  })

  it('a binomial range leaves at most 0.05 % on either side', () => {
    expect(binomialRange(1_000, 0.5 ** 20)).toEqual({ low: 0, high: 1 })
    expect(binomialRange(10, 0)).toEqual({ low: 0, high: 0 })
    expect(binomialRange(10, 1)).toEqual({ low: 10, high: 10 })
    expect(binomialRange(100, 0.5)).toEqual({ low: 34, high: 66 })
    const { low, high } = binomialRange(500, 0.9 ** 20)
    expect(low).toBeGreaterThan(35)
    expect(high).toBeLessThan(90)
  })

  it('the chi-squared test has the p of the tables, and joins bins that expect too few', () => {
    const test = chiSquaredTest([60, 40], [50, 50])
    expect(test.freedom).toBe(1)
    expect(test.statistic).toBeCloseTo(2 * (25 / 55 + 25 / 45), 10)
    expect(test.p).toBeCloseTo(0.1552, 4)
    expect(chiSquaredTest([100, 1], [100, 0])).toMatchObject({ freedom: 0, p: 1 })
    expect(chiSquaredTest([500, 500], [600, 400]).p).toBeLessThan(1e-4)
  })

  it('the Kolmogorov-Smirnov test tells samples apart, and equal ones not', () => {
    const even = Array.from({ length: 400 }, (_, i) => i / 400)
    expect(kolmogorovSmirnovTest(even, even)).toEqual({ statistic: 0, p: 1 })
    const shifted = kolmogorovSmirnovTest(
      even,
      even.map((value) => value + 0.15),
    )
    expect(shifted.statistic).toBeCloseTo(0.15, 2)
    expect(shifted.p).toBeLessThan(0.001)
  })
})

describe('theory', () => {
  // The static reference: science.md C.1, alpha 1.
  it.each([
    [1_000, 20, 1.93],
    [10_000, 20, 2.51],
    [100_000, 20, 3.13],
    [1_000_000, 20, 3.67],
    [10_000, 8, 3.07],
    [100_000, 8, 3.94],
  ])('of %d peers and k %d takes the hops of the static reference', (peers, k, hops) => {
    expect(expectedHops(peers, k) / hops).toBeGreaterThan(0.98)
    expect(expectedHops(peers, k) / hops).toBeLessThan(1.02)
    const shares = hopDistribution(peers, k)
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5)
  })

  it('buckets hold what the binomial says, and tables what all buckets do', () => {
    const buckets = Array.from({ length: 40 }, (_, i) => expectedOccupancy(15_371, 20, i))
    const measured = [20, 19.95, 14.8, 7.5, 3.75, 1.88, 0.94, 0.47]
    measured.forEach((expected, i) => {
      expect(buckets[7 + i]).toBeCloseTo(expected, 1)
    })
    const size = buckets.reduce((sum, held) => sum + held, 0)
    expect(size / expectedTableSize(15_371, 20)).toBeCloseTo(1, 2)
  })
})
