import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  getCipherInfo,
  type KeyObject,
} from 'node:crypto'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import { asCrypto, defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import type { Sodium } from './sodium.ts'
import { transientBytes } from './transient-bytes.ts'

/** The cipher of noise, ChaCha20-Poly1305 (RFC 8439): a key of 32 bytes, a nonce of 12, and 16 bytes more than the plaintext. */
export type NoiseCipher = Pick<
  ICryptoInterface,
  'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'
>

type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]

const TAG_BYTES = 16

/** The cipher at the least cost that this machine allows. */
export function noiseCipher(sodium: Sodium | undefined): NoiseCipher {
  if (sodium !== undefined) return sodiumCipher(sodium)
  // Electron's Node has no such cipher.
  return getCipherInfo(CIPHER) === undefined ? defaultCrypto : nodeCipher
}

/** By libsodium: a third of what Node or WebAssembly take for each message, and nothing for the garbage collector. */
function sodiumCipher(sodium: Sodium): NoiseCipher {
  return {
    chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) => {
      const bytes = plaintext.subarray()
      const sealed = transientBytes(bytes.length + TAG_BYTES)
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, bytes, ad, null, nonce, key)
      return sealed
    },
    chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key, into) => {
      const sealed = ciphertext.subarray()
      const length = sealed.length - TAG_BYTES
      if (length < 0) throw new Error('a message that is shorter than its tag')
      const plaintext = into?.subarray(0, length) ?? new Uint8Array(length)
      sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, null, sealed, ad, nonce, key)
      return plaintext
    },
  }
}

const CIPHER = 'chacha20-poly1305'
const TAG_LENGTH = { authTagLength: TAG_BYTES } as const

/** Below this, WebAssembly costs less: each of Node's ciphers is an object to be collected, too. Bytes; measured in a put. */
const NATIVE_BYTES_MIN = 800

/** A connection's keys as Node wants them: to give it the bytes each time costs four times what encryption does. */
const keyObjects = new WeakMap<Uint8Array, KeyObject>()

/** By Node, or by WebAssembly where that costs less. */
const nodeCipher: NoiseCipher = {
  chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) => {
    if (plaintext.byteLength < NATIVE_BYTES_MIN) {
      return asCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key)
    }
    const cipher = createCipheriv(CIPHER, keyObjectOf(key), nonce, TAG_LENGTH)
    if (ad.length > 0) cipher.setAAD(ad, { plaintextLength: plaintext.byteLength })
    const parts: Uint8Array[] = []
    for (const part of partsOf(plaintext)) parts.push(cipher.update(part))
    cipher.final() // a stream cipher has nothing left
    parts.push(cipher.getAuthTag())
    return Buffer.concat(parts, plaintext.byteLength + TAG_BYTES)
  },
  /** @throws Error for a message that was not encrypted with this key and nonce, or was changed. */
  chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key, into) => {
    if (ciphertext.byteLength < NATIVE_BYTES_MIN) {
      return asCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, into)
    }
    const bytes = ciphertext.subarray()
    const length = bytes.length - TAG_BYTES
    const decipher = createDecipheriv(CIPHER, keyObjectOf(key), nonce, TAG_LENGTH)
    if (ad.length > 0) decipher.setAAD(ad, { plaintextLength: length })
    decipher.setAuthTag(bytes.subarray(length))
    const plaintext = decipher.update(bytes.subarray(0, length))
    decipher.final()
    return plaintext
  },
}

function partsOf(bytes: Bytes): Iterable<Uint8Array> {
  return bytes instanceof Uint8Array ? [bytes] : bytes
}

function keyObjectOf(key: Uint8Array): KeyObject {
  let object = keyObjects.get(key)
  if (object === undefined) {
    object = createSecretKey(key)
    keyObjects.set(key, object)
  }
  return object
}
