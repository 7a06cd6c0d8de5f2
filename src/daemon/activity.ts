import type { ActivityIntervalOutput, ActivityOutput } from '../api/peer.ts'
import type { DhtEvent, OperationKind } from '../core/events.ts'
import type { Instant, Observer } from '../core/ports.ts'
import { Latencies } from './latencies.ts'

/** How long an interval is. ms. */
export const ACTIVITY_INTERVAL_MS = 5_000

/** Intervals that are kept: a quarter of an hour. */
export const ACTIVITY_INTERVALS_MAX = 180

/** Counts what a peer does, interval by interval, and remembers the last quarter of an hour. */
export class Activity implements Observer {
  /** By number, the oldest first; those without any event are not there. */
  readonly #intervals = new Map<number, Interval>()

  observe(event: DhtEvent): void {
    switch (event.type) {
      case 'request-sent':
        this.#at(event.at).sent += 1
        return
      case 'request-answered': {
        const interval = this.#at(event.at)
        interval.answered += 1
        interval.roundTrip.add(event.rttMs)
        return
      }
      case 'request-failed':
        this.#at(event.at).failed += 1
        return
      case 'request-received': {
        const interval = this.#at(event.at)
        interval.received += 1
        if (event.refusal !== undefined) interval.refused += 1
        return
      }
      case 'operation-end':
        // Who ends a call early learns nothing of the network.
        if (event.result !== 'aborted') this.#ended(event)
        return
      default:
    }
  }

  /**
   * The whole intervals that began after a moment (ms since 1970; 0: all), seen at `now` on the clock of the events and
   * `wallClockMs` on the wall's.
   */
  output(afterMs: number, now: Instant, wallClockMs: number): ActivityOutput {
    const current = numberOf(now)
    const origin = wallClockMs - now
    const intervals = [...this.#intervals]
      .filter(([number]) => number < current && number >= current - ACTIVITY_INTERVALS_MAX)
      .map(([number, interval]) =>
        outputOf(interval, Math.round(origin + number * ACTIVITY_INTERVAL_MS)),
      )
      .filter(({ beganAtMs }) => beganAtMs > afterMs)
    return { intervalMs: ACTIVITY_INTERVAL_MS, intervals }
  }

  #ended({ at, kind, result, durationMs }: DhtEvent & { type: 'operation-end' }): void {
    const { operations } = this.#at(at)
    const operation = operations.get(kind) ?? { done: 0, failed: 0, duration: new Latencies() }
    operations.set(kind, operation)
    if (result === 'done') operation.done += 1
    else operation.failed += 1
    operation.duration.add(durationMs)
  }

  #at(at: Instant): Interval {
    const number = numberOf(at)
    const known = this.#intervals.get(number)
    if (known !== undefined) return known
    const interval: Interval = {
      sent: 0,
      answered: 0,
      failed: 0,
      received: 0,
      refused: 0,
      roundTrip: new Latencies(),
      operations: new Map(),
    }
    this.#intervals.set(number, interval)
    for (const old of this.#intervals.keys()) {
      if (this.#intervals.size <= ACTIVITY_INTERVALS_MAX + 1) break
      this.#intervals.delete(old)
    }
    return interval
  }
}

interface Interval {
  sent: number
  answered: number
  failed: number
  received: number
  refused: number
  readonly roundTrip: Latencies
  readonly operations: Map<OperationKind, { done: number; failed: number; duration: Latencies }>
}

function numberOf(at: Instant): number {
  return Math.floor(at / ACTIVITY_INTERVAL_MS)
}

function outputOf(interval: Interval, beganAtMs: number): ActivityIntervalOutput {
  const { sent, answered, failed, received, refused, roundTrip, operations } = interval
  return {
    beganAtMs,
    sent,
    answered,
    failed,
    received,
    refused,
    roundTrip: roundTrip.output,
    operations: [...operations].map(([kind, { done, failed: failures, duration }]) => ({
      kind,
      done,
      failed: failures,
      duration: duration.output,
    })),
  }
}
