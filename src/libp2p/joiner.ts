import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import type { Cancel, Clock, Random } from '../core/ports.ts'
import type { JoinResult } from '../node/bootstrap.ts'

/** First pause after nobody answered; doubles with each further time. ms. */
const RETRY_FIRST_MS = 1_000
/** Longest such pause. ms. */
const RETRY_MAX_MS = 60_000
/** How often a joined peer looks whether it still knows anyone. ms. */
const CHECK_MS = 60_000
/** A peer that knows fewer than k others joins again so often: the network may really be so small. ms. */
const REJOIN_MS = 10 * 60_000

/** What joining needs. */
export interface JoinerInit {
  readonly clock: Clock
  readonly random: Random
  /** Contacts wanted in the table. */
  readonly k: number
  readonly contacts: () => number
  readonly seeds: (signal: AbortSignal) => Promise<readonly Contact[]>
  readonly join: (seeds: readonly Contact[], signal: AbortSignal) => Promise<JoinResult>
  /** Joining failed in a way that the next try may mend. */
  readonly onError: (error: unknown) => void
}

/**
 * Joins the network and comes back to it: at once when started, with growing pauses until somebody answers, and again
 * whenever the table has run empty.
 */
export class Joiner {
  readonly #init: JoinerInit
  readonly #stopped = new AbortController()
  #running: Promise<JoinResult> | undefined
  #cancel: Cancel | undefined
  #retryMs = RETRY_FIRST_MS
  #joinedAt = Number.NEGATIVE_INFINITY

  constructor(init: JoinerInit) {
    this.#init = init
  }

  /** Begins in the background. */
  start(): void {
    this.join().catch((error: unknown) => this.#init.onError(error))
  }

  stop(): void {
    this.#stopped.abort(new KadmiumError('ERR_CLOSED', 'the peer stopped'))
    this.#cancel?.()
  }

  /** Joins now, or waits for the attempt that is under way. */
  join(): Promise<JoinResult> {
    this.#running ??= this.#attempt().finally(() => {
      this.#running = undefined
      this.#schedule()
    })
    return this.#running
  }

  async #attempt(): Promise<JoinResult> {
    const { signal } = this.#stopped
    signal.throwIfAborted()
    const seeds = await this.#init.seeds(signal)
    const result = await this.#init.join(seeds, signal)
    if (result.answered > 0) {
      this.#joinedAt = this.#init.clock.now()
      this.#retryMs = RETRY_FIRST_MS
    }
    return result
  }

  #schedule(): void {
    if (this.#stopped.signal.aborted) return
    this.#cancel?.()
    const { clock, random } = this.#init
    const isJoined = this.#init.contacts() > 0
    const pauseMs = isJoined ? CHECK_MS : this.#retryMs
    if (!isJoined) this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MAX_MS)
    // Peers that lost one bootstrap node at one time must not come back to it at one time.
    this.#cancel = clock.setAlarm(clock.now() + pauseMs * (0.75 + random.fraction() / 2), () => {
      this.#cancel = undefined
      this.#check()
    })
  }

  #check(): void {
    const { clock, contacts, k } = this.#init
    const known = contacts()
    const isDue = known === 0 || (known < k && clock.now() - this.#joinedAt >= REJOIN_MS)
    if (isDue) this.start()
    else this.#schedule()
  }
}
