import type { Cancel, Clock } from '../../src/core/ports.ts'

/** When the tests' wall clock begins. */
const EPOCH_MS = 1_800_000_000_000

/** Virtual time: what is scheduled happens in order of time, then of scheduling, when a test lets time pass. */
export class VirtualClock implements Clock {
  #now = 0
  #order = 0
  /** How far the wall clock is ahead of what passed. */
  aheadMs = 0
  readonly #pending: { at: number; order: number; fire: () => void }[] = []

  now(): number {
    return this.#now
  }

  wallClock(): number {
    return EPOCH_MS + this.#now + this.aheadMs
  }

  /** Alarms set and not yet gone off. */
  get alarms(): number {
    return this.#pending.length
  }

  setAlarm(at: number, fire: () => void): Cancel {
    const alarm = { at: Math.max(at, this.#now), order: this.#order++, fire }
    this.#pending.push(alarm)
    return () => {
      const index = this.#pending.indexOf(alarm)
      if (index >= 0) this.#pending.splice(index, 1)
    }
  }

  /** Lets `ms` pass, and everything happen that is due meanwhile. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await drainMicrotasks()
    for (;;) {
      const next = this.#next()
      if (next === undefined || next.at > end) break
      this.#pending.splice(this.#pending.indexOf(next), 1)
      this.#now = next.at
      next.fire()
      await drainMicrotasks()
    }
    this.#now = end
  }

  /** Lets time pass until the promise has settled. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false
    const settled = promise.finally(() => {
      isSettled = true
    })
    settled.catch(() => undefined) // whoever awaits `settled` below hears of it
    for (let i = 0; i < 1_000_000; i++) {
      await drainMicrotasks()
      if (isSettled) return settled
      const next = this.#next()
      if (next === undefined) throw new Error('nothing is left to happen, and the promise waits')
      await this.pass(next.at - this.#now)
    }
    throw new Error('the promise does not settle')
  }

  #next(): { at: number; order: number; fire: () => void } | undefined {
    let next = this.#pending[0]
    for (const alarm of this.#pending) {
      if (next === undefined) next = alarm
      else if (alarm.at < next.at || (alarm.at === next.at && alarm.order < next.order))
        next = alarm
    }
    return next
  }
}

function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
