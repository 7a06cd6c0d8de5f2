import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RTT_PEERS_MAX } from '../../src/core/limits.ts'
import { RttEstimator } from '../../src/core/rtt-estimator.ts'

/** Heads of peers' keys; the least and the greatest there are, and some that differ in high bits alone, among them. */
const [A, B, C, D, E] = [2 ** 31 - 1, -(2 ** 31), -1, 1 << 16, 1 << 30]
const [NEAR, FAR, KNOWN, STRANGER] = [101, 102, 103, 104]

const options = { requestTimeoutMs: 5_000, requestTimeoutMinMs: 250, requestTimeoutMaxMs: 10_000 }

function make(peersMax?: number): RttEstimator {
  return new RttEstimator(peersMax === undefined ? { options } : { options, peersMax })
}

describe('RttEstimator', () => {
  it('waits as long as the options say while no round trip is known', () => {
    const rtt = make()
    expect(rtt.timeoutMs(A)).toBe(5_000)
    expect(rtt.slowAfterMs(A)).toBe(1_000)
    expect(rtt.size).toBe(0)
  })

  it('follows RFC 6298: 3 times the first sample, then mean and four deviations', () => {
    const rtt = make()
    rtt.sample(A, 400)
    expect(rtt.timeoutMs(A)).toBe(400 + 4 * 200)
    rtt.sample(A, 480)
    // deviation = 3/4 · 200 + 1/4 · |480 − 400|, mean = 7/8 · 400 + 1/8 · 480
    expect(rtt.timeoutMs(A)).toBe(410 + 4 * 170)
    expect(rtt.slowAfterMs(A)).toBe(410 + 2 * 170)
  })

  it('expects no deviation from a peer that answers evenly, but a pause of a process', () => {
    const rtt = make()
    for (let i = 0; i < 100; i++) rtt.sample(A, 1_000)
    expect(rtt.timeoutMs(A)).toBeCloseTo(1_020, 3)
    expect(rtt.slowAfterMs(A)).toBeCloseTo(1_020, 3)
  })

  it('never waits less than the least nor more than the longest timeout', () => {
    const rtt = make()
    for (let i = 0; i < 50; i++) rtt.sample(NEAR, 1)
    rtt.sample(FAR, 59_000)
    expect(rtt.timeoutMs(NEAR)).toBe(250)
    expect(rtt.timeoutMs(FAR)).toBe(10_000)
  })

  it('gives up a peer that failed when a new connection would have brought its answer, and no other', () => {
    const rtt = make()
    rtt.failed(A)
    expect([rtt.hasFailed(A), rtt.giveUpAfterMs(A)]).toEqual([true, rtt.timeoutMs(A)]) // no round trip is known
    for (let i = 0; i < 200; i++) rtt.sample(KNOWN, 100)
    expect([rtt.hasFailed(KNOWN), rtt.giveUpAfterMs(KNOWN)]).toEqual([false, Infinity])
    expect([rtt.hasFailed(STRANGER), rtt.giveUpAfterMs(STRANGER)]).toEqual([false, Infinity])
    expect(rtt.giveUpAfterMs(A)).toBeCloseTo(4 * 120, 0)
    for (let i = 0; i < 9; i++) rtt.failed(KNOWN)
    expect(rtt.giveUpAfterMs(KNOWN)).toBeCloseTo(4 * 120, 0) // whatever its timeout has grown to
    for (let i = 0; i < 200; i++) rtt.sample(NEAR, 1)
    rtt.failed(NEAR)
    expect(rtt.giveUpAfterMs(NEAR)).toBe(200) // a pause of its process may be as long
    rtt.answered(KNOWN)
    expect([rtt.hasFailed(KNOWN), rtt.giveUpAfterMs(KNOWN)]).toEqual([false, Infinity])
    expect(rtt.timeoutMs(KNOWN)).toBe(250)
  })

  it('leaves room for opening a connection where none stands', () => {
    const rtt = make()
    for (let i = 0; i < 200; i++) rtt.sample(A, 200)
    expect([rtt.timeoutMs(A, false), rtt.slowAfterMs(A, false)]).toEqual([880, 880])
    expect(rtt.timeoutMs(A)).toBe(250)
    expect(rtt.slowAfterMs(A)).toBeCloseTo(220, 0)
    expect(rtt.slowAfterMs(STRANGER, false)).toBeCloseTo(4 * rtt.slowAfterMs(STRANGER), 6)
    expect(rtt.timeoutMs(STRANGER, false)).toBe(rtt.timeoutMs(STRANGER)) // it has that room in any case
  })

  it('doubles the timeout with each failure and forgets that with the next answer', () => {
    const rtt = make()
    rtt.sample(A, 200)
    expect(rtt.timeoutMs(A)).toBe(600)
    rtt.failed(A)
    expect(rtt.timeoutMs(A)).toBe(1_200)
    rtt.failed(A)
    expect(rtt.timeoutMs(A)).toBe(2_400)
    for (let i = 0; i < 1_000; i++) rtt.failed(A)
    expect(rtt.timeoutMs(A)).toBe(10_000)
    rtt.sample(A, 200)
    expect(rtt.timeoutMs(A)).toBeLessThan(600)
  })

  it('backs off from a peer that never answered, too', () => {
    const rtt = make()
    rtt.failed(A)
    expect(rtt.timeoutMs(A)).toBe(10_000)
    for (let i = 0; i < 50; i++) rtt.sample(B, 50)
    const other = rtt.timeoutMs(C)
    expect(rtt.timeoutMs(A)).toBe(2 * other)
  })

  it('judges a peer that was never measured by all the others', () => {
    const rtt = make()
    for (let i = 0; i < 200; i++) rtt.sample(i % 7, 100)
    expect(rtt.timeoutMs(STRANGER)).toBeLessThan(5_000)
    expect(rtt.slowAfterMs(STRANGER)).toBeCloseTo(120, 0)
  })

  it('gives a first request time to open a connection', () => {
    const rtt = make()
    for (let i = 0; i < 200; i++) rtt.sample(KNOWN, 200)
    expect(rtt.timeoutMs(STRANGER)).toBeGreaterThanOrEqual(4 * 200)
  })

  it('never waits longer for a stranger than the options say', () => {
    const rtt = make()
    for (let i = 0; i < 20; i++) rtt.sample(FAR, 9_000)
    expect(rtt.timeoutMs(STRANGER)).toBe(5_000)
  })

  it('does not take a peer of a local network for slow at once', () => {
    const rtt = make()
    for (let i = 0; i < 100; i++) rtt.sample(A, 0.2)
    expect(rtt.slowAfterMs(A)).toBeCloseTo(20.2, 3)
  })

  it('remembers a bounded number of peers and forgets the one not heard of for longest', () => {
    const rtt = make(2)
    rtt.sample(A, 1_000)
    rtt.sample(B, 2_000)
    rtt.sample(A, 1_000)
    rtt.sample(C, 2_000)
    expect(rtt.size).toBe(2)
    const forgotten = rtt.timeoutMs(STRANGER)
    expect(rtt.timeoutMs(B)).toBe(forgotten)
    expect(rtt.timeoutMs(A)).not.toBe(forgotten)
  })

  it('stays within its bound whatever strangers do', () => {
    const rtt = make()
    for (let i = 0; i < 3 * RTT_PEERS_MAX; i++) {
      if (i % 2 === 0) rtt.sample(i, i)
      else rtt.failed(i)
    }
    expect(rtt.size).toBe(RTT_PEERS_MAX)
  })

  it('gives a usable answer after any history', () => {
    const event = fc.record({
      head: fc.constantFrom(A, B, C, D),
      rttMs: fc.option(fc.double({ min: 0, max: 120_000, noNaN: true })),
    })
    fc.assert(
      fc.property(fc.array(event), (history) => {
        const rtt = make(3)
        for (const { head, rttMs } of history) {
          if (rttMs === null) rtt.failed(head)
          else rtt.sample(head, rttMs)
        }
        for (const head of [A, B, C, D, E]) {
          expect(rtt.timeoutMs(head)).toBeGreaterThanOrEqual(250)
          expect(rtt.timeoutMs(head)).toBeLessThanOrEqual(10_000)
          expect(rtt.slowAfterMs(head)).toBeLessThanOrEqual(rtt.timeoutMs(head))
          expect(rtt.slowAfterMs(head)).toBeGreaterThanOrEqual(20)
          expect(rtt.giveUpAfterMs(head)).toBeGreaterThanOrEqual(rtt.slowAfterMs(head))
          expect(rtt.giveUpAfterMs(head)).toBeGreaterThanOrEqual(200)
        }
      }),
    )
  })
})
