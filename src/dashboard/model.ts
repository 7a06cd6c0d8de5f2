import type { Bucket, HeldRecord, Peer, StatusResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'

/** What the daemon said last of what its peer sees. */
export interface View {
  readonly status: StatusResponse
  readonly buckets: readonly Bucket[]
  /** All contacts, the farthest bucket first. */
  readonly contacts: readonly Peer[]
}

/** The records it holds, all or an even choice. */
export interface Held {
  readonly records: readonly HeldRecord[]
  readonly total: number
}

/** What the reader points at; shown in the ring's middle and marked wherever it is drawn. */
export type Focus =
  | { readonly type: 'peer'; readonly id: string }
  | { readonly type: 'record'; readonly key: string }
  | { readonly type: 'bucket'; readonly prefixLength: number }

/** Whether two are the same thing. */
export function isSameFocus(a: Focus | undefined, b: Focus | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
