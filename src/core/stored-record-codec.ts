import type { StorageWrite, UnixMs } from './ports.ts'
import type { RecordOrigin, StoredRecord } from './record.ts'

/** Storage keys of records: this prefix, then the record's key. */
export const RECORD_STORAGE_PREFIX: Uint8Array = new TextEncoder().encode('r/')

/*
 * The disk form, behind the storage key: 1 byte format, 1 byte origin, 8 bytes receivedAt and 8 bytes expiresAt (whole
 * milliseconds since 1970, big-endian), then the value.
 */
const FORMAT = 1
const HEADER_BYTES = 18
const ORIGINS: readonly RecordOrigin[] = ['cached', 'replica', 'owner']

/** The write that makes a record durable. */
export function encodeStoredRecord(stored: StoredRecord): StorageWrite {
  const { record, origin, receivedAt, expiresAt } = stored
  const value = new Uint8Array(HEADER_BYTES + record.value.length)
  const view = new DataView(value.buffer)
  value[0] = FORMAT
  value[1] = ORIGINS.indexOf(origin)
  setUint64(view, 2, Math.floor(receivedAt))
  setUint64(view, 10, Math.floor(expiresAt))
  value.set(record.value, HEADER_BYTES)
  return { key: storageKey(record.key), value }
}

/** A number of at most 53 bits. In halves: a bigint costs more than the rest of the record. */
function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32))
  view.setUint32(at + 4, value % 2 ** 32)
}

/** The write that forgets a record. */
export function deleteStoredRecord(key: Uint8Array): StorageWrite {
  return { key: storageKey(key), value: undefined }
}

/** Reads an entry of the storage; `undefined` if it is no record in this form. Says nothing of the value's validity. */
export function decodeStoredRecord(key: Uint8Array, value: Uint8Array): StoredRecord | undefined {
  const prefix = RECORD_STORAGE_PREFIX
  if (key.length <= prefix.length || !prefix.every((byte, i) => key[i] === byte)) return undefined
  if (value.length < HEADER_BYTES || value[0] !== FORMAT) return undefined
  const origin = ORIGINS[value[1] as number] // the header is there
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const receivedAt = toUnixMs(view.getBigUint64(2))
  const expiresAt = toUnixMs(view.getBigUint64(10))
  if (origin === undefined || receivedAt === undefined || expiresAt === undefined) return undefined
  // Copies, which slice() of a Buffer would not make.
  const record = {
    key: new Uint8Array(recordKeyOf(key)),
    value: new Uint8Array(value.subarray(HEADER_BYTES)),
  }
  return { record, origin, receivedAt, expiresAt }
}

/** The record's key in a storage key: what stands after the prefix. A view. */
export function recordKeyOf(storageKey: Uint8Array): Uint8Array {
  return storageKey.subarray(RECORD_STORAGE_PREFIX.length)
}

function storageKey(recordKey: Uint8Array): Uint8Array {
  const key = new Uint8Array(RECORD_STORAGE_PREFIX.length + recordKey.length)
  key.set(RECORD_STORAGE_PREFIX)
  key.set(recordKey, RECORD_STORAGE_PREFIX.length)
  return key
}

function toUnixMs(value: bigint): UnixMs | undefined {
  const ms = Number(value)
  return Number.isSafeInteger(ms) ? ms : undefined
}
