import { createPublicKey, verify } from 'node:crypto'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { ED25519_SPKI_PREFIX } from './der-prefixes.ts'
import type { Sodium } from './sodium.ts'

/** Whether the signature of these bytes is good. */
export type Verify = (bytes: Uint8Array, signature: Uint8Array) => boolean

const SIGNATURE_BYTES = 64

/**
 * Checks signatures by Ed25519 (RFC 8032) of one key of 32 bytes: libsodium takes half the time where it is installed. It
 * refuses keys of small order, of which no signature proves anything; no key that was made as one is any of these.
 */
export function ed25519Verifier(key: Uint8Array, sodium: Sodium | undefined): Verify {
  if (sodium !== undefined) {
    return (bytes, signature) =>
      signature.length === SIGNATURE_BYTES &&
      sodium.crypto_sign_verify_detached(signature, bytes, key)
  }
  const spki = Buffer.concat([ED25519_SPKI_PREFIX, key])
  const object = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return (bytes, signature) => verify(null, bytes, object, signature)
}

/** Signs by Ed25519: libp2p makes Node's form of the key for each signature, at three times the price of the signature. */
export async function ed25519Sign(
  key: Ed25519PrivateKey,
  bytes: Uint8Array,
  sodium: Sodium | undefined,
): Promise<Uint8Array> {
  if (sodium === undefined) return key.sign(bytes)
  const signature = new Uint8Array(SIGNATURE_BYTES)
  sodium.crypto_sign_detached(signature, bytes, key.raw)
  return signature
}
