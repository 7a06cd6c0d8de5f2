import { ANSWER_RECENT_MS } from './limits.ts'
import type { Instant } from './ports.ts'

/** Half of the time for which an answer counts as recent. ms. */
const SPAN_MS = ANSWER_RECENT_MS / 2

/** Peers remembered of each span; who answers beyond counts as not heard of. */
const PEERS_MAX = 4_096

/**
 * Who has answered a request of ours within the last `ANSWER_RECENT_MS`. Those of this half of that time and those of the
 * half before, so that nobody's own time need be kept: who answered longer ago than half of it may be forgotten already.
 */
export class RecentAnswers {
  /** Made with the first answer: most simulated peers are idle. */
  #now: Set<string> | undefined
  #before: Set<string> | undefined
  #span = 0

  /** The peer with this id has answered. */
  answered(id: string, now: Instant): void {
    this.#turn(now)
    this.#now ??= new Set()
    if (this.#now.size < PEERS_MAX) this.#now.add(id)
  }

  /** The peer has failed since. */
  forget(id: string): void {
    this.#now?.delete(id)
    this.#before?.delete(id)
  }

  /** Whether the peer with this id has answered so lately, and not failed since. */
  has(id: string, now: Instant): boolean {
    this.#turn(now)
    return this.#now?.has(id) === true || this.#before?.has(id) === true
  }

  #turn(now: Instant): void {
    const span = Math.floor(now / SPAN_MS)
    if (span === this.#span) return
    this.#before = span === this.#span + 1 ? this.#now : undefined
    this.#now = undefined
    this.#span = span
  }
}
