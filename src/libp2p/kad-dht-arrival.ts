import { KadmiumError } from '../core/errors.ts'

/** What it takes to arrive. */
export interface ArrivalInit {
  /** Whether the routing table has a peer. */
  readonly isAmongPeers: () => boolean
  /** Looks up the own key. */
  readonly join: () => Promise<unknown>
  /** Whether queries wait at all. */
  readonly waits: boolean
}

/**
 * Queries wait until the peer knows another and has looked up its own key, so that programs can dial a first peer and ask at
 * once. The peer joins as soon as it meets the first one, whoever dialled whom.
 */
export class Arrival {
  readonly #init: ArrivalInit
  readonly #waiting = new Set<() => void>()
  #joining: Promise<unknown> | undefined
  #stopped = new AbortController()

  constructor(init: ArrivalInit) {
    this.#init = init
  }

  /** A peer has come into the routing table. */
  met(): void {
    // Not within the event: the table is about to change.
    queueMicrotask(() => {
      void this.#joinOnce()
    })
  }

  /** The peer has stopped: nobody waits any longer, and after another start it joins again. */
  left(): void {
    this.#stopped.abort(new KadmiumError('ERR_CLOSED', 'the peer stopped'))
    this.#stopped = new AbortController()
    this.#joining = undefined
  }

  /** @throws the signal's reason; KadmiumError `ERR_CLOSED` when the peer stops. */
  async wait(given: AbortSignal): Promise<void> {
    given.throwIfAborted()
    const signal = AbortSignal.any([given, this.#stopped.signal])
    if (!this.#init.waits) return
    if (!this.#init.isAmongPeers()) {
      await until(signal, (wake) => {
        this.#waiting.add(wake)
        return () => this.#waiting.delete(wake)
      })
    }
    const joining = this.#joinOnce()
    await until(signal, (wake) => {
      joining.then(wake, wake)
      return () => {}
    })
  }

  /** Without an answer queries go on all the same: they tell better what is wrong. */
  #joinOnce(): Promise<unknown> {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
    this.#joining ??= this.#init.join().catch(() => {
      this.#joining = undefined
    })
    return this.#joining
  }
}

/** Waits until it is woken or the signal aborts. */
async function until(
  signal: AbortSignal,
  subscribe: (wake: () => void) => () => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const unsubscribe = subscribe(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    function onAbort(): void {
      unsubscribe()
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the caller's own reason, unchanged
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
