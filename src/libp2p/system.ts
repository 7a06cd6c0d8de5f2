import { hash as digestOf, randomBytes, randomInt } from 'node:crypto'
import type { Hash, Random, Storage } from '../core/ports.ts'

/** SHA-256 of OpenSSL, in one call. */
export const sha256: Hash = (bytes) => {
  const digest = digestOf('sha256', bytes, 'buffer')
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length)
}

/** The operating system's randomness. */
export const systemRandom: Random = {
  below: (bound) => randomInt(bound),
  fraction: () => randomInt(2 ** 48 - 1) / 2 ** 48,
  bytes: (length) => new Uint8Array(randomBytes(length)),
}

/** A storage for peers that keep nothing beyond their life: the core holds its truth in memory anyway. */
export const forgetfulStorage: Storage = {
  write: (_batch, done) => queueMicrotask(() => done(undefined)),
  load: () => Promise.resolve([]),
}
