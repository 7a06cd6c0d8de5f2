import type { IdentifyResult, Libp2pEvents, TypedEventTarget } from '@libp2p/interface'
import type { Contact } from '../core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Clock, Instant } from '../core/ports.ts'
import type { Connections } from './connections.ts'
import type { ContactBook } from './contacts.ts'
import { MET_PEERS_MAX, MET_PEERS_MS } from './limits.ts'

/** What it takes to remember who was met. */
export interface MetPeersInit {
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly connections: Connections
  readonly contacts: ContactBook
  readonly clock: Clock
}

/**
 * The peers that were met of late, servers or not, with what identify told of their addresses. A client stands in nobody's
 * table and could not be found otherwise: whoever asks for it by its id is told by those that it is, or was, connected to (IPFS
 * Kademlia specification, "Discovering non-DHT Servers"). libp2p's peer store knows as much, but takes half a millisecond to say
 * that it does not know a peer, which any stranger could make it do.
 */
export class MetPeers {
  readonly #init: MetPeersInit
  /** By the bytes of their ids; the latest met last. */
  readonly #met = new Map<string, { readonly contact: Contact; readonly at: Instant }>()

  constructor(init: MetPeersInit) {
    this.#init = init
  }

  start(): void {
    this.#init.events.addEventListener('peer:identify', this.#onIdentify)
  }

  stop(): void {
    this.#init.events.removeEventListener('peer:identify', this.#onIdentify)
    this.#met.clear()
  }

  /** The answer to a FIND_NODE with the very peer that was asked for before the closest, if it was met. */
  withSought(from: Contact, request: RpcRequest, outcome: RpcOutcome): RpcOutcome {
    if (!outcome.ok || request.type !== 'find-node' || outcome.response.type !== 'find-node') {
      return outcome
    }
    const sought = this.#find(request.key)
    // Nobody is told of himself.
    if (sought === undefined || sought.id === from.id) return outcome
    const { closer } = outcome.response
    if (closer.some(({ id, addresses }) => id === sought.id && addresses.length > 0)) return outcome
    const others = closer.filter(({ id }) => id !== sought.id)
    return { ok: true, response: { ...outcome.response, closer: [sought, ...others] } }
  }

  #find(idBytes: Uint8Array): Contact | undefined {
    const met = this.#met.get(nameOf(idBytes))
    if (met === undefined) return undefined
    const { clock, connections } = this.#init
    if (clock.now() - met.at < MET_PEERS_MS || connections.has(met.contact.id)) return met.contact
    this.#met.delete(nameOf(idBytes))
    return undefined
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { peerId, connection, signedPeerRecord, listenAddrs } = detail
    const dialled = connection.direction === 'outbound' ? [connection.remoteAddr] : []
    const addresses = [...dialled, ...(signedPeerRecord?.addresses ?? listenAddrs)]
    const contact = this.#init.contacts.contactOfPeer(peerId, addresses)
    // One that has no address of the network's kind is of use to nobody.
    if (contact === undefined || contact.addresses.length === 0) return
    const name = nameOf(contact.idBytes)
    this.#met.delete(name)
    this.#met.set(name, { contact, at: this.#init.clock.now() })
    if (this.#met.size <= MET_PEERS_MAX) return
    for (const oldest of this.#met.keys()) {
      this.#met.delete(oldest)
      return
    }
  }
}

function nameOf(idBytes: Uint8Array): string {
  return Buffer.from(idBytes.buffer, idBytes.byteOffset, idBytes.byteLength).toString('latin1')
}
