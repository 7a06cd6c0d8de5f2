import { createHash } from 'node:crypto'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { kvKey, mutableKey } from '../../src/core/record-key.ts'
import { defaultValidators } from '../../src/core/validators.ts'
import { Libp2pEnvelopes } from '../../src/libp2p/envelopes.ts'
import { PK_NAMESPACE, pkValidator } from '../../src/libp2p/pk-validator.ts'
import { openRecord, seal } from '../../src/libp2p/records.ts'
import { sha256Key } from '../support/values.ts'

const NOW = Date.UTC(2026, 0, 1)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const envelopes = new Libp2pEnvelopes()
const validators = defaultValidators(
  { hash: (data) => new Uint8Array(createHash('sha256').update(data).digest()), envelopes },
  new Map([[PK_NAMESPACE, pkValidator]]),
)
const keys = generateKeyPair('Ed25519')

describe('a sealed record', () => {
  it('satisfies the validators and opens to what was sealed', async () => {
    const privateKey = await keys
    const writer = peerIdFromPrivateKey(privateKey).toString()
    const key = mutableKey(writer, 'n')
    for (const value of [bytes(''), bytes('v'), new Uint8Array(65_536).fill(7)]) {
      const sealed = await seal(privateKey, { key, value, version: 3, expiresAt: NOW + 1 })
      expect(validators.validate(key, sealed, NOW)).toMatchObject({
        valid: true,
        writer,
        version: 3,
      })
      const opened = openRecord(key, sealed, envelopes)
      expect(opened).toMatchObject({ version: 3, expiresAt: NOW + 1, deleted: false, writer })
      expect(Buffer.compare(opened?.value ?? bytes('none'), value)).toBe(0)
    }
  })

  it('of another’s mutable key is refused, and so is one for another key', async () => {
    const privateKey = await keys
    const stranger = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    const key = mutableKey(stranger, 'n')
    const sealed = await seal(privateKey, { key, value: bytes('v'), version: 1 })
    expect(validators.validate(key, sealed, NOW)).toMatchObject({ valid: false })
    const other = await seal(privateKey, { key: kvKey('a'), value: bytes('v'), version: 1 })
    expect(validators.validate(kvKey('b'), other, NOW)).toMatchObject({ valid: false })
  })

  it('may be a tombstone', async () => {
    const init = { key: kvKey('a'), value: bytes(''), version: 1, deleted: true }
    const sealed = await seal(await keys, init)
    expect(openRecord(kvKey('a'), sealed, envelopes)).toMatchObject({ deleted: true })
  })

  it('is refused with a clear error when a field is out of range', async () => {
    const init = { key: kvKey('a'), value: bytes('v'), version: 0 }
    const sealing = seal(await keys, init)
    await expect(sealing).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    await expect(sealing).rejects.toThrow(/version is a whole number in 1…2\^53 - 1, got 0/)
  })

  it('is bare for keys of unsigned kinds, and nothing if it is no envelope', () => {
    const value = bytes('v')
    expect(openRecord(sha256Key(value), value, envelopes)).toMatchObject({
      value,
      writer: undefined,
    })
    expect(openRecord(kvKey('a'), value, envelopes)).toBeUndefined()
  })
})

describe('a value of /pk/', () => {
  it.each(['RSA', 'Ed25519', 'secp256k1'] as const)(
    'is the %s key whose hash is the path',
    async (kind) => {
      const { publicKey } = await generateKeyPair(kind as 'RSA')
      const value = publicKeyToProtobuf(publicKey)
      const key = Uint8Array.of(...bytes('/pk/'), ...publicKey.toMultihash().bytes)
      expect(validators.validate(key, value, NOW)).toMatchObject({ valid: true, version: 0 })
      const other = publicKeyToProtobuf((await generateKeyPair('Ed25519')).publicKey)
      expect(validators.validate(key, other, NOW)).toMatchObject({ valid: false })
      expect(validators.validate(key, bytes('garbage'), NOW)).toMatchObject({ valid: false })
      const spelledOtherwise = Uint8Array.of(...value, ...value.subarray(0, 2))
      expect(validators.validate(key, spelledOtherwise, NOW)).toMatchObject({ valid: false })
    },
  )
})
