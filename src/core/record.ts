import type { UnixMs } from './ports.ts'

/** A key and its value as they travel and are stored. The key is the preimage, at most `RECORD_KEY_BYTES_MAX` bytes. */
export interface ValueRecord {
  readonly key: Uint8Array
  /** At most `valueBytesMax` (64 KiB by default). */
  readonly value: Uint8Array
  /**
   * When the sender last took the record in, as an RFC 3339 text; '' if it does not say. Told on the wire because other
   * implementations expect it; never trusted.
   */
  readonly timeReceived?: string
  /**
   * The life that the sender says is left, in milliseconds: an upper bound, never a prolongation. `undefined`: not said.
   * On the wire it is libp2p Rust's field 777, in whole seconds.
   */
  readonly ttlMs?: number
}

/** Why a peer holds a record; decides what eviction takes first and what is replicated. */
export type RecordOrigin =
  /** Put through this peer: it republishes the record and never evicts it. */
  | 'owner'
  /** Held as one of the k peers closest to the key. */
  | 'replica'
  /** Left here by a reader on its way (Kademlia, section 2.3); never replicated, evicted first. */
  | 'cached'

/** A record in a peer's store. */
export interface StoredRecord {
  readonly record: ValueRecord
  readonly origin: RecordOrigin
  /** When it last arrived from a peer or its owner. */
  readonly receivedAt: UnixMs
  /** When it ends: never later than its owner's word, and never moved by replication. */
  readonly expiresAt: UnixMs
}
