import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { createIPNSRecord, marshalIPNSRecord, multihashToIPNSRoutingKey } from 'ipns'
import { ipnsSelector } from 'ipns/selector'
import { ipnsValidator as theirValidator } from 'ipns/validator'
import { describe, expect, it } from 'vitest'
import { ipnsValidator } from '../../src/libp2p/ipns-validator.ts'

const HOUR_MS = 3_600_000

async function sign(
  owner: PrivateKey,
  { sequence = 1, lifetimeMs = HOUR_MS, v1Compatible = true } = {},
): Promise<Uint8Array> {
  const record = v1Compatible
    ? await createIPNSRecord(owner, '/ipfs/bafkqaaa', sequence, lifetimeMs)
    : await createIPNSRecord(owner, '/ipfs/bafkqaaa', sequence, lifetimeMs, {
        v1Compatible: false,
      })
  return marshalIPNSRecord(record)
}

function keyOf(owner: PrivateKey): Uint8Array {
  return multihashToIPNSRoutingKey(owner.publicKey.toMultihash())
}

describe('an IPNS record', () => {
  it.each(['Ed25519', 'secp256k1', 'RSA'] as const)(
    'signed with a key of %s is valid',
    async (type) => {
      const owner = await (type === 'RSA' ? generateKeyPair('RSA', 2048) : generateKeyPair(type))
      for (const v1Compatible of [true, false]) {
        const record = await sign(owner, { sequence: 7, v1Compatible })
        const verdict = ipnsValidator.validate(keyOf(owner), record, Date.now())
        expect(verdict).toMatchObject({
          valid: true,
          version: 7,
          writer: peerIdFromPrivateKey(owner).toString(),
          deleted: false,
        })
        await expect(theirValidator(keyOf(owner), record)).resolves.toBeUndefined()
      }
    },
  )

  it('of another owner, changed, or too long is refused', async () => {
    const [owner, other] = await Promise.all([
      generateKeyPair('Ed25519'),
      generateKeyPair('Ed25519'),
    ])
    const record = await sign(owner)
    const cases: [Uint8Array, Uint8Array][] = [
      [keyOf(other), record],
      [keyOf(owner), record.subarray(0, -1)],
      [keyOf(owner), record.map((byte, i) => (i === record.length - 20 ? byte ^ 1 : byte))],
      [keyOf(owner), new Uint8Array(10_241)],
      [keyOf(owner), new Uint8Array(0)],
      [new TextEncoder().encode('/ipns/name'), record],
    ]
    for (const [key, value] of cases) {
      expect(ipnsValidator.validate(key, value, Date.now())).toMatchObject({ valid: false })
      await expect(theirValidator(key, value)).rejects.toBeInstanceOf(Error)
    }
  })

  it('ends when its owner said so', async () => {
    const owner = await generateKeyPair('Ed25519')
    const record = await sign(owner)
    const now = Date.now()
    const verdict = ipnsValidator.validate(keyOf(owner), record, now)
    const endsAt = verdict.valid ? (verdict.expiresAt ?? 0) : 0
    expect(Math.abs(endsAt - now - HOUR_MS)).toBeLessThan(60_000)
    expect(ipnsValidator.validate(keyOf(owner), record, endsAt)).toMatchObject({
      valid: false,
      code: 'expired',
    })
  })

  it('of the higher sequence wins, then the one that ends later', async () => {
    const owner = await generateKeyPair('Ed25519')
    const key = keyOf(owner)
    const records = await Promise.all([
      sign(owner, { sequence: 1, lifetimeMs: 3 * HOUR_MS }),
      sign(owner, { sequence: 2, lifetimeMs: HOUR_MS }),
      sign(owner, { sequence: 2, lifetimeMs: 2 * HOUR_MS }),
    ])
    for (const [better, worse] of [
      [1, 0],
      [2, 0],
      [2, 1],
    ] as const) {
      const [a, b] = [records[better], records[worse]]
      expect(ipnsValidator.select(key, a, b)).toBeGreaterThan(0)
      expect(ipnsValidator.select(key, b, a)).toBeLessThan(0)
      expect(ipnsValidator.select(key, a, a)).toBe(0)
      expect([ipnsSelector(key, [a, b]), ipnsSelector(key, [b, a])]).toEqual([0, 1])
    }
  })
})
