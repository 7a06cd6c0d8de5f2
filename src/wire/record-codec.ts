import type { ValueRecord } from '../core/record.ts'
import { ByteReader } from './byte-reader.ts'
import { lengthPrefixedSize, varintSize, writeLengthPrefixed, writeVarint } from './varint.ts'

/*
 * message Record { bytes key = 1; bytes value = 2; string timeReceived = 5; uint32 ttl = 777 (rust-libp2p) }
 *
 * rust-libp2p's `publisher` (666) and the `author` and `signature` (3, 4) of old peers are skipped: nothing proves them.
 */
const TAG_KEY = 0x0a
const TAG_VALUE = 0x12
const TAG_TIME_RECEIVED = 0x2a
const TAG_TTL = 777 * 8
const TAG_TTL_BYTES = 2

const TTL_SECONDS_MAX = 2 ** 32 - 1
const TIME_BYTES_MAX = 64

/** Bytes of a `Record` message, as a string of text that `writeRecord` puts in if the record has none of its own. */
export function recordSize(record: ValueRecord, timeReceived: string): number {
  let size = 1 + lengthPrefixedSize(record.key.length) + 1 + lengthPrefixedSize(record.value.length)
  const time = record.timeReceived ?? timeReceived
  if (time.length > 0) size += 1 + lengthPrefixedSize(time.length)
  const ttl = ttlSeconds(record.ttlMs)
  return ttl === 0 ? size : size + TAG_TTL_BYTES + varintSize(ttl)
}

/** Writes a `Record` message at `at` and returns the position behind it. */
export function writeRecord(
  bytes: Uint8Array,
  at: number,
  record: ValueRecord,
  timeReceived: string,
): number {
  bytes[at] = TAG_KEY
  let position = writeLengthPrefixed(bytes, at + 1, record.key)
  bytes[position] = TAG_VALUE
  position = writeLengthPrefixed(bytes, position + 1, record.value)
  const time = record.timeReceived ?? timeReceived
  if (time.length > 0) {
    bytes[position] = TAG_TIME_RECEIVED
    position = writeVarint(bytes, position + 1, time.length)
    for (let i = 0; i < time.length; i++) bytes[position++] = time.charCodeAt(i) & 0x7f
  }
  const ttl = ttlSeconds(record.ttlMs)
  return ttl === 0 ? position : writeVarint(bytes, writeVarint(bytes, position, TAG_TTL), ttl)
}

/**
 * Reads the `Record` message in `bytes` from `start` up to `end`. Key and value are copies: records outlive their message.
 *
 * @throws WireError
 */
export function decodeRecord(bytes: Uint8Array, start: number, end: number): ValueRecord {
  const reader = new ByteReader(bytes, start, end)
  let key: Uint8Array = EMPTY
  let value: Uint8Array = EMPTY
  let timeReceived = ''
  let ttl = 0
  while (reader.position < end) {
    const tag = reader.varint()
    switch (tag) {
      case TAG_KEY:
        key = takeBytes(reader)
        break
      case TAG_VALUE:
        value = takeBytes(reader)
        break
      case TAG_TIME_RECEIVED:
        timeReceived = takeTime(reader)
        break
      case TAG_TTL:
        ttl = Math.min(reader.varint(), TTL_SECONDS_MAX)
        break
      default:
        reader.skip(tag)
    }
  }
  return ttl === 0 ? { key, value, timeReceived } : { key, value, timeReceived, ttlMs: ttl * 1000 }
}

const EMPTY = new Uint8Array(0)

/** Whole seconds, rounded down so that no copy lives longer than its original; 0 stands for "not said". */
function ttlSeconds(ttlMs: number | undefined): number {
  if (ttlMs === undefined) return 0
  return Math.min(Math.max(1, Math.floor(ttlMs / 1000)), TTL_SECONDS_MAX)
}

function takeBytes(reader: ByteReader): Uint8Array {
  const end = reader.fieldEnd()
  const taken = reader.bytes.slice(reader.position, end)
  reader.position = end
  return taken
}

/** The text if it can be a time; nobody trusts it, but it is shown and passed on. */
function takeTime(reader: ByteReader): string {
  const end = reader.fieldEnd()
  let text = ''
  if (end - reader.position <= TIME_BYTES_MAX) {
    for (let i = reader.position; i < end; i++) {
      const byte = reader.bytes[i] as number // end lies within
      text += String.fromCharCode(byte)
    }
  }
  reader.position = end
  return /^[0-9TZ:.+-]*$/.test(text) ? text : ''
}
