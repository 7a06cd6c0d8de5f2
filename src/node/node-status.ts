import type { Mode } from '../core/options.ts'

/** What a peer knows and does, for status pages. */
export interface NodeStatus {
  readonly mode: Mode
  readonly contacts: number
  readonly buckets: number
  readonly records: number
  readonly recordBytes: number
  readonly providerKeys: number
  readonly publications: number
  /** Keys that this peer watches, and pairs of another peer and a key that it tells of news. */
  readonly watches: number
  readonly subscriptions: number
  readonly operations: number
  readonly networkSize: number | undefined
}
