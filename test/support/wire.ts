import { createHash } from 'node:crypto'
import { Contact } from '../../src/core/contact.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import type { DecodeContext } from '../../src/wire/message-decoder.ts'
import { decodePeer } from '../../src/wire/peer-codec.ts'

/** SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/** A contact whose id is the given bytes; its text form is hexadecimal. */
export function contactOf(idBytes: Uint8Array, addresses: readonly Uint8Array[]): Contact {
  return new Contact({
    id: Buffer.from(idBytes).toString('hex'),
    idBytes: idBytes.slice(),
    key: keyFromDigest(sha256(idBytes)),
    addresses: addresses.map((address) => address.slice()),
  })
}

/** Decodes every well-formed peer into a new contact. */
export const plainContext: DecodeContext = {
  hash: sha256,
  contactOf: (bytes, start, end) => {
    const peer = decodePeer(bytes, start, end)
    return peer === undefined ? undefined : contactOf(peer.idBytes, peer.addresses)
  },
}

/** The bytes of a hexadecimal text; spaces are ignored. */
export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
}

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
