import type { Contact } from './contact.ts'
import type { Key } from './key.ts'
import type { ValueRecord } from './record.ts'

/**
 * How far a watcher has come with the values of a key at one holder, in that holder's own count: `epoch` names the count
 * (a random whole number below 2^32), `serial` the last value of it that the watcher got.
 */
export interface WatchCursor {
  readonly epoch: number
  readonly serial: number
}

/**
 * What a request that asks for contacts may say of those that the asker has heard of: the answer leaves them out, but for the
 * nearest (Kadmium's field 104).
 */
export interface Hearing {
  /** The `head` of each contact known; at most `CONTACTS_PER_RESPONSE_MAX`. */
  readonly known?: readonly number[]
}

/**
 * The requests of the protocol. `key` is the preimage that travels; `target` is its point in the keyspace, computed by
 * whoever makes the request object (the caller, or the codec on arrival) and never sent.
 */
export type RpcRequest =
  | { readonly type: 'ping' }
  | (Hearing & { readonly type: 'find-node'; readonly key: Uint8Array; readonly target: Key })
  | (Hearing & { readonly type: 'get-value'; readonly key: Uint8Array; readonly target: Key })
  | (Hearing & {
      readonly type: 'put-value'
      readonly key: Uint8Array
      readonly target: Key
      readonly record: ValueRecord
      /** Whether the answer shall name contacts, so that the request also does what a FIND_NODE would. */
      readonly tellCloser?: boolean
      /** Compare-and-set: refused as stale by a holder whose version of the key is another (Kadmium's field 103). */
      readonly ifVersion?: number
    })
  | (Hearing & {
      readonly type: 'add-provider'
      readonly key: Uint8Array
      readonly target: Key
      readonly providers: readonly Contact[]
      /** As for put-value. */
      readonly tellCloser?: boolean
    })
  | (Hearing & { readonly type: 'get-providers'; readonly key: Uint8Array; readonly target: Key })
  | {
      /** Kadmium's own: tell me the next values of the key (subscriptions.ts). Answered late, so never pipelined. */
      readonly type: 'watch'
      readonly key: Uint8Array
      readonly target: Key
      /** `undefined`: the watcher is new here; it is told the present value at once. */
      readonly cursor?: WatchCursor
      /** How long the answer may be held back while nothing happens. ms. */
      readonly waitMs: number
    }

/** Whom an answer names. */
export interface Closer {
  /** At most `CONTACTS_PER_RESPONSE_MAX` contacts. */
  readonly closer: readonly Contact[]
  /**
   * Their heads, in the same order, where whoever made the answer had them at hand. Never sent: it spares a receiver in the
   * same process a look at each contact.
   */
  readonly heads?: readonly number[]
}

/** The names of the requests. */
export type RpcType = RpcRequest['type']

/**
 * The answers, one for each request. `closer` holds at most `CONTACTS_PER_RESPONSE_MAX` contacts; a writing request's answer
 * has it if it was asked for, and the peer knows how to.
 */
export type RpcResponse =
  | { readonly type: 'ping' }
  | (Closer & { readonly type: 'find-node' })
  | (Closer & { readonly type: 'get-value'; readonly record: ValueRecord | undefined })
  | (Partial<Closer> & { readonly type: 'put-value' })
  | (Partial<Closer> & { readonly type: 'add-provider' })
  | (Closer & { readonly type: 'get-providers'; readonly providers: readonly Contact[] })
  | (Closer & {
      readonly type: 'watch'
      readonly cursor: WatchCursor
      /** The values since the cursor asked with, in the order in which they landed. */
      readonly records: readonly ValueRecord[]
      /** Values since then that are no longer kept, all before the first of `records`. */
      readonly missed: number
    })

/**
 * Why a request brought no answer. A failure is a value, not an exception: it is ordinary in a network.
 *
 * - `timeout`: the deadline passed; the peer may have acted on the request.
 * - `unreachable`: no connection could be made; the peer did not see the request.
 * - `refused`: the peer answered that it will not (a full store, an invalid record, a stale writer); `reason` says why. A
 *   refusal of a write begins with its `RefusalCode` and a colon.
 * - `malformed`: the answer broke the protocol.
 * - `aborted`: our own side gave up the request.
 */
export interface RpcFailure {
  readonly type: 'timeout' | 'unreachable' | 'refused' | 'malformed' | 'aborted'
  /** For people and logs; from the peer when `refused`, then at most `REFUSAL_BYTES_MAX` bytes. */
  readonly reason?: string
  /** Of a write refused as stale: the version that the peer says it holds. Its word only. */
  readonly heldVersion?: number
}

/** What became of a request. */
export type RpcOutcome =
  | { readonly ok: true; readonly response: RpcResponse }
  | { readonly ok: false; readonly failure: RpcFailure }
