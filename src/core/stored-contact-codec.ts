import { Contact } from './contact.ts'
import { keyFromDigest } from './key.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_PER_PEER_MAX, PEER_ID_BYTES_MAX } from './limits.ts'
import type { Hash } from './ports.ts'

/** A contact is immutable, and saved again whenever it comes back: its bytes are made once. */
const encodedContacts = new WeakMap<Contact, Uint8Array>()

/** A contact on the disk: id text, id bytes and addresses, each behind its length in two bytes. Nobody may write into it. */
export function encodeStoredContact(contact: Contact): Uint8Array {
  let bytes = encodedContacts.get(contact)
  if (bytes === undefined) {
    bytes = encode(contact)
    encodedContacts.set(contact, bytes)
  }
  return bytes
}

function encode(contact: Contact): Uint8Array {
  const parts = [new TextEncoder().encode(contact.id), contact.idBytes, ...contact.addresses]
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + 2 + part.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint16(at, part.length)
    bytes.set(part, at + 2)
    at += 2 + part.length
  }
  return bytes
}

/** Reads what `encodeStoredContact` wrote; `undefined` if the bytes are something else. */
export function decodeStoredContact(bytes: Uint8Array, hash: Hash): Contact | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = view.getUint16(at)
    if (at + 2 + length > bytes.length) return undefined
    // Copies, which slice() of a Buffer would not make.
    parts.push(new Uint8Array(bytes.subarray(at + 2, at + 2 + length)))
    at += 2 + length
  }
  const [id, idBytes, ...addresses] = parts
  if (id === undefined || idBytes === undefined || idBytes.length > PEER_ID_BYTES_MAX) {
    return undefined
  }
  return new Contact({
    id: new TextDecoder().decode(id),
    idBytes,
    key: keyFromDigest(hash(idBytes)),
    addresses: addresses
      .filter((address) => address.length <= ADDRESS_BYTES_MAX)
      .slice(0, ADDRESSES_PER_PEER_MAX),
  })
}
