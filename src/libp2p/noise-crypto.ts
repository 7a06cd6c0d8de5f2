import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { X25519_PKCS8_PREFIX, X25519_SPKI_PREFIX } from './der-prefixes.ts'
import { noiseCipher } from './noise-cipher.ts'
import type { Sodium } from './sodium.ts'

/** Private keys of handshakes as Node wants them: three quarters of an exchange of keys would be the making of these. */
const privateKeys = new WeakMap<Uint8Array, KeyObject>()

type Bytes = Parameters<ICryptoInterface['chaCha20Poly1305Encrypt']>[0]

/**
 * libp2p's cryptography for noise, with the cipher at the least cost (noise-cipher.ts), and keys of X25519 (RFC 7748) that
 * are not taken to bytes and back for each exchange.
 */
export function noiseCrypto(sodium: Sodium | undefined): ICryptoInterface {
  return {
    ...defaultCrypto,
    ...noiseCipher(sodium),
    generateX25519KeyPair: generateKeyPair,
    generateX25519SharedKey: sharedKey,
  }
}

function generateKeyPair(): ReturnType<ICryptoInterface['generateX25519KeyPair']> {
  const pair = generateKeyPairSync('x25519')
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' })
  const privateKey = pair.privateKey
    .export({ type: 'pkcs8', format: 'der' })
    .subarray(X25519_PKCS8_PREFIX.length)
  privateKeys.set(privateKey, pair.privateKey)
  return { publicKey: publicKey.subarray(X25519_SPKI_PREFIX.length), privateKey }
}

/** @throws Error for a public key that no honest peer has: the shared key would be zero. */
function sharedKey(privateKey: Bytes, publicKey: Bytes): Uint8Array {
  return diffieHellman({
    // A view of the bytes would be another object than the one that the key is known by.
    privateKey: privateKeyOf(privateKey instanceof Uint8Array ? privateKey : privateKey.subarray()),
    publicKey: publicKeyOf(publicKey.subarray()),
  })
}

function privateKeyOf(bytes: Uint8Array): KeyObject {
  let object = privateKeys.get(bytes)
  if (object === undefined) {
    const key = Buffer.concat([X25519_PKCS8_PREFIX, bytes])
    object = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    privateKeys.set(bytes, object)
  }
  return object
}

/** By the text form: of bytes Node first tries, at three times the cost, whether they are a key of its own. */
function publicKeyOf(bytes: Uint8Array): KeyObject {
  const text = Buffer.concat([X25519_SPKI_PREFIX, bytes]).toString('base64')
  return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----\n`)
}
