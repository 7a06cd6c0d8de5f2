import type { LookupListeners, LookupStepOutput } from '../api/peer.ts'
import type { DhtEvent } from '../core/events.ts'
import { commonPrefixLength, type Key, toHex } from '../core/key.ts'
import type { Observer } from '../core/ports.ts'

/** Turns the events of one lookup into the steps that the API tells: with hops, times and what each answer added. */
export class LookupTrace implements Observer {
  readonly #listeners: LookupListeners
  /** At which hop and by whom each peer was first named, by id; as many as the lookup hears of. */
  readonly #named = new Map<string, Named>()
  #target: Key | undefined
  #startedAt = 0

  constructor(listeners: LookupListeners) {
    this.#listeners = listeners
  }

  observe(event: DhtEvent): void {
    switch (event.type) {
      case 'operation-start':
        this.#target = event.target
        this.#startedAt = event.at
        if (event.target !== undefined) this.#listeners.started?.(toHex(event.target))
        return
      case 'request-sent':
        this.#step('sent', event.to, event.at, {})
        return
      case 'request-answered': {
        const { id: by } = event.from
        const hop = this.#namedOf(by).hop + 1
        let added = 0
        for (const { id } of event.closer) {
          if (this.#named.has(id)) continue
          this.#named.set(id, { hop, by })
          added += 1
        }
        const contacts = event.closer.length
        this.#step('answered', event.from, event.at, { tookMs: event.rttMs, contacts, added })
        return
      }
      case 'request-failed': {
        const { type, reason } = event.failure
        const failure = reason === undefined ? type : `${type}: ${reason}`
        this.#step('failed', event.from, event.at, { tookMs: event.afterMs, failure })
        return
      }
      default:
    }
  }

  #step(
    type: LookupStepOutput['type'],
    { id, key }: { id: string; key: Key },
    at: number,
    more: Partial<LookupStepOutput>,
  ): void {
    const { hop, by } = this.#namedOf(id)
    this.#listeners.step?.({
      type,
      peer: id,
      key: toHex(key),
      namedBy: by,
      hop,
      prefixLength: this.#target === undefined ? 0 : commonPrefixLength(this.#target, key),
      atMs: at - this.#startedAt,
      tookMs: 0,
      contacts: 0,
      added: 0,
      failure: undefined,
      ...more,
    })
  }

  /** Whom nobody named stood in the own table. */
  #namedOf(id: string): Named {
    const known = this.#named.get(id)
    if (known !== undefined) return known
    const named = { hop: 1, by: undefined }
    this.#named.set(id, named)
    return named
  }
}

interface Named {
  readonly hop: number
  readonly by: string | undefined
}
