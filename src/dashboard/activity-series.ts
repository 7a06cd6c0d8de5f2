import type { ActivityInterval, ActivityResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'

/** Lines over a common time: what a chart draws. `null` leaves a gap. */
export interface Series {
  /** Seconds since 1970, the middle of each interval. */
  readonly times: readonly number[]
  readonly lines: readonly (readonly (number | null)[])[]
}

/** The charts of a peer's activity. */
export interface ActivitySeries {
  /** Requests per second: sent, received, failed. */
  readonly rates: Series
  /** ms: the median and the 95th percentile of the round trips. */
  readonly roundTrips: Series
  /** ms: the median of each of get, put and lookup. */
  readonly operations: Series
}

/** How far back the charts go, ms. */
const SPAN_MS = 15 * 60_000

/** The operations that a user starts, in the order of their lines. */
const KINDS = ['get', 'put', 'find-node'] as const

/** Lays the intervals on an even time that ends with the last one that is whole; what was not told of is nothing, not a gap. */
export function seriesOf({ intervalMs, intervals }: ActivityResponse, now: number): ActivitySeries {
  const slots = slotsOf(intervalMs, intervals, now)
  const times = slots.map(({ beganAtMs }) => (beganAtMs + intervalMs / 2) / 1_000)
  const perSecond = (pick: (interval: ActivityInterval) => number): number[] =>
    slots.map(({ interval }) =>
      interval === undefined ? 0 : (pick(interval) * 1_000) / intervalMs,
    )
  const latency = (name: 'p50Ms' | 'p95Ms'): (number | null)[] =>
    slots.map(({ interval }) => (interval?.roundTrip?.count ? interval.roundTrip[name] : null))
  const median = (kind: string): (number | null)[] =>
    slots.map(({ interval }) => {
      const operation = interval?.operations.find((one) => one.kind === kind)
      return operation?.duration?.count ? operation.duration.p50Ms : null
    })
  return {
    rates: {
      times,
      lines: [
        perSecond(({ sent }) => sent),
        perSecond(({ received }) => received),
        perSecond(({ failed }) => failed),
      ],
    },
    roundTrips: { times, lines: [latency('p50Ms'), latency('p95Ms')] },
    operations: { times, lines: KINDS.map(median) },
  }
}

/** The value of the last interval that has one. */
export function latest(line: readonly (number | null)[]): number | undefined {
  return line.findLast((value) => value !== null) ?? undefined
}

function slotsOf(
  intervalMs: number,
  intervals: readonly ActivityInterval[],
  now: number,
): { beganAtMs: number; interval: ActivityInterval | undefined }[] {
  const length = Math.max(1, intervalMs)
  const last = Number(intervals.at(-1)?.beganAtMs ?? now - length)
  // The daemon's clock need not be ours: its last interval is at most one that goes on, and then only quiet ones follow.
  const quiet = Math.max(0, Math.floor((now - last) / length) - 1)
  const end = last + Math.min(quiet, SPAN_MS / length) * length
  const byNumber = new Map(
    intervals.map((interval) => [
      Math.round((Number(interval.beganAtMs) - end) / length),
      interval,
    ]),
  )
  return Array.from({ length: Math.floor(SPAN_MS / length) }, (_, i) => {
    const number = i - Math.floor(SPAN_MS / length) + 1
    return { beganAtMs: end + number * length, interval: byNumber.get(number) }
  })
}
