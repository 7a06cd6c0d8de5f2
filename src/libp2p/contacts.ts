import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { base58btc } from 'multiformats/bases/base58'
import * as Digest from 'multiformats/hashes/digest'
import { Contact } from '../core/contact.ts'
import { bytesEqual, keyFromDigest } from '../core/key.ts'
import { ADDRESSES_PER_PEER_MAX } from '../core/limits.ts'
import type { Hash } from '../core/ports.ts'
import { plainAddress } from '../wire/multiaddr.ts'
import { decodePeer, encodePeer } from '../wire/peer-codec.ts'
import { INTERNED_CONTACTS, PEER_MESSAGE_BYTES_MAX } from './limits.ts'
import { mapAddresses, type PeerInfoMapper, passthroughMapper } from './peer-mappers.ts'

/** A contact and the message it was read from. */
interface Interned {
  readonly message: Uint8Array
  readonly contact: Contact
}

/**
 * Makes contacts of what travels and of what libp2p has, one object for equal ones where possible.
 *
 * Answers repeat the same contacts again and again; they are found by their bytes, without being decoded. The table has a
 * fixed number of places, chosen by bits of the peer id: a stranger who makes ids for one place costs us time, no memory.
 */
export class ContactBook {
  readonly #hash: Hash
  readonly #mapper: PeerInfoMapper
  readonly #places = new Array<Interned | undefined>(INTERNED_CONTACTS)

  /** @param mapper What is left of a peer's addresses. Default: all. */
  constructor(hash: Hash, mapper: PeerInfoMapper = passthroughMapper) {
    this.#hash = hash
    this.#mapper = mapper
  }

  /** The contact that the `Peer` message in `bytes` from `start` up to `end` tells of; `undefined`: it is none. */
  contactOf(bytes: Uint8Array, start: number, end: number): Contact | undefined {
    const place = placeOf(bytes, start, end)
    const interned = this.#places[place]
    if (interned !== undefined && isSame(interned.message, bytes, start, end)) {
      return interned.contact
    }
    if (end - start > PEER_MESSAGE_BYTES_MAX) return undefined
    const peer = decodePeer(bytes, start, end)
    if (peer === undefined) return undefined
    const known = interned?.contact
    const isKnown = known !== undefined && bytesEqual(known.idBytes, peer.idBytes)
    const contact = this.#make(peer.idBytes, peer.addresses, isKnown ? known : undefined)
    if (contact !== undefined) this.#intern(place, contact, bytes, start, end)
    return contact
  }

  /**
   * The contact of a peer that libp2p knows at these addresses, best first.
   *
   * @returns `undefined` for a kind of id that the protocol cannot carry.
   */
  contactOfPeer(peerId: PeerId, addresses: readonly Multiaddr[]): Contact | undefined {
    const idBytes = peerId.toMultihash().bytes
    const plain: Uint8Array[] = []
    for (const address of addresses) {
      const bytes = plainAddress(address.bytes, idBytes)
      if (bytes === undefined || plain.some((other) => bytesEqual(other, bytes))) continue
      if (plain.push(bytes) === ADDRESSES_PER_PEER_MAX) break
    }
    return this.#make(idBytes, plain, undefined)
  }

  #make(
    idBytes: Uint8Array,
    addresses: readonly Uint8Array[],
    known: Contact | undefined,
  ): Contact | undefined {
    const id = known?.id ?? idText(idBytes)
    if (id === undefined) return undefined
    return new Contact({
      id,
      idBytes: known?.idBytes ?? idBytes.slice(),
      key: known?.key ?? keyFromDigest(this.#hash(idBytes)),
      addresses: mapAddresses(this.#mapper, idBytes, addresses).map((address) => address.slice()),
    })
  }

  #intern(place: number, contact: Contact, bytes: Uint8Array, start: number, end: number): void {
    const encoded = encodePeer(contact)
    const message = isSame(encoded, bytes, start, end) ? encoded : bytes.slice(start, end)
    this.#places[place] = { message, contact }
  }
}

/** The multiaddrs to dial a contact at, each with its id at the end: libp2p then checks whom it meets. */
export function dialAddresses(contact: Contact): Multiaddr[] {
  return contact.addresses.flatMap((bytes) => {
    try {
      return [multiaddr(bytes).encapsulate(`/p2p/${contact.id}`)]
    } catch {
      // Well-formed for us, but not for libp2p: an address that cannot be dialled is none.
      return []
    }
  })
}

/** The peer id of a contact, as libp2p's calls want it. */
export function peerIdOf(contact: Contact): PeerId {
  return peerIdFromMultihash(Digest.decode(contact.idBytes))
}

/** The peer id at the end of a multiaddr, as text; `undefined` if there is none. */
export function peerIdInAddress(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
}

/** Multihashes that peer ids are made of: Ed25519 and secp256k1 keys themselves, SHA-256 of others. */
const ID_FORMS: readonly { readonly prefix: readonly number[]; readonly length: number }[] = [
  { prefix: [0x00, 0x24, 0x08, 0x01, 0x12, 0x20], length: 38 },
  { prefix: [0x00, 0x25, 0x08, 0x02, 0x12, 0x21], length: 39 },
  { prefix: [0x12, 0x20], length: 34 },
]

function idText(idBytes: Uint8Array): string | undefined {
  const isId = ID_FORMS.some(
    ({ prefix, length }) =>
      idBytes.length === length && prefix.every((byte, i) => idBytes[i] === byte),
  )
  return isId ? base58btc.baseEncode(idBytes) : undefined
}

/** A place for a `Peer` message, by the last bytes of the id that it begins with. */
function placeOf(bytes: Uint8Array, start: number, end: number): number {
  const last = start + 1 + (bytes[start + 1] as number) // the id's length; `start` lies below `end`
  if (last >= end || last < start + 4) return 0
  const a = bytes[last] as number // last < end
  const b = bytes[last - 1] as number
  return (a | (b << 8)) & (INTERNED_CONTACTS - 1)
}

function isSame(message: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = message.length
  if (length !== end - start) return false
  for (let i = 0; i < length; i++) if (message[i] !== bytes[start + i]) return false
  return true
}
