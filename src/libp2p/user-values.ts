import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { KadmiumError } from '../core/errors.ts'
import { HybridClock, hybridTime } from '../core/hybrid-clock.ts'
import type { Clock, Envelopes, Hash } from '../core/ports.ts'
import {
  KV_NAMESPACE,
  MUTABLE_NAMESPACE,
  parseMutablePath,
  parseRecordKey,
  recordKeyFromText,
  recordKeyToText,
  sha256Key,
} from '../core/record-key.ts'
import type { WatchNotice } from '../core/watch.ts'
import type { KademliaNode } from '../node/kademlia-node.ts'
import {
  type GetOptions,
  type GetResult,
  type PutOptions,
  type PutResult,
  tooLarge,
} from '../node/values.ts'
import type { WatchOptions } from '../node/watching.ts'
import { openRecord, seal } from './records.ts'
import { type UserWatchEvent, userWatchEvent } from './user-watch.ts'

/** What a put of a user's value did. */
export interface UserPutResult extends PutResult {
  /** The sequence of a `/mutable/` value, the timestamp of a `/kv/` value; 0 for others. */
  readonly version: number
}

/** What a get of a user's value found. */
export interface UserGetResult extends Omit<GetResult, 'verdict'> {
  /** What the writer put: without the envelope. */
  readonly value: Uint8Array
  /** Peer id text of who signed it; `undefined` for unsigned kinds. */
  readonly writer: string | undefined
  readonly version: number
  /** When it was written, milliseconds since 1970: `/kv/` values tell. */
  readonly writtenAtMs: number | undefined
  /** When it ends by its writer's word, milliseconds since 1970. */
  readonly expiresAtMs: number | undefined
}

/** Options of a put of a user's value. */
export interface UserPutOptions extends Omit<PutOptions, 'ifVersion'> {
  /** `/mutable/` only: refused unless the current sequence is this one; 0: there is none yet. */
  readonly ifSequence?: number | undefined
}

/** A key as users have it: text, or the bytes themselves. */
export type UserKey = string | Uint8Array

/**
 * Puts and gets values as users see them. What is signed goes into an envelope with this peer's key on the way in and
 * comes out of it on the way back.
 */
export class UserValues {
  readonly #node: KademliaNode
  readonly #privateKey: PrivateKey
  readonly #envelopes: Envelopes
  readonly #clock: Clock
  readonly #hash: Hash
  readonly #peerId: string
  readonly #timestamps = new HybridClock()

  constructor(init: {
    node: KademliaNode
    privateKey: PrivateKey
    envelopes: Envelopes
    clock: Clock
    hash: Hash
  }) {
    this.#node = init.node
    this.#privateKey = init.privateKey
    this.#envelopes = init.envelopes
    this.#clock = init.clock
    this.#hash = init.hash
    this.#peerId = peerIdFromPrivateKey(init.privateKey).toString()
  }

