import type { Contact } from './contact.ts'
import { Lookup } from './lookup.ts'
import type { LookupInit } from './lookup-init.ts'
import type { RpcFailure, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'

/** What a search for providers needs to know. */
export interface FindProvidersInit {
  /** Its request is a GET_PROVIDERS. */
  readonly lookup: LookupInit
  /** Providers known already, from the own store. */
  readonly local: readonly Contact[]
  /** Providers that end the search. */
  readonly wanted: number
  /** Called for each provider when it is first heard of. */
  readonly found?: (provider: Contact) => void
}

/** What a search for providers found. */
export interface ProvidersFound {
  /** In the order in which they were heard of; at most `wanted`. */
  readonly providers: readonly Contact[]
  /** Whether all of the closest peers were asked. */
  readonly complete: boolean
  readonly answered: number
  readonly requests: number
}

/** Finds who provides something: a lookup that collects providers and ends when there are enough. */
export class FindProviders implements Operation<ProvidersFound> {
  readonly #init: FindProvidersInit
  readonly #lookup: Lookup
  /** At most `wanted`, by peer id. */
  readonly #providers = new Map<string, Contact>()
  #answered = 0
  #result: ProvidersFound | undefined

  constructor(init: FindProvidersInit) {
    this.#init = init
    this.#lookup = new Lookup(init.lookup)
    for (const provider of init.local) this.#hear(provider)
  }

  next(now: Instant): Step<ProvidersFound> {
    if (this.#result !== undefined) return { type: 'done', result: this.#result }
    if (this.#providers.size >= this.#init.wanted) return this.#end(false)
    const step = this.#lookup.next(now)
    return step.type === 'done' ? this.#end(step.result.complete) : step
  }

  onResponse(from: Contact, response: RpcResponse, now: Instant): void {
    if (this.#result !== undefined) return
    this.#answered += 1
    if (response.type === 'get-providers') {
      for (const provider of response.providers) this.#hear(provider)
    }
    this.#lookup.onResponse(from, response, now)
  }

  onFailure(from: Contact, failure: RpcFailure, now: Instant): void {
    this.#lookup.onFailure(from, failure, now)
  }

  #hear(provider: Contact): void {
    const known = this.#providers.get(provider.id)
    if (known === undefined && this.#providers.size >= this.#init.wanted) return
    // A provider that came without addresses is worth less than the same one with some.
    if (known !== undefined && known.addresses.length >= provider.addresses.length) return
    this.#providers.set(provider.id, provider)
    if (known === undefined) this.#init.found?.(provider)
  }

  #end(complete: boolean): Step<ProvidersFound> {
    this.#result = {
      providers: [...this.#providers.values()],
      complete,
      answered: this.#answered,
      requests: this.#lookup.requests,
    }
    return { type: 'done', result: this.#result }
  }
}
