import type { Contact } from './contact.ts'
import type { DhtEvent } from './events.ts'
import type { RpcOutcome, RpcRequest } from './message.ts'

/**
 * The ports through which the core sees the world. Production plugs in libp2p, the system's clock and randomness, and
 * LevelDB; the simulator plugs in a virtual network, a virtual clock, a seeded generator and a storage that can fail.
 */

/** A moment on the peer's monotonic clock, in milliseconds. Its origin means nothing. */
export type Instant = number

/** A moment on the wall clock: milliseconds since 1970-01-01 UTC. Only for what other peers or restarts must read. */
export type UnixMs = number

/** Takes back what the call that returned it asked for. Harmless when that has already happened. */
export type Cancel = () => void

/** Time. */
export interface Clock {
  /** The monotonic clock, in milliseconds; never goes back. */
  now(): Instant
  /** The wall clock; may jump, and may be wrong. */
  wallClock(): UnixMs
  /** Calls `fire` once when `now()` has reached `at`, never from within this call. */
  setAlarm(at: Instant, fire: () => void): Cancel
}

/** Randomness; seeded in the simulator, one stream for each peer. */
export interface Random {
  /** A whole number from 0 up to but not including `bound` (1 to 2^32). */
  below(bound: number): number
  /** A number from 0 up to but not including 1. */
  fraction(): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}

/**
 * Requests to other peers. The contract, held by one test suite for every implementation:
 *
 * - `settle` is called exactly once, later and never from within `send`, unless the returned `Cancel` came first; then it
 *   is never called;
 * - at the deadline, and not before, it gets `timeout`;
 * - a peer that cannot be reached, one that refuses and one that breaks the protocol are told apart;
 * - bytes arrive as they were sent.
 */
export interface Network {
  /** `settle` is told how long the answer took once a connection was opened, where one had to be. ms. */
  send(
    to: Contact,
    request: RpcRequest,
    deadline: Instant,
    settle: (outcome: RpcOutcome, rttMs?: number) => void,
  ): Cancel

  /** Whether a connection to the peer stands open. Left out where there are none, or none that ends with its peer. */
  isConnected?(peer: Contact): boolean
}

/** One change of the storage: a value for a key, or `undefined` to delete it. */
export interface StorageWrite {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** An entry of the storage. */
export type StorageEntry = readonly [key: Uint8Array, value: Uint8Array]

/** Which entries to read: at most `limit`, whose keys come after `after`. */
export interface StoragePage {
  readonly limit: number
  readonly after: Uint8Array | undefined
}

/**
 * A durable journal of small entries. The core keeps its truth in memory, loads it once and writes changes behind.
 * Batches are atomic and become durable in the order in which they were written.
 */
export interface Storage {
  /** Writes a batch; `done` is called later, exactly once, when the batch is durable or has failed. */
  write(batch: readonly StorageWrite[], done: (error: Error | undefined) => void): void
  /**
   * The entries whose key begins with `prefix`, in order of the key's bytes: all of them, or a page. A storage whose entries
   * are in memory anyway may always give all.
   */
  load(prefix: Uint8Array, page?: StoragePage): Promise<readonly StorageEntry[]>
}

/** Hears of everything worth telling: metrics, logs, traces and the command line are observers. Must not throw. */
export interface Observer {
  observe(event: DhtEvent): void
}

/** SHA-256: 32 bytes. Synchronous, for the core decides without waiting. */
export type Hash = (bytes: Uint8Array) => Uint8Array

/** What a valid signed envelope says. */
export interface OpenEnvelope {
  /** The text form of the signer's peer id. */
  readonly signer: string
  /** The signed payload. */
  readonly payload: Uint8Array
}

/**
 * Opens libp2p signed envelopes (RFC 0002). Verification is synchronous and a pure function of the bytes.
 */
export interface Envelopes {
  /** The signer and the payload, or `undefined` if the bytes are no envelope of our domain or the signature is wrong. */
  open(envelope: Uint8Array): OpenEnvelope | undefined
}

/** All ports of a peer. */
export interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly storage: Storage
  readonly observer: Observer | undefined
  readonly hash: Hash
  readonly envelopes: Envelopes
}
