import { unreachable } from '../core/assert.ts'
import type { Contact } from '../core/contact.ts'
import { bytesEqual, headOf, keyFromDigest } from '../core/key.ts'
import {
  CONTACTS_PER_RESPONSE_MAX,
  REFUSAL_BYTES_MAX,
  REQUEST_KEY_BYTES_MAX,
  WATCH_BACKLOG_MAX,
} from '../core/limits.ts'
import type { RpcOutcome, RpcRequest, RpcType, WatchCursor } from '../core/message.ts'
import type { Hash } from '../core/ports.ts'
import type { ValueRecord } from '../core/record.ts'
import { ByteReader } from './byte-reader.ts'
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
  TYPES,
} from './message-fields.ts'
import { decodeRecord } from './record-codec.ts'
import { WireError } from './wire-error.ts'

/** What decoding needs besides the bytes. */
export interface DecodeContext {
  readonly hash: Hash
  /**
   * The contact that the `Peer` message in `bytes` from `start` up to `end` tells of, one object for equal messages where
   * possible (peer-codec.ts reads them); `undefined`: it is none, and is left out.
   */
  contactOf(bytes: Uint8Array, start: number, end: number): Contact | undefined
}

/** A request and what its sender understands. */
export interface DecodedRequest {
  readonly request: RpcRequest
  /** Kadmium sent it (message-fields.ts). */
  readonly kadmium: boolean
}

/** An answer and what is learnt of its sender. */
export interface DecodedAnswer {
  readonly outcome: RpcOutcome
  /** Kadmium sent it (message-fields.ts). */
  readonly kadmium: boolean
}

/** Entries of a list of peers looked at, good or bad; what stands after them is dropped unread. */
const PEERS_READ_MAX: number = CONTACTS_PER_RESPONSE_MAX * 2

/**
 * Reads a request. Its key is a view of `bytes`; a record's parts are copies.
 *
 * @throws WireError
 */
export function decodeRequest(bytes: Uint8Array, context: DecodeContext): DecodedRequest {
  const fields = readFields(bytes, context, false) // contacts in a request mean nothing
  const { kadmium, key, tellCloser } = fields
  const type = typeOf(fields.type)
  if (type === 'ping') return { request: { type }, kadmium }
  if (key === undefined || key.length === 0) throw new WireError(`${type} without a key`)
  if (key.length > REQUEST_KEY_BYTES_MAX) {
    throw new WireError(`a key of ${key.length} bytes; ${REQUEST_KEY_BYTES_MAX} are allowed`)
  }
  const target = keyFromDigest(context.hash(key))
  const heard = fields.known === undefined ? {} : { known: fields.known }
  switch (type) {
    case 'find-node':
    case 'get-value':
    case 'get-providers':
      return { request: { type, key, target, ...heard }, kadmium }
    case 'put-value': {
      const { record, version } = fields
      if (record === undefined) throw new WireError('put-value without a record')
      const wish = tellCloser ? { tellCloser } : {}
      const condition = version === undefined ? {} : { ifVersion: version }
      return { request: { type, key, target, record, ...heard, ...wish, ...condition }, kadmium }
    }
    case 'add-provider': {
      const { providers } = fields
      return {
        request: { type, key, target, providers, ...heard, ...(tellCloser && { tellCloser }) },
        kadmium,
      }
    }
    case 'watch': {
      const { cursor, waitMs } = fields
      return { request: { type, key, target, waitMs, ...(cursor && { cursor }) }, kadmium }
    }
    default:
      return unreachable(type)
  }
}

/**
 * Reads the answer to `request`.
 *
 * @throws WireError, also when it is the answer to another type of request.
 */
export function decodeAnswer(
  bytes: Uint8Array,
  request: RpcRequest,
  context: DecodeContext,
): DecodedAnswer {
  const fields = readFields(bytes, context, true)
  const { kadmium, closer, providers, record } = fields
  const type = typeOf(fields.type)
  if (type !== request.type) throw new WireError(`an answer to ${type} after ${request.type}`)
  if (fields.refusal !== undefined) {
    return { outcome: refused(fields.refusal, fields.version), kadmium }
  }
  switch (request.type) {
    case 'ping':
      return { outcome: { ok: true, response: { type: 'ping' } }, kadmium }
    case 'add-provider':
      return { outcome: written('add-provider', closer), kadmium }
    case 'find-node':
      return { outcome: { ok: true, response: { type: 'find-node', closer } }, kadmium }
    case 'get-value':
      return { outcome: { ok: true, response: { type: 'get-value', record, closer } }, kadmium }
    case 'get-providers':
      return {
        outcome: { ok: true, response: { type: 'get-providers', providers, closer } },
        kadmium,
      }
    case 'put-value': {
      const isEcho = record !== undefined && bytesEqual(record.value, request.record.value)
      if (kadmium || isEcho) return { outcome: written('put-value', closer), kadmium }
      return { outcome: refused('the peer did not echo the value'), kadmium }
    }
    case 'watch': {
      const { cursor, records, missed } = fields
      if (cursor === undefined) throw new WireError('an answer to watch without a cursor')
      const response = { type: 'watch', cursor, records, missed, closer } as const
      return { outcome: { ok: true, response }, kadmium }
    }
    default:
      return unreachable(request)
  }
}

/**
 * The type of a message, without reading the rest of it.
 *
 * @throws WireError
 */
export function messageType(bytes: Uint8Array): RpcType {
  const second = bytes[1]
  if (bytes[0] === TAG_TYPE && second !== undefined && second < 0x80) return typeOf(second)
  const reader = new ByteReader(bytes)
  let type = 0
  while (reader.position < reader.end) {
    const tag = reader.varint()
    if (tag === TAG_TYPE) type = reader.varint()
    else reader.skip(tag)
  }
  return typeOf(type)
}

