import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  HybridClock,
  hybridSkew,
  hybridTime,
  hybridTimestamp,
} from '../../src/core/hybrid-clock.ts'
import { CLOCK_SKEW_MAX_MS } from '../../src/core/limits.ts'

const NOW = Date.UTC(2026, 0, 1)

describe('a hybrid logical clock', () => {
  it('rises at every write, even when the wall clock stands or goes back', () => {
    const clock = new HybridClock()
    const versions = [NOW, NOW, NOW, NOW - 60_000, NOW + 1].map((now) => clock.next(now))
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
    expect(versions.every(Number.isSafeInteger)).toBe(true)
  })

  it('shows the time of the write', () => {
    expect(hybridTime(new HybridClock().next(NOW))).toBe(NOW)
    expect(hybridSkew(hybridTimestamp(NOW + 5), NOW)).toBe(5)
    expect(Number.isSafeInteger(hybridTimestamp(Date.UTC(2248, 0, 1)))).toBe(true)
    expect(Number.isSafeInteger(hybridTimestamp(Number.MAX_VALUE))).toBe(true)
  })

  it('lies above every timestamp it has observed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1e9, max: CLOCK_SKEW_MAX_MS })), (offsets) => {
        const clock = new HybridClock()
        for (const offset of offsets) {
          const seen = hybridTimestamp(NOW + offset) + 3
          expect(clock.observe(seen, NOW)).toBe(true)
          expect(clock.next(NOW)).toBeGreaterThan(seen)
        }
      }),
    )
  })

  it('is not carried away by a timestamp too far ahead', () => {
    const clock = new HybridClock()
    expect(clock.observe(hybridTimestamp(NOW + CLOCK_SKEW_MAX_MS + 1), NOW)).toBe(false)
    expect(clock.observe(Number.POSITIVE_INFINITY, NOW)).toBe(false)
    expect(hybridTime(clock.next(NOW))).toBe(NOW)
  })

  it('keeps its order when more writes fall into a millisecond than the counter has room for', () => {
    const clock = new HybridClock()
    let last = 0
    for (let i = 0; i < 3_000; i++) {
      const version = clock.next(NOW)
      expect(version).toBeGreaterThan(last)
      last = version
    }
    expect(hybridSkew(last, NOW)).toBe(2)
  })
})
