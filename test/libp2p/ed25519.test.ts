import { generateKeyPairSync, sign } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ED25519_SPKI_PREFIX } from '../../src/libp2p/der-prefixes.ts'
import { ed25519Sign, ed25519Verifier } from '../../src/libp2p/ed25519.ts'
import { loadSodium } from '../../src/libp2p/sodium.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const key = publicKey.export({ type: 'spki', format: 'der' }).subarray(ED25519_SPKI_PREFIX.length)

describe.each([
  { by: 'libsodium', verify: ed25519Verifier(key, loadSodium()) },
  { by: 'Node', verify: ed25519Verifier(key, undefined) },
])('a signature checked by $by', ({ verify }) => {
  it('is good for what was signed, and for nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (bytes, place) => {
        const signature = new Uint8Array(sign(null, bytes, privateKey))
        expect(verify(bytes, signature)).toBe(true)
        expect(verify(Uint8Array.of(...bytes, 0), signature)).toBe(false)
        const at = place % signature.length
        expect(verify(bytes, signature.with(at, (signature[at] ?? 0) ^ 1))).toBe(false)
      }),
    )
  })

  it('is not good if it is of another length', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const signature = new Uint8Array(sign(null, bytes, privateKey))
    expect(verify(bytes, new Uint8Array(0))).toBe(false)
    expect(verify(bytes, signature.subarray(0, 63))).toBe(false)
    expect(verify(bytes, Uint8Array.of(...signature, 0))).toBe(false)
  })

  it('is not good for another key', () => {
    const other = generateKeyPairSync('ed25519').privateKey
    const bytes = Uint8Array.of(1, 2, 3)
    expect(verify(bytes, sign(null, bytes, other))).toBe(false)
  })
})

describe('a signature', () => {
  it('is the same by libsodium and by libp2p, for Ed25519 leaves no choice', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    for (const length of [0, 1, 300]) {
      const bytes = new Uint8Array(length).fill(7)
      const ours = await ed25519Sign(privateKey, bytes, loadSodium())
      expect(Buffer.from(ours)).toEqual(Buffer.from(await privateKey.sign(bytes)))
      expect(ours).toEqual(new Uint8Array(await ed25519Sign(privateKey, bytes, undefined)))
    }
  })
})
