import { describe, expect, it } from 'vitest'
import { lossRange } from '../../simulations/statistics.ts'

describe('how many values are lost with their holders', () => {
  it('scatters as a binomial where no two values have a holder in common', () => {
    const holders = Array.from({ length: 100 }, (_, i) => [i])
    expect(lossRange(holders, 0.5)).toEqual({ expected: 50, low: 33, high: 67 }) // 3.3 times 5
  })

  it('scatters from none to all where all values have the same holders', () => {
    const range = lossRange(
      Array.from({ length: 100 }, () => [1, 2]),
      0.5,
    )
    expect(range).toEqual({ expected: 25, low: 0, high: 100 })
  })

  it('lies between the two where values have some holders in common', () => {
    const values = Array.from({ length: 60 }, (_, i) => i)
    const range = lossRange(
      values.map((i) => [i, 100 + (i >> 2)]),
      0.5,
    )
    const apart = lossRange(
      values.map((i) => [i, 100 + i]),
      0.5,
    )
    expect(range.expected).toBe(apart.expected)
    expect(range.high).toBeGreaterThan(apart.high)
    expect(range.high).toBeLessThan(60)
  })

  it('is certain where nobody dies, or everybody', () => {
    expect(lossRange([[1], [2, 3]], 0)).toEqual({ expected: 0, low: 0, high: 0 })
    expect(lossRange([[1], [2, 3]], 1)).toEqual({ expected: 2, low: 2, high: 2 })
  })
})
