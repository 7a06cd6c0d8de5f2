import type { Cancel, Clock, Instant, UnixMs } from '../core/ports.ts'

/** The longest time that a Node timer can wait. ms. */
const TIMER_MAX_MS = 2 ** 31 - 1

interface Alarm {
  readonly at: Instant
  readonly fire: () => void
  /** Where it stands in the heap; -1: it has fired or was taken back. */
  index: number
}

/**
 * The system's clock. All alarms share one timer: a peer sets one for every request, and nearly all are taken back.
 *
 * Taking back an alarm leaves the timer as it is; when it goes off early it is set anew. So the timer is touched seldom.
 *
 * Alarms fire when what has arrived by then was read: a process that was busy for a while must not take those for late whose
 * answers lie in its sockets.
 */
export class SystemClock implements Clock {
  /** A binary heap by `at`. */
  readonly #alarms: Alarm[] = []
  #timer: NodeJS.Timeout | undefined
  #timerAt: Instant = Number.POSITIVE_INFINITY
  #immediate: NodeJS.Immediate | undefined

  now(): Instant {
    return performance.now()
  }

  wallClock(): UnixMs {
    return Date.now()
  }

  setAlarm(at: Instant, fire: () => void): Cancel {
    const alarm: Alarm = { at, fire, index: this.#alarms.length }
    if (alarm.index === 0) this.#timer?.ref()
    this.#alarms.push(alarm)
    this.#rise(alarm)
    if (at < this.#timerAt) this.#setTimer(at)
    return () => this.#remove(alarm)
  }

  /** Takes back every alarm. */
  close(): void {
    for (const alarm of this.#alarms) alarm.index = -1
    this.#alarms.length = 0
    this.#clearTimer()
  }

  #setTimer(at: Instant): void {
    clearTimeout(this.#timer)
    this.#timerAt = at
    const delay = Math.min(Math.max(0, Math.ceil(at - performance.now())), TIMER_MAX_MS)
    this.#timer = setTimeout(() => this.#ring(), delay)
  }

  #clearTimer(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  /** Between timers and immediates Node reads what its sockets hold. */
  #ring(): void {
    this.#immediate = setImmediate(() => this.#fire())
  }

  #fire(): void {
    this.#clearTimer()
    const now = performance.now() // alarms set while others fire wait for the next turn
    try {
      for (
        let next = this.#alarms[0];
        next !== undefined && next.at <= now;
        next = this.#alarms[0]
      ) {
        this.#remove(next)
        next.fire()
      }
    } finally {
      const first = this.#alarms[0]
      if (first !== undefined && first.at < this.#timerAt) this.#setTimer(first.at)
    }
  }

  #remove(alarm: Alarm): void {
    const { index } = alarm
    if (index === -1) return
    alarm.index = -1
    const last = this.#alarms.pop()
    if (last !== undefined && last !== alarm) {
      this.#put(last, index)
      this.#rise(last)
      this.#sink(last)
    }
    // Nothing is awaited: the timer may still go off once, but must not keep the process alive.
    if (this.#alarms.length === 0) this.#timer?.unref()
  }

  #rise(alarm: Alarm): void {
    while (alarm.index > 0) {
      const parent = this.#alarms[(alarm.index - 1) >> 1] as Alarm // index > 0
      if (parent.at <= alarm.at) return
      const { index } = alarm
      this.#put(alarm, parent.index)
      this.#put(parent, index)
    }
  }

  #sink(alarm: Alarm): void {
    for (;;) {
      const left = this.#alarms[2 * alarm.index + 1]
      const right = this.#alarms[2 * alarm.index + 2]
      const child = right !== undefined && left !== undefined && right.at < left.at ? right : left
      if (child === undefined || child.at >= alarm.at) return
      const { index } = alarm
      this.#put(alarm, child.index)
      this.#put(child, index)
    }
  }

  #put(alarm: Alarm, index: number): void {
    this.#alarms[index] = alarm
    alarm.index = index
  }
}
