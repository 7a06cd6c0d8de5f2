import type { Connection, PeerStore } from '@libp2p/interface'
import type { Contact } from '../core/contact.ts'
import type { Cancel, Clock, Instant } from '../core/ports.ts'
import { CONNECTION_IDLE_MS } from './limits.ts'

/** How often connections are looked through. ms. */
const SWEEP_MS = 30_000

/** What it takes to know which connections are not needed. */
export interface IdleConnectionsInit {
  readonly clock: Clock
  readonly peerStore: Pick<PeerStore, 'get'>
  /** Whether the contact is one that is asked again and again: its connection stays. */
  readonly isNeeded: (contact: Contact) => boolean
}

interface Opened {
  readonly contact: Contact
  /** When a stream was last seen on it. */
  usedAt: Instant
}

/**
 * Closes the connections that the DHT has opened and nobody uses: those without any stream for `CONNECTION_IDLE_MS`. libp2p
 * itself closes none before there are too many, and a lookup leads everywhere, so that a peer would come to hold hundreds.
 *
 * A peer that somebody has tagged in libp2p's peer store is wanted for more than the DHT, and keeps its connection.
 */
export class IdleConnections {
  readonly #init: IdleConnectionsInit
  /** As many as there are open; those that have closed go with the next sweep. */
  readonly #opened = new Map<Connection, Opened>()
  #cancelSweep: Cancel | undefined

  constructor(init: IdleConnectionsInit) {
    this.#init = init
  }

  /** The DHT has opened a connection, for want of one. */
  opened(connection: Connection, contact: Contact): void {
    this.#opened.set(connection, { contact, usedAt: this.#init.clock.now() })
    if (this.#cancelSweep === undefined) this.#arm()
  }

  stop(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    this.#opened.clear()
  }

  #arm(): void {
    const { clock } = this.#init
    this.#cancelSweep = clock.setAlarm(clock.now() + SWEEP_MS, () => this.#sweep())
  }

  #sweep(): void {
    const { clock, isNeeded } = this.#init
    const now = clock.now()
    for (const [connection, opened] of this.#opened) {
      if (connection.status !== 'open') this.#opened.delete(connection)
      else if (connection.streams.length > 0 || isNeeded(opened.contact)) opened.usedAt = now
      else if (now - opened.usedAt >= CONNECTION_IDLE_MS)
        void this.#closeUnlessTagged(connection, opened)
    }
    this.#cancelSweep = undefined
    if (this.#opened.size > 0) this.#arm()
  }

  async #closeUnlessTagged(connection: Connection, opened: Opened): Promise<void> {
    opened.usedAt = this.#init.clock.now() // whatever comes of this look, the next one is not soon
    if (await this.#isTagged(connection)) return
    if (connection.streams.length > 0) return // somebody was faster
    try {
      await connection.close()
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** Taken for tagged where that is not to be learnt: a connection too many is no reason for more. */
  async #isTagged({ remotePeer }: Connection): Promise<boolean> {
    try {
      return (await this.#init.peerStore.get(remotePeer)).tags.size > 0
    } catch (error) {
      return !(error instanceof Error && error.name === 'NotFoundError')
    }
  }
}
