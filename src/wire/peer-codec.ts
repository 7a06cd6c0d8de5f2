import type { Contact } from '../core/contact.ts'
import { bytesEqual } from '../core/key.ts'
import { ADDRESSES_PER_PEER_MAX, PEER_ID_BYTES_MAX } from '../core/limits.ts'
import { ByteReader } from './byte-reader.ts'
import { plainAddress } from './multiaddr.ts'
import { lengthPrefixedSize, writeLengthPrefixed } from './varint.ts'
import { WireError } from './wire-error.ts'

/*
 * message Peer { bytes id = 1; repeated bytes addrs = 2; ConnectionType connection = 3; }
 *
 * `connection` is neither sent nor read: it says what a stranger believes of its own connections.
 */
const TAG_ID = 0x0a
const TAG_ADDRESS = 0x12

/** Addresses looked at, good or bad; what stands after them is dropped unread. */
const ADDRESSES_READ_MAX: number = ADDRESSES_PER_PEER_MAX * 4

/** What a `Peer` message says. The byte strings are views of the message. */
export interface PeerFields {
  readonly idBytes: Uint8Array
  readonly addresses: readonly Uint8Array[]
}

/** The `Peer` message of a contact. Made once: answers are put together from copies of it. */
export function encodePeer(contact: Contact): Uint8Array {
  if (contact.encoded !== undefined) return contact.encoded
  const { idBytes, addresses } = contact
  let size = 1 + lengthPrefixedSize(idBytes.length)
  for (const address of addresses) size += 1 + lengthPrefixedSize(address.length)
  const bytes = new Uint8Array(size)
  bytes[0] = TAG_ID
  let at = writeLengthPrefixed(bytes, 1, idBytes)
  for (const address of addresses) {
    bytes[at] = TAG_ADDRESS
    at = writeLengthPrefixed(bytes, at + 1, address)
  }
  contact.encoded = bytes
  return bytes
}

/**
 * Reads the `Peer` message in `bytes` from `start` up to `end`.
 *
 * @returns `undefined` if it is malformed or has no id: one bad peer does not spoil an answer. Nor does a bad address spoil
 * a peer; it is left out.
 */
export function decodePeer(bytes: Uint8Array, start: number, end: number): PeerFields | undefined {
  try {
    return readPeer(new ByteReader(bytes, start, end))
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

function readPeer(reader: ByteReader): PeerFields | undefined {
  const { bytes } = reader
  let idBytes: Uint8Array | undefined
  const found: Uint8Array[] = []
  while (reader.position < reader.end) {
    const tag = reader.varint()
    if (tag !== TAG_ID && tag !== TAG_ADDRESS) {
      reader.skip(tag)
      continue
    }
    const end = reader.fieldEnd()
    if (tag === TAG_ID) idBytes = bytes.subarray(reader.position, end)
    else if (found.length < ADDRESSES_READ_MAX) found.push(bytes.subarray(reader.position, end))
    reader.position = end
  }
  if (idBytes === undefined || idBytes.length === 0 || idBytes.length > PEER_ID_BYTES_MAX) {
    return undefined
  }
  return { idBytes, addresses: plainAddresses(found, idBytes) }
}

function plainAddresses(found: readonly Uint8Array[], idBytes: Uint8Array): readonly Uint8Array[] {
  const addresses: Uint8Array[] = []
  for (const address of found) {
    if (addresses.length === ADDRESSES_PER_PEER_MAX) break
    const plain = plainAddress(address, idBytes)
    if (plain === undefined || addresses.some((other) => bytesEqual(other, plain))) continue
    addresses.push(plain)
  }
  return addresses
}