  /**
   * Stores a value. `/kv/` and `/mutable/` values are signed; others are taken as they are.
   *
   * @throws KadmiumError as `KademliaNode.put`, and `ERR_INVALID_KEY` for another peer's `/mutable/` key.
   */
  async put(
    given: UserKey,
    value: Uint8Array,
    options: UserPutOptions = {},
  ): Promise<UserPutResult> {
    const key = keyOf(given)
    const { valueBytesMax } = this.#node.options
    if (value.length > valueBytesMax) throw tooLarge(value.length, valueBytesMax)
    switch (parseRecordKey(key)?.namespace) {
      case MUTABLE_NAMESPACE:
        return this.#putMutable(key, { value, deleted: false }, options)
      case KV_NAMESPACE:
        return this.#putKv(key, { value, deleted: false }, options)
      default:
        return { ...(await this.#node.put(key, value, options)), version: 0 }
    }
  }

  /** Stores a value under its own digest. */
  putImmutable(value: Uint8Array, options: UserPutOptions = {}): Promise<UserPutResult> {
    return this.put(sha256Key(this.#hash(value)), value, options)
  }

  /** The `/mutable/` key of a name of this peer. */
  mutableKey(name: string): Uint8Array {
    return recordKeyFromText(`/${MUTABLE_NAMESPACE}/${this.#peerId}/${name}`)
  }

  /**
   * Deletes a signed value: a signed tombstone takes its place, which outlives every copy; so it has no `ttlMs` of its own.
   *
   * @throws KadmiumError as `put`, and `ERR_INVALID_KEY` for a kind that cannot be deleted.
   */
  async delete(given: UserKey, more: UserPutOptions = {}): Promise<UserPutResult> {
    const key = keyOf(given)
    const options = { ...more, ttlMs: undefined }
    const tombstone = { value: new Uint8Array(0), deleted: true }
    switch (parseRecordKey(key)?.namespace) {
      case MUTABLE_NAMESPACE:
        return this.#putMutable(key, tombstone, options)
      case KV_NAMESPACE:
        return this.#putKv(key, tombstone, options)
      default:
        throw new KadmiumError(
          'ERR_INVALID_KEY',
          `${recordKeyToText(key)} cannot be deleted: only /kv/ and /mutable/ values can; others end by themselves`,
        )
    }
  }

  /**
   * Finds a value.
   *
   * @throws KadmiumError as `KademliaNode.get`.
   */
  async get(given: UserKey, options: GetOptions = {}): Promise<UserGetResult> {
    const key = keyOf(given)
    const { verdict, ...found } = await this.#node.get(key, options)
    const opened = openRecord(key, found.value, this.#envelopes)
    if (opened === undefined)
      throw new Error(`broken invariant: a valid ${recordKeyToText(key)} does not open`)
    const isKv = parseRecordKey(key)?.namespace === KV_NAMESPACE
    if (isKv) this.#timestamps.observe(opened.version, this.#clock.wallClock())
    return {
      ...found,
      value: opened.value,
      writer: opened.writer,
      version: opened.version,
      writtenAtMs: isKv ? hybridTime(opened.version) : undefined,
      expiresAtMs: verdict.expiresAt,
    }
  }

  /**
   * The values of a key as they land, what stands first. Each wins over all before it; `gap` comes before a value when others
   * may have been missed. Goes on until `signal` aborts (the iteration throws its reason) or the loop is left.
   *
   * @throws KadmiumError `ERR_INVALID_KEY`, `ERR_INVALID_OPTION` at once; `ERR_BUSY`, `ERR_CLOSED` from the iteration.
   */
  watch(
    given: UserKey,
    options: WatchOptions = {},
  ): AsyncGenerator<UserWatchEvent, void, undefined> {
    const key = keyOf(given)
    return this.#opened(key, this.#node.watch(key, options))
  }

  async *#opened(
    key: Uint8Array,
    notices: AsyncIterable<WatchNotice>,
  ): AsyncGenerator<UserWatchEvent, void, undefined> {
    for await (const notice of notices) {
      const event = userWatchEvent(key, notice, this.#envelopes)
      const isKv = event.type !== 'gap' && event.writtenAtMs !== undefined
      if (isKv) this.#timestamps.observe(event.version, this.#clock.wallClock())
      yield event
    }
  }

  async #putKv(key: Uint8Array, content: Content, options: UserPutOptions): Promise<UserPutResult> {
    const held = this.#node.records.get(key, this.#clock.wallClock())
    if (held !== undefined) this.#timestamps.observe(held.version, this.#clock.wallClock())
    try {
      return await this.#putSigned(key, content, this.#nextTimestamp(), options)
    } catch (error) {
      if (!(error instanceof KadmiumError) || error.code !== 'ERR_STALE_WRITE') throw error
      // Another writer's clock runs ahead of ours: with his timestamp seen, ours is the later one.
      await this.#currentVersion(key, options)
      return this.#putSigned(key, content, this.#nextTimestamp(), options)
    }
  }

  async #putMutable(
    key: Uint8Array,
    content: Content,
    options: UserPutOptions,
  ): Promise<UserPutResult> {
    const path = parseRecordKey(key)?.path
    const owner = path === undefined ? undefined : parseMutablePath(path)?.owner
    if (owner !== this.#peerId) {
      throw new KadmiumError(
        'ERR_INVALID_KEY',
        `only ${owner ?? 'its owner'} may write ${recordKeyToText(key)}; this peer is ${this.#peerId}`,
      )
    }
    const { ifSequence } = options
    const current = ifSequence ?? (await this.#currentVersion(key, options))
    const condition = ifSequence === undefined ? {} : { ifVersion: ifSequence }
    return this.#putSigned(key, content, current + 1, { ...options, ...condition })
  }

  async #putSigned(
    key: Uint8Array,
    { value, deleted }: Content,
    version: number,
    options: PutOptions,
  ): Promise<UserPutResult> {
    const { ttlMs } = options
    const expiresAt = ttlMs === undefined ? undefined : this.#clock.wallClock() + ttlMs
    const envelope = await seal(this.#privateKey, { key, value, version, expiresAt, deleted })
    return { ...(await this.#node.put(key, envelope, options)), version }
  }

  #nextTimestamp(): number {
    return this.#timestamps.next(this.#clock.wallClock())
  }

  /** The version that stands in the network; 0: none was found. */
  async #currentVersion(key: Uint8Array, options: UserPutOptions): Promise<number> {
    const held = this.#node.records.get(key, this.#clock.wallClock())?.version ?? 0
    try {
      const { signal, timeoutMs } = options
      const { verdict } = await this.#node.get(key, { signal, timeoutMs })
      this.#timestamps.observe(verdict.version, this.#clock.wallClock())
      return Math.max(held, verdict.version)
    } catch (error) {
      const isExpected =
        error instanceof KadmiumError && ['ERR_NOT_FOUND', 'ERR_NO_PEERS'].includes(error.code)
      if (!isExpected) throw error
      return held
    }
  }
}

interface Content {
  readonly value: Uint8Array
  readonly deleted: boolean
}

function keyOf(key: UserKey): Uint8Array {
  return typeof key === 'string' ? recordKeyFromText(key) : key
}
