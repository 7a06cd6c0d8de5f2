import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OrderedSet } from '../../src/core/ordered-set.ts'
import { seededRandom } from '../support/tiny.ts'

interface Item {
  readonly n: number
}

const newSet = (): OrderedSet<Item> => new OrderedSet<Item>((a, b) => a.n - b.n)
const numbers = (items: Iterable<Item>): number[] => [...items].map(({ n }) => n)

describe('an ordered set', () => {
  it('agrees with a sorted array over thousands of random changes', () => {
    const random = seededRandom(1)
    const set = newSet()
    const model = new Set<number>()
    const deletions: boolean[] = []
    const firsts: boolean[] = []
    for (let i = 0; i < 20_000; i++) {
      const n = random.below(4_000)
      // Grows first, then shrinks to nothing, so that chunks are split and joined.
      if (random.fraction() < (i < 8_000 ? 0.9 : 0.2)) {
        if (!model.has(n)) set.add({ n })
        model.add(n)
      } else {
        deletions.push(set.delete({ n }) === model.delete(n))
      }
      firsts.push(set.first?.n === least(model))
      if (i % 1_000 === 0) check(set, model)
    }
    expect(deletions).not.toContain(false)
    expect(firsts).not.toContain(false)
  })

  it('counts what is added, and knows the least of it, before anything is put in place', () => {
    const set = newSet()
    for (let i = 0; i < 10_000; i++) {
      set.add({ n: 20_000 - i })
      expect(set.size).toBe(i + 1)
      expect(set.first?.n).toBe(20_000 - i)
    }
    check(set, new Set(Array.from({ length: 10_000 }, (_, i) => 20_000 - i)))
  })

  it('starts an iteration where it is told', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(50)), fc.nat(50), (ns, start) => {
        const set = newSet()
        for (const n of ns) set.add({ n })
        const expected = ns.filter((n) => n >= start).sort((a, b) => a - b)
        expect(numbers(set.ascending(({ n }) => n < start))).toEqual(expected)
      }),
    )
  })

  it('goes on behind the last item given when items come and go during an iteration', () => {
    const set = newSet()
    for (let n = 0; n < 2_000; n++) set.add({ n })
    const seen: number[] = []
    for (const { n } of set.ascending()) {
      seen.push(n)
      set.delete({ n })
      set.add({ n: n - 10_000 })
      if (n % 2 === 0) set.delete({ n: n + 1 })
    }
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, i) => 2 * i))
  })
})

function least(numbers: ReadonlySet<number>): number | undefined {
  return numbers.size === 0 ? undefined : Math.min(...numbers)
}

function check(set: OrderedSet<Item>, model: ReadonlySet<number>): void {
  const sorted = [...model].sort((a, b) => a - b)
  expect(numbers(set.ascending())).toEqual(sorted)
  expect(numbers(set.descending())).toEqual(sorted.toReversed())
  expect(set.size).toBe(model.size)
  expect(set.first?.n).toBe(sorted[0])
}
