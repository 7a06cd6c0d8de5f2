import { createRequire } from 'node:module'

/** What is used of libsodium, as the package `sodium-native` has it. Each takes views of any buffer; lengths in bytes. */
export interface Sodium {
  /**
   * Encrypts by ChaCha20-Poly1305 (RFC 8439) into `sealed`, of 16 bytes more than `plaintext`.
   *
   * @param nonce Of 12 bytes; `key` of 32.
   */
  crypto_aead_chacha20poly1305_ietf_encrypt(
    sealed: Uint8Array,
    plaintext: Uint8Array,
    ad: Uint8Array | null,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
  /**
   * Decrypts into `plaintext`, of 16 bytes less than `sealed`; both may begin at the same place.
   *
   * @throws Error for what was not sealed with this key, nonce and associated data.
   */
  crypto_aead_chacha20poly1305_ietf_decrypt(
    plaintext: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    ad: Uint8Array | null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
  /**
   * Signs by Ed25519 (RFC 8032) into `signature`, of 64 bytes.
   *
   * @param secretKey Of 64 bytes: the seed, then the public key.
   */
  crypto_sign_detached(signature: Uint8Array, bytes: Uint8Array, secretKey: Uint8Array): void
  /**
   * Whether the signature by Ed25519 is good.
   *
   * @throws Error for a signature that has not 64 bytes, or a key that has not 32.
   */
  crypto_sign_verify_detached(
    signature: Uint8Array,
    bytes: Uint8Array,
    publicKey: Uint8Array,
  ): boolean
}

let loaded: { readonly sodium: Sodium | undefined } | undefined

/**
 * libsodium, or `undefined` where it is not installed (it is an optional dependency) or has no binary for this machine: Node
 * has the same, at a higher price for each call. Loaded when first asked for: most commands neither encrypt nor verify.
 */
export function loadSodium(): Sodium | undefined {
  loaded ??= { sodium: required('sodium-native') }
  return loaded.sodium
}

function required(name: string): Sodium | undefined {
  try {
    // It has no types of its own.
    return createRequire(import.meta.url)(name) as Sodium
  } catch (error) {
    if (!isMissing(error)) {
      const consequence = 'Node does its work, more slowly'
      process.emitWarning(`${name} cannot be loaded: ${consequence}. ${String(error)}`, {
        code: 'KADMIUM_NO_SODIUM',
      })
    }
    return undefined
  }
}

/** Left out by whoever installed Kadmium, which is no mistake. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND'
}
