import type { Contact } from './contact.ts'
import { Lookup } from './lookup.ts'
import type { LookupInit } from './lookup-init.ts'
import type { RpcFailure, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'

/** What a search for a peer needs to know. */
export interface FindPeerInit {
  /** Its target is the peer's key. */
  readonly lookup: LookupInit
  /** The peer's id. */
  readonly id: string
  /** Whether another peer must name it, even if it stands among the seeds. Default: false. */
  readonly isFresh?: boolean
}

/** What a search for a peer found. */
export interface PeerFound {
  /** The peer with its addresses; `undefined` if nobody knew it. */
  readonly peer: Contact | undefined
  readonly answered: number
  readonly requests: number
}

/** Finds a peer's addresses: a lookup of its key that ends when somebody names it with an address. */
export class FindPeer implements Operation<PeerFound> {
  readonly #id: string
  readonly #lookup: Lookup
  #peer: Contact | undefined
  #answered = 0
  #result: PeerFound | undefined

  constructor(init: FindPeerInit) {
    this.#id = init.id
    this.#lookup = new Lookup(init.lookup)
    this.#peer = init.isFresh === true ? undefined : init.lookup.seeds.find(isPeer(init.id))
  }

  next(now: Instant): Step<PeerFound> {
    if (this.#result !== undefined) return { type: 'done', result: this.#result }
    if (this.#peer !== undefined) return this.#end()
    const step = this.#lookup.next(now)
    return step.type === 'done' ? this.#end() : step
  }

  onResponse(from: Contact, response: RpcResponse, now: Instant): void {
    if (this.#result !== undefined) return
    this.#answered += 1
    if ('closer' in response) this.#peer ??= response.closer.find(isPeer(this.#id))
    this.#lookup.onResponse(from, response, now)
  }

  onFailure(from: Contact, failure: RpcFailure, now: Instant): void {
    this.#lookup.onFailure(from, failure, now)
  }

  #end(): Step<PeerFound> {
    this.#result = {
      peer: this.#peer,
      answered: this.#answered,
      requests: this.#lookup.requests,
    }
    return { type: 'done', result: this.#result }
  }
}

function isPeer(id: string): (contact: Contact) => boolean {
  return (contact) => contact.id === id && contact.addresses.length > 0
}
