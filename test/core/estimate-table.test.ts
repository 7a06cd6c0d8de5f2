import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Estimate, EstimateTable, UNMEASURED } from '../../src/core/estimate-table.ts'

/** Heads that meet in a table of any size, the least and the greatest, and any. */
const head = fc.oneof(
  fc.integer({ min: -8, max: 7 }).map((i) => i * 2 ** 28),
  fc.constantFrom(0, -1, -(2 ** 31), 2 ** 31 - 1),
  fc.integer(),
)

const estimate: fc.Arbitrary<Estimate> = fc.record({
  meanMs: fc.oneof(fc.constant(UNMEASURED), fc.float({ min: 0, max: 120_000, noNaN: true })),
  deviationMs: fc.float({ min: 0, max: 120_000, noNaN: true }),
  failures: fc.integer({ min: 0, max: 16 }),
})

describe('EstimateTable', () => {
  it('holds what a Map would, however many and whichever heads meet', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(head, estimate), { maxLength: 200 }), (entries) => {
        const table = new EstimateTable()
        const model = new Map<number, Estimate>()
        for (const [key, value] of entries) {
          expect(table.get(key)).toEqual(model.get(key))
          table.set(key, value)
          model.set(key, value)
        }
        expect(table.size).toBe(model.size)
        for (const [key, value] of model) expect(table.get(key)).toEqual(value)
      }),
    )
  })

  it('keeps times to a ten millionth', () => {
    const table = new EstimateTable()
    table.set(7, { meanMs: 1234.56789, deviationMs: 0.1, failures: 0 })
    expect(table.get(7)?.meanMs).toBeCloseTo(1234.56789, 3)
    expect(table.get(7)?.deviationMs).toBeCloseTo(0.1, 7)
  })
})
