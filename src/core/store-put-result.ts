import type { StorageWrite } from './ports.ts'
import type { StoredRecord } from './record.ts'

/**
 * Why a record was refused.
 *
 * - `invalid`: key or value do not satisfy the validator;
 * - `too-large`: the value exceeds `valueBytesMax`;
 * - `expired`: its life is over;
 * - `stale`: a newer value is held, or another than `ifVersion` expects;
 * - `full`: the quota of the store or of the writer leaves no room.
 */
export type RefusalCode = 'invalid' | 'stale' | 'full' | 'expired' | 'too-large'

/** What became of a put. After `stored`, `write` must be durable before the put is acknowledged. */
export type StorePutResult =
  | {
      readonly type: 'stored'
      readonly write: StorageWrite[]
      readonly evicted: readonly StoredRecord[]
    }
  | { readonly type: 'unchanged' }
  | {
      readonly type: 'refused'
      readonly code: RefusalCode
      readonly reason: string
      /** The version that stands, where that is why. */
      readonly heldVersion?: number
    }
