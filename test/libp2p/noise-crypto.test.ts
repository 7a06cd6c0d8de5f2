import { asCrypto, pureJsCrypto } from '@chainsafe/libp2p-noise/crypto'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { describe, expect, it } from 'vitest'
import { noiseCipher } from '../../src/libp2p/noise-cipher.ts'
import { noiseCrypto } from '../../src/libp2p/noise-crypto.ts'
import { loadSodium } from '../../src/libp2p/sodium.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const messages = fc.record({
  key: bytes(32),
  nonce: bytes(12),
  ad: fc.uint8Array({ maxLength: 40 }),
  plaintext: fc.uint8Array({ maxLength: 1_000 }),
})

const sodium = loadSodium()

/** Both ways to it: with libsodium, and where that is not installed. */
const ciphers = [
  { by: 'libsodium', cipher: noiseCipher(sodium) },
  { by: 'Node and WebAssembly', cipher: noiseCipher(undefined) },
]

it('has libsodium where all that Kadmium wants is installed', () => {
  expect(sodium).toBeDefined()
})

describe.each(ciphers)('the cipher of noise by $by', ({ cipher }) => {
  const encrypt: typeof cipher.chaCha20Poly1305Encrypt = (...args) =>
    cipher.chaCha20Poly1305Encrypt(...args)
  const decrypt: typeof cipher.chaCha20Poly1305Decrypt = (...args) =>
    cipher.chaCha20Poly1305Decrypt(...args)

  it('gives the bytes of another implementation, whatever the size, and takes them back', () => {
    fc.assert(
      fc.property(messages, ({ key, nonce, ad, plaintext }) => {
        const sealed = encrypt(plaintext, nonce, ad, key).subarray()
        const expected = asCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key).subarray()
        expect(Buffer.compare(sealed, expected)).toBe(0)
        // Twice with one key, as a connection does: its prepared form is used again.
        expect(Buffer.compare(decrypt(sealed, nonce, ad, key).subarray(), plaintext)).toBe(0)
        expect(Buffer.compare(decrypt(expected, nonce, ad, key).subarray(), plaintext)).toBe(0)
      }),
    )
  })

  it('takes lists of pieces, and decrypts into the place where the message stands', () => {
    fc.assert(
      fc.property(messages, fc.nat(), ({ key, nonce, ad, plaintext }, place) => {
        const cut = plaintext.length === 0 ? 0 : place % plaintext.length
        const pieces = new Uint8ArrayList(plaintext.subarray(0, cut), plaintext.subarray(cut))
        const sealed = new Uint8Array(encrypt(pieces, nonce, ad, key).subarray())
        expect(Buffer.compare(decrypt(sealed.slice(), nonce, ad, key).subarray(), plaintext)).toBe(
          0,
        )
        const opened = decrypt(sealed, nonce, ad, key, sealed.subarray(0, plaintext.length))
        expect(Buffer.compare(opened.subarray(), plaintext)).toBe(0)
      }),
    )
  })

  it('refuses a message of which a bit was changed', () => {
    fc.assert(
      fc.property(messages, fc.nat(), ({ key, nonce, ad, plaintext }, place) => {
        const sealed = new Uint8Array(encrypt(plaintext, nonce, ad, key).subarray())
        const index = place % sealed.length
        sealed[index] = (sealed[index] ?? 0) ^ (1 << (place % 8))
        expect(() => decrypt(sealed, nonce, ad, key)).toThrow(Error)
      }),
    )
  })

  it('refuses what is shorter than a tag', () => {
    const [key, nonce, ad] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(0)]
    for (const length of [0, 15]) {
      expect(() => decrypt(new Uint8Array(length), nonce, ad, key)).toThrow(Error)
    }
  })
})

describe('the exchange of keys of noise', () => {
  const crypto = noiseCrypto(undefined)
  const shared: typeof crypto.generateX25519SharedKey = (...args) =>
    crypto.generateX25519SharedKey(...args)

  it('agrees with another implementation, for keys made here and keys made of a seed', () => {
    fc.assert(
      fc.property(bytes(32), (seed) => {
        const theirs = pureJsCrypto.generateX25519KeyPair()
        const made = crypto.generateX25519KeyPair()
        const seeded = crypto.generateX25519KeyPairFromSeed(seed)
        for (const { publicKey, privateKey } of [made, seeded]) {
          const expected = pureJsCrypto.generateX25519SharedKey(theirs.privateKey, publicKey)
          // Twice, as a handshake does with its own keys: the prepared form is used again.
          for (let i = 0; i < 2; i++) {
            expect(Buffer.compare(shared(privateKey, theirs.publicKey), expected)).toBe(0)
          }
          // The bytes of a key, of which nothing is prepared, are as good as the key.
          expect(Buffer.compare(shared(privateKey.slice(), theirs.publicKey), expected)).toBe(0)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('makes other keys each time', () => {
    const keys = Array.from({ length: 8 }, () => crypto.generateX25519KeyPair())
    const texts = keys.flatMap(({ publicKey, privateKey }) => [publicKey, privateKey].map(String))
    expect(new Set(texts).size).toBe(16)
  })

  it('refuses a public key of small order, with which anybody would know the shared key', () => {
    const { privateKey } = crypto.generateX25519KeyPair()
    expect(() => shared(privateKey, new Uint8Array(32))).toThrow(Error)
  })
})
