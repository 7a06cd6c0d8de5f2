import type { Contact } from '../core/contact.ts'
import type { LookupResult } from '../core/lookup.ts'
import type { Clock } from '../core/ports.ts'
import type { RoutingTable } from '../core/routing-table.ts'
import type { OperationOptions } from './lookups.ts'
import type { RefreshDuty } from './maintenance.ts'

/** What joining brought. */
export interface JoinResult {
  /** Contacts in the table afterwards. */
  readonly contacts: number
  /** Peers found closest to the own key that answered; 0: nobody did. */
  readonly answered: number
  readonly requests: number
}

/** Joining a network (Kademlia, section 2.3). */
export class Bootstrap {
  readonly #clock: Clock
  readonly #table: RoutingTable
  readonly #refresh: RefreshDuty
  readonly #lookup: (seeds: readonly Contact[], options: OperationOptions) => Promise<LookupResult>

  constructor(init: {
    clock: Clock
    table: RoutingTable
    refresh: RefreshDuty
    /** A lookup of the own key from these seeds. */
    lookup: (seeds: readonly Contact[], options: OperationOptions) => Promise<LookupResult>
  }) {
    this.#clock = init.clock
    this.#table = init.table
    this.#refresh = init.refresh
    this.#lookup = init.lookup
  }

  async join(seeds: readonly Contact[], options: OperationOptions): Promise<JoinResult> {
    const result = await this.#lookup(seeds, options)
    options.signal?.throwIfAborted()
    if (result.closest.length > 0) await this.#refresh.refreshFarther(this.#clock.now())
    return {
      contacts: this.#table.size,
      answered: result.closest.length,
      requests: result.requests,
    }
  }
}
