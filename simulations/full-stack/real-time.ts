import { EventQueue, type SimEvent } from '../engine/event-queue.ts'

/** Progress is told so often. ms. */
const PROGRESS_MS = 500

/**
 * Time that passes by itself. What is to happen happens while somebody waits in `run` or `until`, as in virtual time, and there
 * is one timer at most, which ends with the wait.
 */
export class RealTime {
  readonly #startedAt = performance.now()
  readonly #queue = new EventQueue()
  #scheduled = 0
  #toldAt = 0
  /** Called twice a second while somebody waits. What it throws ends the wait. */
  onProgress: ((now: number) => void) | undefined

  /** Since the start. ms. */
  get now(): number {
    return performance.now() - this.#startedAt
  }

  /** Does something at a moment, or as soon as somebody waits after it. */
  at(time: number, action: () => void): void {
    this.#queue.push(time, this.#scheduled++, new Action(action))
  }

  /** Waits until `time`. */
  async run(time: number): Promise<void> {
    while (this.#doWhatIsDue() < time) await this.#wait(time)
  }

  /** Waits until the promise has settled. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false
    const settled = promise.finally(() => {
      isSettled = true
    })
    const woken = settled.then(ignore, ignore) // whoever gets `settled` below hears of a failure
    while (!isSettled) {
      this.#doWhatIsDue()
      await this.#wait(Infinity, woken)
    }
    return settled
  }

  /** Returns what the time is. */
  #doWhatIsDue(): number {
    const { now } = this
    while (this.#queue.nextTime() <= now) this.#queue.pop()?.fire()
    if (now - this.#toldAt >= PROGRESS_MS) {
      this.#toldAt = now
      this.onProgress?.(now)
    }
    return now
  }

  /** Waits for the next thing to do, for `time`, or for `woken`; not long in any case. */
  async #wait(time: number, woken?: Promise<void>): Promise<void> {
    const ms = Math.min(PROGRESS_MS, Math.max(0, Math.min(time, this.#queue.nextTime()) - this.now))
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, Math.ceil(ms))
    await (woken === undefined ? promise : Promise.race([promise, woken]))
    clearTimeout(timer)
  }
}

/** Something that a scenario does. */
class Action implements SimEvent {
  readonly isCancelled = false
  readonly #act: () => void

  constructor(act: () => void) {
    this.#act = act
  }

  fire(): boolean {
    this.#act()
    return true
  }
}

function ignore(): void {
  // The wait is over, whichever way.
}
