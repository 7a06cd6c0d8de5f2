import type { Contact } from '../core/contact.ts'
import type { Instant } from '../core/ports.ts'
import type { RoutingTable } from '../core/routing-table.ts'
import type { Duty } from './maintenance.ts'

/** Contacts asked again at once. */
const RETRIES_AT_ONCE = 8

/**
 * Asks contacts that failed again, after ever longer pauses (Kademlia, section 4.1), until they answer or have failed often
 * enough to count as gone. Left to chance, a dead contact would take an hour for each failure, and be named to others all the
 * while.
 */
export class RetryDuty implements Duty {
  readonly name = 'retry'
  readonly #table: RoutingTable
  readonly #ask: (contact: Contact) => Promise<void>

  constructor(init: {
    table: RoutingTable
    /** Sends one request and tells the table how it ended; never rejects. */
    ask: (contact: Contact) => Promise<void>
  }) {
    this.#table = init.table
    this.#ask = init.ask
  }

  nextDueAt(_now: Instant): Instant {
    return this.#table.nextRetryAt()
  }

  async run(now: Instant): Promise<void> {
    const due = this.#table.retryDue(now).slice(0, RETRIES_AT_ONCE)
    await Promise.all(due.map(this.#ask))
  }
}
