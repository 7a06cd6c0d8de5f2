import type {
  Connection,
  Libp2pEvents,
  PeerId,
  PeerStore,
  TypedEventTarget,
} from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Contact } from '../core/contact.ts'
import type { Clock, Instant } from '../core/ports.ts'
import type { Connections } from './connections.ts'
import type { ContactBook } from './contacts.ts'

/** A message of a server is told to the table at most so often. ms. */
const HEARD_INTERVAL_MS = 1_000

interface Known {
  readonly contact: Contact
  heardAt: Instant
}

/** What it takes to know who serves. */
export interface ServersInit {
  readonly registrar: Registrar
  readonly peerStore: PeerStore
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly connections: Connections
  readonly contacts: ContactBook
  readonly clock: Clock
  readonly protocol: string
  /** A server showed up, or was heard of again. */
  readonly onSeen: (contact: Contact) => void
  /** A peer no longer serves. */
  readonly onLeft: (id: string) => void
}

/**
 * The connected peers that serve the protocol, as identify tells, with their own word on their addresses. A peer that
 * disconnects is forgotten here, not in the routing table: it can be dialled again.
 */
export class Servers {
  readonly #init: ServersInit
  /** At most one for each connection. */
  readonly #known = new Map<string, Known>()
  /** Senders that are no servers, or not identified yet: contacts without addresses. One for each connection. */
  readonly #others = new Map<string, Contact>()
  #topology: string | undefined

  constructor(init: ServersInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    const { registrar, events, protocol } = this.#init
    events.addEventListener('peer:disconnect', this.#onPeerDisconnect)
    this.#topology = await registrar.register(protocol, {
      onConnect: (peerId, connection) => this.#onConnect(peerId, connection),
      onDisconnect: (peerId) => this.#onProtocolGone(peerId),
    })
  }

  stop(): void {
    const { registrar, events } = this.#init
    events.removeEventListener('peer:disconnect', this.#onPeerDisconnect)
    if (this.#topology !== undefined) registrar.unregister(this.#topology)
    this.#topology = undefined
    this.#known.clear()
    this.#others.clear()
  }

  /** The contact that stands for the sender on a connection. A server's message is told to the table. */
  senderOf(connection: Connection): Contact {
    const id = connection.remotePeer.toString()
    const known = this.#known.get(id)
    if (known === undefined) return this.#otherOf(id, connection.remotePeer)
    const now = this.#init.clock.now()
    if (now - known.heardAt >= HEARD_INTERVAL_MS) {
      known.heardAt = now
      this.#init.onSeen(known.contact)
    }
    return known.contact
  }

  #otherOf(id: string, peerId: PeerId): Contact {
    const present = this.#others.get(id)
    if (present !== undefined) return present
    const contact = this.#init.contacts.contactOfPeer(peerId, [])
    if (contact === undefined) throw new Error(`no contact can be made of the peer id ${id}`)
    this.#others.set(id, contact)
    return contact
  }

  /** Identify has told that the peer serves the protocol. */
  async #onConnect(peerId: PeerId, connection: Connection): Promise<void> {
    const addresses = await this.#addressesOf(peerId, connection)
    const contact = this.#init.contacts.contactOfPeer(peerId, addresses)
    if (contact === undefined || this.#topology === undefined) return
    // It may have gone meanwhile; then nobody would take it out again.
    if (this.#init.connections.has(contact.id)) {
      this.#others.delete(contact.id)
      this.#known.set(contact.id, { contact, heardAt: this.#init.clock.now() })
    }
    this.#init.onSeen(contact)
  }

  /** The address that has just worked, those that the peer signed, then those that it said. */
  async #addressesOf(peerId: PeerId, connection: Connection): Promise<readonly Multiaddr[]> {
    const dialled = connection.direction === 'outbound' ? [connection.remoteAddr] : []
    try {
      const { addresses } = await this.#init.peerStore.get(peerId)
      const certified = addresses.filter(({ isCertified }) => isCertified)
      const others = addresses.filter(({ isCertified }) => !isCertified)
      return [...dialled, ...[...certified, ...others].map(({ multiaddr }) => multiaddr)]
    } catch (error) {
      if (error instanceof Error && error.name === 'NotFoundError') return dialled
      throw error
    }
  }

  /** Called when a peer drops the protocol, and also when it disconnects. */
  async #onProtocolGone(peerId: PeerId): Promise<void> {
    const id = peerId.toString()
    if (!this.#init.connections.has(id)) return
    const peer = await this.#init.peerStore.get(peerId)
    if (peer.protocols.includes(this.#init.protocol)) return
    this.#known.delete(id)
    this.#init.onLeft(id)
  }

  readonly #onPeerDisconnect = (event: CustomEvent<PeerId>): void => {
    const id = event.detail.toString()
    this.#known.delete(id)
    this.#others.delete(id)
  }
}
