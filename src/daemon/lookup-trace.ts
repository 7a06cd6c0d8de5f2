import type { LookupStepOutput } from '../api/peer.ts'
import type { DhtEvent } from '../core/events.ts'
import { commonPrefixLength, type Key } from '../core/key.ts'
import type { Observer } from '../core/ports.ts'

/** Turns the events of one lookup into the steps that the API tells: with hops, times and what each answer added. */
export class LookupTrace implements Observer {
  readonly #tell: (step: LookupStepOutput) => void
  /** The hop at which each peer was first heard of, by id; as many as the lookup hears of. */
  readonly #hops = new Map<string, number>()
  #target: Key | undefined
  #startedAt = 0

  constructor(tell: (step: LookupStepOutput) => void) {
    this.#tell = tell
  }

  observe(event: DhtEvent): void {
    switch (event.type) {
      case 'operation-start':
        this.#target = event.target
        this.#startedAt = event.at
        return
      case 'request-sent':
        this.#step('sent', event.to, event.at, {})
        return
      case 'request-answered': {
        const hop = this.#hopOf(event.from.id)
        let added = 0
        for (const { id } of event.closer) {
          if (this.#hops.has(id)) continue
          this.#hops.set(id, hop + 1)
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
    this.#tell({
      type,
      peer: id,
      hop: this.#hopOf(id),
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
  #hopOf(id: string): number {
    const known = this.#hops.get(id)
    if (known !== undefined) return known
    this.#hops.set(id, 1)
    return 1
  }
}
