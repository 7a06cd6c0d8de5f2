import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RTT_PEERS_MAX } from '../../src/core/limits.ts'
import { RttEstimator } from '../../src/core/rtt-estimator.ts'

const options = { requestTimeoutMs: 5_000, requestTimeoutMinMs: 250, requestTimeoutMaxMs: 10_000 }

function make(peersMax?: number): RttEstimator {
  return new RttEstimator(peersMax === undefined ? { options } : { options, peersMax })
}

describe('RttEstimator', () => {
  it('waits as long as the options say while no round trip is known', () => {
    const rtt = make()
    expect(rtt.timeoutMs('a')).toBe(5_000)
    expect(rtt.slowAfterMs('a')).toBe(1_000)
    expect(rtt.size).toBe(0)
  })

  it('follows RFC 6298: 3 times the first sample, then mean and four deviations', () => {
    const rtt = make()
    rtt.sample('a', 400)
    expect(rtt.timeoutMs('a')).toBe(400 + 4 * 200)
    rtt.sample('a', 480)
    // deviation = 3/4 · 200 + 1/4 · |480 − 400|, mean = 7/8 · 400 + 1/8 · 480
    expect(rtt.timeoutMs('a')).toBe(410 + 4 * 170)
    expect(rtt.slowAfterMs('a')).toBe(410 + 2 * 170)
  })

  it('expects less deviation from a peer that answers evenly', () => {
    const rtt = make()
    for (let i = 0; i < 100; i++) rtt.sample('a', 1_000)
    expect(rtt.timeoutMs('a')).toBeCloseTo(1_000, 3)
    expect(rtt.slowAfterMs('a')).toBeCloseTo(1_000, 3)
  })

  it('never waits less than the least nor more than the longest timeout', () => {
    const rtt = make()
    for (let i = 0; i < 50; i++) rtt.sample('near', 1)
    rtt.sample('far', 59_000)
    expect(rtt.timeoutMs('near')).toBe(250)
    expect(rtt.timeoutMs('far')).toBe(10_000)
  })

  it('doubles the timeout with each failure and forgets that with the next answer', () => {
    const rtt = make()
    rtt.sample('a', 200)
    expect(rtt.timeoutMs('a')).toBe(600)
    rtt.failed('a')
    expect(rtt.timeoutMs('a')).toBe(1_200)
    rtt.failed('a')
    expect(rtt.timeoutMs('a')).toBe(2_400)
    for (let i = 0; i < 1_000; i++) rtt.failed('a')
    expect(rtt.timeoutMs('a')).toBe(10_000)
    rtt.sample('a', 200)
    expect(rtt.timeoutMs('a')).toBeLessThan(600)
  })

  it('backs off from a peer that never answered, too', () => {
    const rtt = make()
    rtt.failed('a')
    expect(rtt.timeoutMs('a')).toBe(10_000)
    for (let i = 0; i < 50; i++) rtt.sample('b', 50)
    const other = rtt.timeoutMs('c')
    expect(rtt.timeoutMs('a')).toBe(2 * other)
  })

  it('judges a peer that was never measured by all the others', () => {
    const rtt = make()
    for (let i = 0; i < 200; i++) rtt.sample(`peer ${i % 7}`, 100)
    expect(rtt.timeoutMs('stranger')).toBeLessThan(5_000)
    expect(rtt.slowAfterMs('stranger')).toBeCloseTo(100, 0)
  })

  it('gives a first request time to open a connection', () => {
    const rtt = make()
    for (let i = 0; i < 200; i++) rtt.sample('known', 200)
    expect(rtt.timeoutMs('stranger')).toBeGreaterThanOrEqual(4 * 200)
  })

  it('never waits longer for a stranger than the options say', () => {
    const rtt = make()
    for (let i = 0; i < 20; i++) rtt.sample('far', 9_000)
    expect(rtt.timeoutMs('stranger')).toBe(5_000)
  })

  it('does not take a peer of a local network for slow at once', () => {
    const rtt = make()
    for (let i = 0; i < 100; i++) rtt.sample('a', 0.2)
    expect(rtt.slowAfterMs('a')).toBe(20)
  })

  it('remembers a bounded number of peers and forgets the one not heard of for longest', () => {
    const rtt = make(2)
    rtt.sample('a', 1_000)
    rtt.sample('b', 2_000)
    rtt.sample('a', 1_000)
    rtt.sample('c', 2_000)
    expect(rtt.size).toBe(2)
    const forgotten = rtt.timeoutMs('stranger')
    expect(rtt.timeoutMs('b')).toBe(forgotten)
    expect(rtt.timeoutMs('a')).not.toBe(forgotten)
  })

  it('stays within its bound whatever strangers do', () => {
    const rtt = make()
    for (let i = 0; i < 3 * RTT_PEERS_MAX; i++) {
      if (i % 2 === 0) rtt.sample(`peer ${i}`, i)
      else rtt.failed(`peer ${i}`)
    }
    expect(rtt.size).toBe(RTT_PEERS_MAX)
  })

  it('gives a usable answer after any history', () => {
    const event = fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      rttMs: fc.option(fc.double({ min: 0, max: 120_000, noNaN: true })),
    })
    fc.assert(
      fc.property(fc.array(event), (history) => {
        const rtt = make(3)
        for (const { id, rttMs } of history) {
          if (rttMs === null) rtt.failed(id)
          else rtt.sample(id, rttMs)
        }
        for (const id of ['a', 'b', 'c', 'd', 'e']) {
          expect(rtt.timeoutMs(id)).toBeGreaterThanOrEqual(250)
          expect(rtt.timeoutMs(id)).toBeLessThanOrEqual(10_000)
          expect(rtt.slowAfterMs(id)).toBeLessThanOrEqual(rtt.timeoutMs(id))
          expect(rtt.slowAfterMs(id)).toBeGreaterThanOrEqual(20)
        }
      }),
    )
  })
})
