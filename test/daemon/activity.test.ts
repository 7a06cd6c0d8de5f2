import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OperationKind } from '../../src/core/events.ts'
import {
  ACTIVITY_INTERVAL_MS,
  ACTIVITY_INTERVALS_MAX,
  Activity,
} from '../../src/daemon/activity.ts'
import { Latencies } from '../../src/daemon/latencies.ts'

/** The wall clock at the moment 0 of the events' clock. */
const ORIGIN = 1_700_000_000_000

describe('what a peer did of late', () => {
  it('is told in whole intervals, with the time at which each began', () => {
    const activity = new Activity()
    ended(activity, 10, 'get', 'done', 4)
    ended(activity, ACTIVITY_INTERVAL_MS + 1, 'put', 'failed', 9)
    expect(at(activity, ACTIVITY_INTERVAL_MS - 1).intervals).toEqual([])
    expect(at(activity, ACTIVITY_INTERVAL_MS + 2).intervals).toMatchObject([
      { beganAtMs: ORIGIN, operations: [{ kind: 'get', done: 1, failed: 0 }] },
    ])
    expect(at(activity, 2 * ACTIVITY_INTERVAL_MS, ORIGIN).intervals).toMatchObject([
      {
        beganAtMs: ORIGIN + ACTIVITY_INTERVAL_MS,
        operations: [{ kind: 'put', done: 0, failed: 1, duration: { count: 1 } }],
      },
    ])
  })

  it('does not count calls that their caller ended', () => {
    const activity = new Activity()
    ended(activity, 10, 'get', 'aborted', 4)
    expect(at(activity, ACTIVITY_INTERVAL_MS).intervals).toEqual([])
  })

  it('is forgotten after a quarter of an hour', () => {
    const activity = new Activity()
    for (let i = 0; i < 3 * ACTIVITY_INTERVALS_MAX; i++) {
      ended(activity, i * ACTIVITY_INTERVAL_MS, 'get', 'done', 1)
    }
    const now = 3 * ACTIVITY_INTERVALS_MAX * ACTIVITY_INTERVAL_MS
    expect(at(activity, now).intervals).toHaveLength(ACTIVITY_INTERVALS_MAX)
    expect(at(activity, 2 * now).intervals).toEqual([])
  })
})

describe('latencies', () => {
  it('are right to within a twentieth, whatever their number', () => {
    const durations = fc.array(fc.double({ min: 0.1, max: 500_000, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(durations, (given) => {
        const latencies = new Latencies()
        for (const duration of given) latencies.add(duration)
        const sorted = [...given].sort((a, b) => a - b)
        const { count, p50Ms, p95Ms } = latencies.output
        expect(count).toBe(given.length)
        for (const [share, told] of [
          [0.5, p50Ms],
          [0.95, p95Ms],
        ] as const) {
          const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0
          expect(Math.abs(told / exact - 1)).toBeLessThanOrEqual(0.05)
        }
      }),
    )
  })

  it('are zero without any', () => {
    expect(new Latencies().output).toEqual({ count: 0, p50Ms: 0, p95Ms: 0 })
  })
})

function ended(
  activity: Activity,
  moment: number,
  kind: OperationKind,
  result: 'done' | 'failed' | 'aborted',
  durationMs: number,
): void {
  const event = { type: 'operation-end', operation: 1, requests: 1 } as const
  activity.observe({ ...event, at: moment, kind, result, durationMs })
}

function at(activity: Activity, now: number, afterMs = 0): ReturnType<Activity['output']> {
  return activity.output(afterMs, now, ORIGIN + now)
}
