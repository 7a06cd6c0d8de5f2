import type { Instant } from '../core/ports.ts'

/** Grants a number of requests a second, and bursts of more after a rest. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #at: Instant

  constructor(perSecond: number, burst: number, now: Instant) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Takes one token if there is one. */
  take(now: Instant): boolean {
    if (this.#tokens < 1) this.#refill(now)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** When there will be `tokens` to take. */
  readyAt(tokens: number, now: Instant): Instant {
    this.#refill(now)
    return now + Math.max(0, tokens - this.#tokens) / this.#perMs
  }

  #refill(now: Instant): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
  }
}
