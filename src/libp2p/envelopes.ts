import { hash } from 'node:crypto'
import type { PrivateKey } from '@libp2p/interface'
import { RecordEnvelope } from '@libp2p/peer-record'
import { CanonicalReader } from '../core/canonical-fields.ts'
import { KadmiumError } from '../core/errors.ts'
import { bytesEqual } from '../core/key.ts'
import type { Envelopes, OpenEnvelope } from '../core/ports.ts'
import { ed25519Sign } from './ed25519.ts'
import { isSupportedKey, Signers } from './signers.ts'
import { loadSodium } from './sodium.ts'

/** The domain of our signatures: one for another purpose is none for us, nor ours for others. */
export const ENVELOPE_DOMAIN = 'kadmium-record'

/** The type of our payloads: a `SignedValue` (core/signed-value.ts). Another form of it would get another type. */
export const ENVELOPE_PAYLOAD_TYPE: Uint8Array = new TextEncoder().encode('/kadmium/signed-value/1')

/** Verified envelopes remembered by their digest; about 200 bytes each. */
const VERIFIED_MAX = 4_096

/**
 * Opens libp2p signed envelopes (RFC 0002) synchronously.
 *
 * Signers are those that libp2p has peer ids for: Ed25519, secp256k1 and RSA keys. ECDSA keys have none, and WebCrypto would
 * verify them asynchronously.
 * An envelope must be encoded as `RecordEnvelope` encodes it, key included: the signature does not cover the encoding, and
 * stored values are compared byte by byte.
 */
export class Libp2pEnvelopes implements Envelopes {
  /** The signers of verified envelopes by digest, the latest used last. A value is verified once, not at each touch. */
  readonly #verified = new Map<string, string>()
  readonly #signers = new Signers()

  open(envelope: Uint8Array): OpenEnvelope | undefined {
    try {
      const { payload, ...signature } = decodeEnvelope(envelope)
      const digest = hash('sha256', envelope, 'base64')
      const signer = this.#recall(digest) ?? this.#verify(signature, payload)
      if (signer === undefined) return undefined
      this.#remember(digest, signer)
      return { signer, payload }
    } catch {
      // Whatever the decoders of keys and envelopes throw over a stranger's bytes: it is no envelope of ours.
      return undefined
    }
  }

  #recall(digest: string): string | undefined {
    const signer = this.#verified.get(digest)
    if (signer !== undefined) this.#verified.delete(digest)
    return signer
  }

  #remember(digest: string, signer: string): void {
    this.#verified.set(digest, signer)
    if (this.#verified.size <= VERIFIED_MAX) return
    for (const oldest of this.#verified.keys()) {
      this.#verified.delete(oldest)
      return
    }
  }

  /** The signer's peer id if the signature is good. */
  #verify(
    { publicKey, payloadType, signature }: Omit<EnvelopeFields, 'payload'>,
    payload: Uint8Array,
  ): string | undefined {
    if (!bytesEqual(payloadType, ENVELOPE_PAYLOAD_TYPE)) return undefined
    const signer = this.#signers.of(publicKey)
    const isGood = signer?.isSignedBy(signedBytes(payloadType, payload), signature) === true
    return isGood ? signer.id : undefined
  }
}

/**
 * Signs a payload and puts it into an envelope.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for a kind of key that `Libp2pEnvelopes` does not open.
 */
export async function sealEnvelope(
  privateKey: PrivateKey,
  payload: Uint8Array,
): Promise<Uint8Array> {
  if (!isSupportedKey(privateKey.publicKey)) {
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `records are signed with Ed25519, secp256k1 or RSA keys, not with ${privateKey.type}: libp2p has no peer ids for it`,
    )
  }
  const signed = signedBytes(ENVELOPE_PAYLOAD_TYPE, payload)
  const signature =
    privateKey.type === 'Ed25519'
      ? await ed25519Sign(privateKey, signed, loadSodium())
      : await privateKey.sign(signed)
  const { publicKey } = privateKey
  const fields = { publicKey, payloadType: ENVELOPE_PAYLOAD_TYPE, payload, signature }
  return new RecordEnvelope(fields).marshal()
}

interface EnvelopeFields {
  readonly publicKey: Uint8Array
  readonly payloadType: Uint8Array
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** RFC 0002: public_key = 1, payload_type = 2, payload = 3, signature = 5. Views of `envelope`. */
function decodeEnvelope(envelope: Uint8Array): EnvelopeFields {
  const reader = new CanonicalReader(envelope)
  const field = (number: number): Uint8Array => {
    const bytes = reader.take(number, 'bytes') ? reader.bytes() : undefined
    if (bytes === undefined || bytes.length === 0) throw new Error(`field ${number} is missing`)
    return bytes
  }
  const fields = {
    publicKey: field(1),
    payloadType: field(2),
    payload: field(3),
    signature: field(5),
  }
  reader.end()
  return fields
}

const DOMAIN: Uint8Array = new TextEncoder().encode(ENVELOPE_DOMAIN)

/** What is signed: domain, payload type and payload, each behind its length (RFC 0002, "Signature Production"). */
function signedBytes(payloadType: Uint8Array, payload: Uint8Array): Uint8Array {
  const parts: readonly Uint8Array[] = [DOMAIN, payloadType, payload]
  return Buffer.concat(parts.flatMap((part) => [lengthPrefix(part.length), part]))
}

function lengthPrefix(length: number): Uint8Array {
  const bytes: number[] = []
  let rest = length
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Uint8Array.of(...bytes, rest)
}
