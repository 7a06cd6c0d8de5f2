import { unreachable } from '../core/assert.ts'
import type { Contact } from '../core/contact.ts'
import { REFUSAL_BYTES_MAX } from '../core/limits.ts'
import type { Hearing, RpcOutcome, RpcRequest, RpcResponse, WatchCursor } from '../core/message.ts'
import type { ValueRecord } from '../core/record.ts'
import {
  TAG_CLOSER,
  TAG_IF_VERSION,
  TAG_KADMIUM,
  TAG_KEY,
  TAG_KNOWN,
  TAG_MISSED,
  TAG_PROVIDERS,
  TAG_RECORD,
  TAG_REFUSAL,
  TAG_TELL_CLOSER,
  TAG_TYPE,
  TAG_WAIT_MS,
  TAG_WATCH_EPOCH,
  TAG_WATCH_SERIAL,
  TYPE_NUMBERS,
} from './message-fields.ts'
import { encodePeer } from './peer-codec.ts'
import { recordSize, writeRecord } from './record-codec.ts'
import { lengthPrefixedSize, varintSize, writeLengthPrefixed, writeVarint } from './varint.ts'

/** How a message is written. */
export interface Encoding {
  /** With its length before it, as it goes on a stream. */
  readonly framed: boolean
  /** Whether it says that Kadmium wrote it (message-fields.ts). */
  readonly kadmium: boolean
  /** What a record says of when it was received if it does not know: RFC 3339, or ''. */
  readonly timeReceived: string
}

/** A bare message, as the specification has it. */
export const PLAIN: Encoding = { framed: false, kadmium: false, timeReceived: '' }

/** The bytes of a request. */
export function encodeRequest(request: RpcRequest, encoding: Encoding = PLAIN): Uint8Array {
  const type = request.type
  switch (type) {
    case 'ping':
      return write({ ...NOTHING, type: TYPE_NUMBERS.ping }, encoding)
    case 'find-node':
    case 'get-value':
    case 'get-providers':
      return write(
        { ...NOTHING, ...heardOf(request), type: TYPE_NUMBERS[type], key: request.key },
        encoding,
      )
    case 'put-value': {
      const { key, record, tellCloser = false, ifVersion } = request
      const numbers = versionNumber(ifVersion)
      return write(
        {
          ...NOTHING,
          ...heardOf(request),
          type: TYPE_NUMBERS[type],
          key,
          record,
          tellCloser,
          numbers,
        },
        encoding,
      )
    }
    case 'add-provider': {
      const { key, providers, tellCloser = false } = request
      return write(
        { ...NOTHING, ...heardOf(request), type: TYPE_NUMBERS[type], key, providers, tellCloser },
        encoding,
      )
    }
    case 'watch': {
      const { key, cursor, waitMs } = request
      const numbers = watchNumbers({ cursor, waitMs })
      return write({ ...NOTHING, type: TYPE_NUMBERS[type], key, numbers }, encoding)
    }
    default:
      return unreachable(request)
  }
}

/**
 * The bytes of an answer to `request`.
 *
 * @param bareEcho The asker takes a stored value's acknowledgement without the value in it.
 */
export function encodeAnswer(
  request: RpcRequest,
  outcome: RpcOutcome,
  encoding: Encoding = PLAIN,
  bareEcho = false,
): Uint8Array {
  const type = TYPE_NUMBERS[request.type]
  if (!outcome.ok) {
    const { reason, heldVersion } = outcome.failure
    const refusal = shortened(reason ?? outcome.failure.type)
    return write({ ...NOTHING, type, refusal, numbers: versionNumber(heldVersion) }, encoding)
  }
  return write(draftOf(request, outcome.response, bareEcho), encoding)
}

function draftOf(request: RpcRequest, response: RpcResponse, bareEcho: boolean): Draft {
  const type = TYPE_NUMBERS[response.type]
  switch (response.type) {
    case 'ping':
      return { ...NOTHING, type }
    case 'find-node':
      return { ...NOTHING, type, closer: response.closer }
    case 'get-value':
      return { ...NOTHING, type, record: response.record, closer: response.closer }
    case 'get-providers':
      return { ...NOTHING, type, closer: response.closer, providers: response.providers }
    case 'put-value': {
      const { closer = NOTHING.closer } = response
      if (bareEcho || request.type !== 'put-value') return { ...NOTHING, type, closer }
      return { ...NOTHING, type, key: request.key, record: request.record, closer }
    }
    case 'add-provider':
      return { ...NOTHING, type, closer: response.closer ?? NOTHING.closer }
    case 'watch': {
      const { cursor, records, missed, closer } = response
      return { ...NOTHING, type, records, closer, numbers: watchNumbers({ cursor, missed }) }
    }
    default:
      return unreachable(response)
  }
}

/** The fields of a message to be written. */
interface Draft {
  readonly type: number
  readonly key: Uint8Array | undefined
  readonly record: ValueRecord | undefined
  /** Instead of `record`, where there may be several. */
  readonly records: readonly ValueRecord[] | undefined
  readonly closer: readonly Contact[]
  readonly providers: readonly Contact[]
  readonly refusal: Uint8Array | undefined
  readonly tellCloser: boolean
  /** Heads of contacts, four bytes each. */
  readonly known: readonly number[]
  /** What is said in numbers beside that: tags, of two bytes each, and values. */
  readonly numbers: readonly TaggedNumber[]
}

