import { bytesEqual, headOf, type Key } from './key.ts'

/**
 * What a peer knows of another: Kademlia's triple of address, port and id, as libp2p has it.
 *
 * Contacts are immutable and shared: the same object stands in buckets, candidate lists and answers, so their bytes on the
 * wire are made once (`encoded`). A changed address makes a new contact.
 */
export class Contact {
  /** The peer id in its text form. The core only compares it. */
  readonly id: string
  /** The peer id's multihash bytes (at most `PEER_ID_BYTES_MAX`): what travels. */
  readonly idBytes: Uint8Array
  /** The point of the keyspace that the peer stands at: the first 20 bytes of SHA-256 of `idBytes`. */
  readonly key: Key
  /** See `headOf`. */
  readonly head: number
  /** Binary multiaddrs without `/p2p/<id>`, best first; at most `ADDRESSES_PER_PEER_MAX`. */
  readonly addresses: readonly Uint8Array[]
  /** The `Peer` message of this contact, made by the wire codec when first sent. */
  encoded: Uint8Array | undefined

  constructor(init: ContactInit) {
    this.id = init.id
    this.idBytes = init.idBytes
    this.key = init.key
    this.head = headOf(init.key)
    this.addresses = init.addresses
    this.encoded = undefined
  }
}

/** The fields of a `Contact`. */
export interface ContactInit {
  readonly id: string
  readonly idBytes: Uint8Array
  readonly key: Key
  readonly addresses: readonly Uint8Array[]
}

/** Where the contact with this key stands in a list; -1 if it does not. */
export function indexOfKey(contacts: readonly Contact[], key: Key): number {
  const head = headOf(key)
  for (let i = 0; i < contacts.length; i++) {
    const contact = contacts[i] as Contact // i is below the length
    if (contact.head === head && bytesEqual(contact.key, key)) return i
  }
  return -1
}
