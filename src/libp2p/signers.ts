import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PublicKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { bytesEqual } from '../core/key.ts'
import { ed25519Verifier } from './ed25519.ts'
import { loadSodium } from './sodium.ts'

/** Signers remembered by their public key; about 1 KB each. */
const SIGNERS_MAX = 1_024

/** Who signs, and how its signatures are checked. */
export interface Signer {
  /** Its peer id as text. */
  readonly id: string
  isSignedBy(bytes: Uint8Array, signature: Uint8Array): boolean
}

/** The kinds of keys that libp2p has peer ids for and Node verifies at once. */
export function isSupportedKey({ type }: PublicKey): boolean {
  return type === 'Ed25519' || type === 'secp256k1' || type === 'RSA'
}

/**
 * Signers by their public keys. To make Node's form of an Ed25519 key, as libp2p does for each signature anew, costs twice
 * what a verification does; writers write more than once.
 */
export class Signers {
  /** By the key's bytes, the latest used last. */
  readonly #known = new Map<string, Signer>()

  /**
   * @param keyBytes A public key as libp2p's protobuf has it.
   * @returns `undefined` for a kind of key without peer ids, or one that is not encoded as libp2p encodes it.
   * @throws Error for what is no key.
   */
  of(keyBytes: Uint8Array): Signer | undefined {
    const name = Buffer.from(keyBytes.buffer, keyBytes.byteOffset, keyBytes.length).toString(
      'latin1',
    )
    const signer = this.#known.get(name) ?? signerOf(keyBytes)
    if (signer === undefined) return undefined
    this.#known.delete(name)
    this.#known.set(name, signer)
    if (this.#known.size > SIGNERS_MAX) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest)
        break
      }
    }
    return signer
  }
}

function signerOf(keyBytes: Uint8Array): Signer | undefined {
  const publicKey = publicKeyFromProtobuf(keyBytes)
  if (!isSupportedKey(publicKey) || !bytesEqual(publicKeyToProtobuf(publicKey), keyBytes)) {
    return undefined
  }
  const id = peerIdFromPublicKey(publicKey).toString()
  if (publicKey.type !== 'Ed25519') {
    // For the other kinds libp2p answers at once as well; a promise would be truthy, so compare with `true`.
    return { id, isSignedBy: (bytes, signature) => publicKey.verify(bytes, signature) === true }
  }
  return { id, isSignedBy: ed25519Verifier(publicKey.raw, loadSodium()) }
}
