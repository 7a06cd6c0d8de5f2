import type { PrivateKey } from '@libp2p/interface'
import { MalformedFieldsError } from '../core/canonical-fields.ts'
import { KadmiumError } from '../core/errors.ts'
import type { Envelopes, UnixMs } from '../core/ports.ts'
import { KV_NAMESPACE, MUTABLE_NAMESPACE, parseRecordKey } from '../core/record-key.ts'
import { decodeSignedValue, encodeSignedValue, type SignedValue } from '../core/signed-value.ts'
import { sealEnvelope } from './envelopes.ts'

/** What a writer says when writing a signed value. */
export interface SealInit {
  /** The record key: `/mutable/…` or `/kv/…`. */
  readonly key: Uint8Array
  /** Empty for a tombstone. */
  readonly value: Uint8Array
  /** The sequence (`/mutable/`), or the hybrid timestamp (`/kv/`, core/hybrid-clock.ts). From 1 on. */
  readonly version: number
  /** When the value ends, whatever peers do. Leave it out for tombstones: they must outlive old copies. */
  readonly expiresAt?: UnixMs | undefined
  /** Makes a tombstone. Default: false. */
  readonly deleted?: boolean | undefined
}

/** What is read from a stored value. */
export interface OpenedRecord {
  /** The value that the writer put. A view of the stored bytes. */
  readonly value: Uint8Array
  /** 0 for kinds without versions. */
  readonly version: number
  readonly expiresAt: UnixMs | undefined
  readonly deleted: boolean
  /** The peer id text of who signed it; `undefined` for unsigned kinds. */
  readonly writer: string | undefined
}

/** Whether values of this key are stored in signed envelopes. */
export function isSignedKey(key: Uint8Array): boolean {
  const namespace = parseRecordKey(key)?.namespace
  return namespace === MUTABLE_NAMESPACE || namespace === KV_NAMESPACE
}

/**
 * The bytes to store for a value of a signed kind: the envelope.
 *
 * @throws KadmiumError `ERR_INVALID_RECORD` if a field is out of its range; `ERR_INVALID_OPTION` for an ECDSA key.
 */
export async function seal(privateKey: PrivateKey, init: SealInit): Promise<Uint8Array> {
  return sealEnvelope(privateKey, encode({ ...init, deleted: init.deleted ?? false }))
}

/**
 * Reads stored bytes: opens the envelope of a signed kind, takes others as they are.
 *
 * @returns `undefined` if it is no well-formed envelope. Whether the writer may write the key is the validator's business.
 */
export function openRecord(
  key: Uint8Array,
  bytes: Uint8Array,
  envelopes: Envelopes,
): OpenedRecord | undefined {
  if (!isSignedKey(key)) {
    return { value: bytes, version: 0, expiresAt: undefined, deleted: false, writer: undefined }
  }
  const envelope = envelopes.open(bytes)
  if (envelope === undefined) return undefined
  const signed = decode(envelope.payload)
  if (signed === undefined) return undefined
  const { value, version, expiresAt, deleted } = signed
  return { value, version, expiresAt, deleted, writer: envelope.signer }
}

function encode(signed: SignedValue): Uint8Array {
  try {
    return encodeSignedValue(signed)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new KadmiumError('ERR_INVALID_RECORD', error.message, { cause: error })
  }
}

function decode(payload: Uint8Array): SignedValue | undefined {
  try {
    return decodeSignedValue(payload)
  } catch (error) {
    if (error instanceof MalformedFieldsError) return undefined
    throw error
  }
}