/** The fields of a message that was read. */
interface Fields {
  type: number
  key: Uint8Array | undefined
  record: ValueRecord | undefined
  /** All records of an answer to a watcher, at most `WATCH_BACKLOG_MAX`; `record` is the last. */
  records: ValueRecord[]
  closer: readonly Contact[]
  providers: readonly Contact[]
  refusal: string | undefined
  kadmium: boolean
  tellCloser: boolean
  known: readonly number[] | undefined
  /** What `ifVersion` says. */
  version: number | undefined
  cursor: WatchCursor | undefined
  waitMs: number
  missed: number
}

const NO_CONTACTS: readonly Contact[] = []

const NO_FIELDS: Fields = {
  type: 0,
  key: undefined,
  record: undefined,
  records: [],
  closer: NO_CONTACTS,
  providers: NO_CONTACTS,
  refusal: undefined,
  kadmium: false,
  tellCloser: false,
  known: undefined,
  version: undefined,
  cursor: undefined,
  waitMs: 0,
  missed: 0,
}

function readFields(bytes: Uint8Array, context: DecodeContext, withCloser: boolean): Fields {
  const reader = new ByteReader(bytes)
  const fields: Fields = { ...NO_FIELDS, records: [] }
  let closer: PeerList | undefined
  let providers: PeerList | undefined
  while (reader.position < reader.end) {
    const tag = reader.varint()
    switch (tag) {
      case TAG_TYPE:
        fields.type = reader.varint()
        break
      case TAG_KADMIUM:
        fields.kadmium = reader.varint() !== 0
        break
      case TAG_TELL_CLOSER:
        fields.tellCloser = reader.varint() !== 0
        break
      case TAG_KEY:
        fields.key = takeView(reader)
        break
      case TAG_RECORD: {
        const end = reader.fieldEnd()
        fields.record = decodeRecord(bytes, reader.position, end)
        if (fields.records.length < WATCH_BACKLOG_MAX) fields.records.push(fields.record)
        reader.position = end
        break
      }
      case TAG_CLOSER:
        if (withCloser) {
          closer ??= new PeerList(context)
          closer.take(reader)
        } else reader.skip(tag)
        break
      case TAG_PROVIDERS:
        providers ??= new PeerList(context)
        providers.take(reader)
        break
      case TAG_KNOWN:
        fields.known = headsOf(takeView(reader))
        break
      case TAG_REFUSAL:
        fields.refusal = refusalText(takeView(reader))
        break
      default:
        readNumber(tag, reader, fields)
    }
  }
  if (closer !== undefined) fields.closer = closer.contacts
  if (providers !== undefined) fields.providers = providers.contacts
  return fields
}

/** A condition's version, and the fields of a watcher's messages; any other field is skipped. */
function readNumber(tag: number, reader: ByteReader, fields: Fields): void {
  const { epoch = 0, serial = 0 } = fields.cursor ?? {}
  switch (tag) {
    case TAG_IF_VERSION:
      fields.version = reader.varint()
      break
    case TAG_WATCH_EPOCH:
      fields.cursor = { epoch: reader.varint(), serial }
      break
    case TAG_WATCH_SERIAL:
      fields.cursor = { epoch, serial: reader.varint() }
      break
    case TAG_WAIT_MS:
      fields.waitMs = reader.varint()
      break
    case TAG_MISSED:
      fields.missed = reader.varint()
      break
    default:
      reader.skip(tag)
  }
}

/** The contacts of one repeated field, as many as are taken. */
class PeerList {
  readonly contacts: Contact[] = []
  readonly #context: DecodeContext
  #read = 0

  constructor(context: DecodeContext) {
    this.#context = context
  }

  take(reader: ByteReader): void {
    const end = reader.fieldEnd()
    if (this.#read < PEERS_READ_MAX && this.contacts.length < CONTACTS_PER_RESPONSE_MAX) {
      this.#read += 1
      const contact = this.#context.contactOf(reader.bytes, reader.position, end)
      if (contact !== undefined) this.contacts.push(contact)
    }
    reader.position = end
  }
}

function typeOf(number: number): RpcType {
  const type = TYPES.get(number)
  if (type === undefined) throw new WireError(`a message of unknown type ${number}`)
  return type
}

/** Heads of contacts, as many as are taken; what is left over at the end is none. */
function headsOf(bytes: Uint8Array): readonly number[] {
  const count = Math.min(bytes.length >> 2, CONTACTS_PER_RESPONSE_MAX)
  const heads: number[] = []
  for (let i = 0; i < count; i++) heads.push(headOf(bytes, 4 * i))
  return heads
}

function takeView(reader: ByteReader): Uint8Array {
  const end = reader.fieldEnd()
  const view = reader.bytes.subarray(reader.position, end)
  reader.position = end
  return view
}

/** The answer to a write. Without contacts it does not do for a FIND_NODE: the peer may not know how to name them. */
function written(type: 'put-value' | 'add-provider', closer: readonly Contact[]): RpcOutcome {
  return { ok: true, response: closer.length === 0 ? { type } : { type, closer } }
}

function refused(reason: string, heldVersion?: number): RpcOutcome {
  const version = Number.isSafeInteger(heldVersion) && heldVersion !== undefined
  return { ok: false, failure: { type: 'refused', reason, ...(version && { heldVersion }) } }
}

/** A stranger's text, for people: bounded, and without what could play tricks on a terminal. */
function refusalText(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, REFUSAL_BYTES_MAX))
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').trim()
}