type TaggedNumber = readonly [tag: number, value: number]

interface WatchFields {
  readonly cursor: WatchCursor | undefined
  readonly waitMs?: number
  readonly missed?: number
}

const NOTHING: Omit<Draft, 'type'> = {
  key: undefined,
  record: undefined,
  records: undefined,
  closer: [],
  providers: [],
  refusal: undefined,
  tellCloser: false,
  known: [],
  numbers: [],
}

const NO_RECORDS: readonly ValueRecord[] = []

/** Measures first, then writes into one buffer of exactly that size. */
function write(draft: Draft, encoding: Encoding): Uint8Array {
  const { key, record, refusal, known } = draft
  const records = record === undefined ? (draft.records ?? NO_RECORDS) : [record]
  let size = draft.type === 0 ? 0 : 2 // proto3 leaves out what is zero
  if (key !== undefined) size += 1 + lengthPrefixedSize(key.length)
  for (const each of records) {
    size += 1 + lengthPrefixedSize(recordSize(each, encoding.timeReceived))
  }
  size += peersSize(draft.closer) + peersSize(draft.providers)
  if (refusal !== undefined) size += 2 + lengthPrefixedSize(refusal.length)
  if (encoding.kadmium) size += 3
  if (draft.tellCloser) size += 3
  if (known.length > 0) size += 2 + lengthPrefixedSize(4 * known.length)
  for (const [, number] of draft.numbers) size += 2 + varintSize(number)
  const prefix = encoding.framed ? varintSize(size) : 0
  const bytes = new Uint8Array(prefix + size)
  let at = encoding.framed ? writeVarint(bytes, 0, size) : 0
  if (draft.type !== 0) {
    bytes[at] = TAG_TYPE
    bytes[at + 1] = draft.type
    at += 2
  }
  if (key !== undefined) {
    bytes[at] = TAG_KEY
    at = writeLengthPrefixed(bytes, at + 1, key)
  }
  for (const each of records) {
    bytes[at] = TAG_RECORD
    at = writeVarint(bytes, at + 1, recordSize(each, encoding.timeReceived))
    at = writeRecord(bytes, at, each, encoding.timeReceived)
  }
  at = writePeers(bytes, at, TAG_CLOSER, draft.closer)
  at = writePeers(bytes, at, TAG_PROVIDERS, draft.providers)
  if (refusal !== undefined) {
    at = writeLengthPrefixed(bytes, writeVarint(bytes, at, TAG_REFUSAL), refusal)
  }
  if (encoding.kadmium) at = writeFlag(bytes, at, TAG_KADMIUM)
  if (draft.tellCloser) at = writeFlag(bytes, at, TAG_TELL_CLOSER)
  if (known.length > 0) at = writeHeads(bytes, at, known)
  for (const [tag, number] of draft.numbers) {
    at = writeVarint(bytes, writeVarint(bytes, at, tag), number)
  }
  return bytes
}

/** A version is written even if it is 0, which says that there is none. */
function versionNumber(version: number | undefined): readonly TaggedNumber[] {
  return version === undefined ? NOTHING.numbers : [[TAG_IF_VERSION, version]]
}

/** What a watcher's message says in numbers. */
function watchNumbers({ cursor, waitMs, missed }: WatchFields): readonly TaggedNumber[] {
  const numbers: TaggedNumber[] = []
  if (cursor !== undefined) {
    numbers.push([TAG_WATCH_EPOCH, cursor.epoch], [TAG_WATCH_SERIAL, cursor.serial])
  }
  if (waitMs !== undefined) numbers.push([TAG_WAIT_MS, Math.ceil(waitMs)])
  if (missed !== undefined) numbers.push([TAG_MISSED, missed])
  return numbers
}

function writeFlag(bytes: Uint8Array, at: number, tag: number): number {
  const position = writeVarint(bytes, at, tag)
  bytes[position] = 1
  return position + 1
}

function heardOf({ known }: Hearing): Pick<Draft, 'known'> {
  return { known: known ?? NOTHING.known }
}

function writeHeads(bytes: Uint8Array, at: number, heads: readonly number[]): number {
  let position = writeVarint(bytes, writeVarint(bytes, at, TAG_KNOWN), 4 * heads.length)
  for (const head of heads) {
    bytes[position] = head >> 24
    bytes[position + 1] = head >> 16
    bytes[position + 2] = head >> 8
    bytes[position + 3] = head
    position += 4
  }
  return position
}

function peersSize(contacts: readonly Contact[]): number {
  let size = 0
  for (const contact of contacts) size += 1 + lengthPrefixedSize(encodePeer(contact).length)
  return size
}

function writePeers(
  bytes: Uint8Array,
  at: number,
  tag: number,
  contacts: readonly Contact[],
): number {
  let position = at
  for (const contact of contacts) {
    bytes[position] = tag
    position = writeLengthPrefixed(bytes, position + 1, encodePeer(contact))
  }
  return position
}

/** The text as UTF-8, cut to the limit between two characters. */
function shortened(reason: string): Uint8Array {
  const bytes = new Uint8Array(REFUSAL_BYTES_MAX)
  const { written } = new TextEncoder().encodeInto(reason, bytes)
  return bytes.subarray(0, written)
}
