import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { RecordEnvelope } from '@libp2p/peer-record'
import { describe, expect, it } from 'vitest'
import { CanonicalReader, encodeFields } from '../../src/core/canonical-fields.ts'
import {
  ENVELOPE_DOMAIN,
  ENVELOPE_PAYLOAD_TYPE,
  Libp2pEnvelopes,
  sealEnvelope,
} from '../../src/libp2p/envelopes.ts'

const PAYLOAD = new TextEncoder().encode('the payload')
const KINDS = ['Ed25519', 'secp256k1', 'RSA'] as const

describe.each(KINDS)('an envelope signed with a key of kind %s', (kind) => {
  const keys = generateKeyPair(kind as 'Ed25519')

  it('opens to its signer and payload, again and again', async () => {
    const key = await keys
    const envelope = await sealEnvelope(key, PAYLOAD)
    const envelopes = new Libp2pEnvelopes()
    for (let i = 0; i < 2; i++) {
      const opened = envelopes.open(envelope)
      expect(opened?.signer).toBe(peerIdFromPrivateKey(key).toString())
      expect(Buffer.from(opened?.payload ?? [])).toEqual(Buffer.from(PAYLOAD))
    }
  })

  it('does not open when any byte of it differs, even after it has opened', async () => {
    const envelope = new Uint8Array(await sealEnvelope(await keys, PAYLOAD))
    const envelopes = new Libp2pEnvelopes()
    expect(envelopes.open(envelope)).toBeDefined()
    for (let at = 0; at < envelope.length; at++) {
      // secp256k1 is verified in JavaScript: a sample is enough.
      if (kind === 'secp256k1' && at % 7 !== 0) continue
      const tampered = envelope.with(at, (envelope[at] ?? 0) ^ 1)
      expect(envelopes.open(tampered), `byte ${at}`).toBeUndefined()
    }
  })

  it('is opened by RecordEnvelope, and opens what RecordEnvelope seals', async () => {
    const key = await keys
    const certified = await RecordEnvelope.openAndCertify(
      await sealEnvelope(key, PAYLOAD),
      ENVELOPE_DOMAIN,
    )
    expect(Buffer.from(certified.payload)).toEqual(Buffer.from(PAYLOAD))
    expect(certified.publicKey.equals(key.publicKey)).toBe(true)
    const theirs = await sealAs(key, ENVELOPE_DOMAIN, ENVELOPE_PAYLOAD_TYPE)
    expect(new Libp2pEnvelopes().open(theirs)?.signer).toBe(peerIdFromPrivateKey(key).toString())
  })
})

describe('an envelope', () => {
  const keys = generateKeyPair('Ed25519')

  it('of another domain or payload type does not open', async () => {
    const key = await keys
    const envelopes = new Libp2pEnvelopes()
    expect(
      envelopes.open(await sealAs(key, 'libp2p-peer-record', ENVELOPE_PAYLOAD_TYPE)),
    ).toBeUndefined()
    expect(envelopes.open(await sealAs(key, ENVELOPE_DOMAIN, Uint8Array.of(3, 1)))).toBeUndefined()
  })

  it('with the key of another than the signer does not open', async () => {
    const { publicKey } = await generateKeyPair('Ed25519')
    const fields = fieldsOf(await sealEnvelope(await keys, PAYLOAD))
    const forged = encodeEnvelope({ ...fields, publicKey: publicKeyToProtobuf(publicKey) })
    expect(new Libp2pEnvelopes().open(forged)).toBeUndefined()
  })

  it('has one encoding only, for others could be made by anyone', async () => {
    const fields = fieldsOf(await sealEnvelope(await keys, PAYLOAD))
    const { publicKey, payloadType, payload, signature } = fields
    const same = encodeEnvelope(fields)
    const inOrder = [1, 2, 3, 5]
    const parts = [publicKey, payloadType, payload, signature]
    const field = (i: number): Uint8Array =>
      encodeFields([{ field: inOrder[i] ?? 0, bytes: parts[i] ?? PAYLOAD }])
    // The key's own protobuf: type and data; data first says the same.
    const keyReversed = Uint8Array.of(...publicKey.subarray(2), ...publicKey.subarray(0, 2))
    const envelopes = new Libp2pEnvelopes()
    expect(envelopes.open(same)).toBeDefined()
    for (const other of [
      Buffer.concat([field(1), field(0), field(2), field(3)]),
      Buffer.concat([same, encodeFields([{ field: 9, bytes: PAYLOAD }])]),
      Buffer.concat([same, field(3)]),
      encodeEnvelope({ ...fields, publicKey: keyReversed }),
    ]) {
      expect(envelopes.open(other)).toBeUndefined()
    }
  })

  it('is not what random or empty bytes are', () => {
    const envelopes = new Libp2pEnvelopes()
    expect(envelopes.open(new Uint8Array(0))).toBeUndefined()
    expect(envelopes.open(new Uint8Array(200).fill(10))).toBeUndefined()
    expect(envelopes.open(encodeFields([{ field: 1, bytes: PAYLOAD }]))).toBeUndefined()
  })

  it('is not made with an ECDSA key, whose owner has no peer id', async () => {
    const key = await generateKeyPair('ECDSA')
    const sealing = sealEnvelope(key, PAYLOAD)
    await expect(sealing).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' })
    await expect(sealing).rejects.toThrow(/not with ECDSA/)
    expect(
      new Libp2pEnvelopes().open(await sealAs(key, ENVELOPE_DOMAIN, ENVELOPE_PAYLOAD_TYPE)),
    ).toBeUndefined()
  })
})

async function sealAs(key: PrivateKey, domain: string, codec: Uint8Array): Promise<Uint8Array> {
  const record = { domain, codec, marshal: () => PAYLOAD, equals: () => false }
  return (await RecordEnvelope.seal(record, key)).marshal()
}

interface Fields {
  readonly publicKey: Uint8Array
  readonly payloadType: Uint8Array
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

function fieldsOf(envelope: Uint8Array): Fields {
  const reader = new CanonicalReader(envelope)
  const field = (number: number): Uint8Array =>
    reader.take(number, 'bytes') ? reader.bytes() : new Uint8Array(0)
  return { publicKey: field(1), payloadType: field(2), payload: field(3), signature: field(5) }
}

function encodeEnvelope({ publicKey, payloadType, payload, signature }: Fields): Uint8Array {
  return encodeFields([
    { field: 1, bytes: publicKey },
    { field: 2, bytes: payloadType },
    { field: 3, bytes: payload },
    { field: 5, bytes: signature },
  ])
}
