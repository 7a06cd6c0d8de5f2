import {
  type BytesField,
  CanonicalReader,
  encodeFields,
  MalformedFieldsError,
  type NumberField,
} from './canonical-fields.ts'
import { RECORD_KEY_BYTES_MAX } from './limits.ts'
import type { UnixMs } from './ports.ts'

/**
 * What a writer signs: the payload of the envelope in which values of `/mutable/` and `/kv/` are stored. As protobuf:
 *
 *     message SignedValue {
 *       bytes  key        = 1;  // the record key: an envelope cannot be replayed under another
 *       bytes  value      = 2;
 *       uint64 version    = 3;  // 1 to 2^53 - 1: the sequence (/mutable/), the hybrid timestamp (/kv/)
 *       uint64 expires_at = 4;  // milliseconds since 1970; absent: as long as the peers keep values
 *       bool   deleted    = 5;
 *     }
 *
 * in canonical form only (canonical-fields.ts); fields at their default are absent.
 */
export interface SignedValue {
  readonly key: Uint8Array
  /** Empty in a tombstone. */
  readonly value: Uint8Array
  /** Counts from 1; the higher one wins. */
  readonly version: number
  /** The owner's word on when it ends; nobody else can move it. `undefined`: not said. */
  readonly expiresAt?: UnixMs | undefined
  /** A tombstone: the key has no value from this version on. */
  readonly deleted: boolean
}

/**
 * The bytes to sign.
 *
 * @throws RangeError if a field is out of its range, or a tombstone has a value.
 */
export function encodeSignedValue(signed: SignedValue): Uint8Array {
  const fault = faultOf(signed)
  if (fault !== undefined) throw new RangeError(fault)
  const fields: (NumberField | BytesField)[] = [{ field: 1, bytes: signed.key }]
  if (signed.value.length > 0) fields.push({ field: 2, bytes: signed.value })
  fields.push({ field: 3, value: signed.version })
  if (signed.expiresAt !== undefined) fields.push({ field: 4, value: signed.expiresAt })
  if (signed.deleted) fields.push({ field: 5, value: 1 })
  return encodeFields(fields)
}

/**
 * Reads what was signed; key and value are views of `bytes`.
 *
 * @throws MalformedFieldsError if the bytes are not exactly what `encodeSignedValue` makes of their contents.
 */
export function decodeSignedValue(bytes: Uint8Array): SignedValue {
  const reader = new CanonicalReader(bytes)
  const key = reader.take(1, 'bytes') ? reader.bytes() : EMPTY
  const value = reader.take(2, 'bytes') ? notDefault(reader.bytes()) : EMPTY
  const version = reader.take(3, 'varint') ? reader.varint() : 0
  const expiresAt = reader.take(4, 'varint') ? reader.varint() : undefined
  const deleted = reader.take(5, 'varint')
  if (deleted && reader.varint() !== 1)
    throw new MalformedFieldsError('`deleted` is neither 0 nor 1')
  reader.end()
  const signed: SignedValue = { key, value, version, expiresAt, deleted }
  const fault = faultOf(signed)
  if (fault !== undefined) throw new MalformedFieldsError(fault)
  return signed
}

const EMPTY = new Uint8Array(0)

function notDefault(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw new MalformedFieldsError('an empty field is written out')
  return bytes
}

function faultOf({ key, value, version, expiresAt, deleted }: SignedValue): string | undefined {
  if (key.length === 0 || key.length > RECORD_KEY_BYTES_MAX) {
    return `a record key has 1 to ${RECORD_KEY_BYTES_MAX} bytes, this one has ${key.length}`
  }
  if (!isPositive(version)) return `a version is a whole number in 1…2^53 - 1, got ${version}`
  if (expiresAt !== undefined && !isPositive(expiresAt)) {
    return `\`expiresAt\` is a whole number of milliseconds in 1…2^53 - 1, got ${expiresAt}`
  }
  if (deleted && value.length > 0) return 'a tombstone has no value'
  return undefined
}

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}
