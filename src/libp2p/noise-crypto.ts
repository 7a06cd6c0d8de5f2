import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  getCipherInfo,
  type KeyObject,
} from 'node:crypto'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import { asCrypto, defaultCrypto } from '@chainsafe/libp2p-noise/crypto'

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
const TAG_LENGTH = { authTagLength: TAG_BYTES } as const

/** Below this, WebAssembly costs less: each of Node's ciphers is an object to be collected, too. Bytes; measured in a put. */
const NATIVE_BYTES_MIN = 800

/** A connection's keys as Node wants them: to give it the bytes each time costs four times what encryption does. */
const keyObjects = new WeakMap<Uint8Array, KeyObject>()

type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]

/** libp2p's cryptography for noise, with ChaCha20-Poly1305 (RFC 8439) done at the least cost for each size. */
export const noiseCrypto: ICryptoInterface =
  getCipherInfo(CIPHER) === undefined
    ? defaultCrypto // Electron's Node has no such cipher
    : { ...defaultCrypto, chaCha20Poly1305Encrypt: encrypt, chaCha20Poly1305Decrypt: decrypt }

function encrypt(plaintext: Bytes, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): Bytes {
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
}

/** @throws Error for a message that was not encrypted with this key and nonce, or was changed. */
function decrypt(
  ciphertext: Bytes,
  nonce: Uint8Array,
  ad: Uint8Array,
  key: Uint8Array,
  into?: Uint8Array,
): Bytes {
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
