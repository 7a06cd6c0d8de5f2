/** Options of every call that goes to the network. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** ms; `undefined`: the peer's default. */
  readonly timeoutMs?: number | undefined
}

/** What may be said of a value that is put. */
export interface PutInput extends CallOptions {
  /** A key text; `undefined` for an immutable value. */
  readonly key: string | undefined
  readonly value: Uint8Array
  readonly kind: 'immutable' | 'mutable' | 'by-key'
  readonly ttlMs?: number | undefined
  readonly quorum?: number | undefined
  readonly ifSequence?: number | undefined
}

/** A peer that did not do what was asked, and why. */
export interface FailedPeer {
  readonly peer: string
  readonly type: string
  readonly reason: string
}

/** What a put did. */
export interface PutOutput {
  readonly key: string
  readonly stored: readonly string[]
  readonly failed: readonly FailedPeer[]
  readonly target: number
  readonly quorum: number
  readonly version: number
  readonly durationMs: number
  readonly requests: number
}

/** What a get found. */
export interface GetOutput {
  readonly key: string
  readonly value: Uint8Array
  readonly writer: string | undefined
  readonly version: number
  readonly writtenAtMs: number | undefined
  readonly expiresAtMs: number | undefined
  readonly from: string | undefined
  readonly agreed: number
  readonly hops: number
  readonly requests: number
  readonly durationMs: number
}

/** A value that a watch tells of. */
export interface WatchValueOutput {
  /** `deleted`: a tombstone took the value's place, which is empty now. */
  readonly type: 'value' | 'deleted'
  readonly key: string
  readonly value: Uint8Array
  readonly writer: string | undefined
  readonly version: number
  readonly writtenAtMs: number | undefined
  readonly expiresAtMs: number | undefined
  readonly from: string | undefined
  /** Whether it stood before the watch began. */
  readonly initial: boolean
}

/** Values may have been missed between the one told last and the next. */
export interface WatchGapOutput {
  readonly type: 'gap'
  readonly key: string
  /** `undefined`: it is not known how many. */
  readonly missed: number | undefined
  /** `sequence`, `overrun`, `unwatched` or `slow-reader`: see kadmium.proto. */
  readonly reason: string
}

/** An event of a watch. */
export type WatchOutput = WatchValueOutput | WatchGapOutput

/** A peer and its addresses, as texts. */
export interface PeerOutput {
  readonly id: string
  readonly addresses: readonly string[]
}

/** A request of a lookup, as it happens. */
export interface LookupStepOutput {
  readonly type: 'sent' | 'answered' | 'failed'
  readonly peer: string
  readonly hop: number
  readonly prefixLength: number
  readonly atMs: number
  readonly tookMs: number
  readonly contacts: number
  readonly added: number
  readonly failure: string | undefined
  /** The peer's point of the keyspace, in hexadecimal. */
  readonly key: string
  /** Who first named it; `undefined`: it stands in our own table. */
  readonly namedBy: string | undefined
}

/** Who hears of a lookup while it runs. */
export interface LookupListeners {
  /** Hears of the target's point of the keyspace, in hexadecimal, before any step. */
  readonly started?: ((target: string) => void) | undefined
  readonly step?: ((step: LookupStepOutput) => void) | undefined
}

/** What a lookup found. */
export interface LookupOutput {
  readonly closest: readonly (PeerOutput & { prefixLength: number; self: boolean })[]
  readonly target: string
  readonly complete: boolean
  readonly hops: number
  readonly requests: number
  readonly failures: number
  readonly durationMs: number
}

/** How a peer is. */
export interface StatusOutput {
  readonly id: string
  readonly key: string
  readonly addresses: readonly string[]
  readonly mode: 'client' | 'server'
  readonly uptimeMs: number
  readonly contacts: number
  readonly buckets: number
  readonly connections: number
  readonly records: number
  readonly recordBytes: number
  readonly providerKeys: number
  readonly publications: number
  readonly operations: number
  readonly networkSize: number | undefined
  /** What is wrong; empty: it is well. */
  readonly problems: readonly string[]
  readonly version: string
  readonly protocol: string
  readonly k: number
  readonly alpha: number
}

/** A contact in the table. */
export interface ContactOutput extends PeerOutput {
  readonly key: string
  readonly prefixLength: number
  readonly lastSeenMs: number
  readonly failures: number
  readonly connected: boolean
}

/** A bucket of the table. */
export interface BucketOutput {
  readonly prefixLength: number
  readonly peers: readonly ContactOutput[]
  readonly replacements: number
}

/** A record that the peer holds. */
export interface RecordOutput {
  readonly key: string
  /** The key's point of the keyspace, in hexadecimal. */
  readonly target: string
  readonly origin: 'owner' | 'replica' | 'cached'
  readonly valueBytes: number
  readonly writer: string | undefined
  readonly expiresAtMs: number
  readonly deleted: boolean
}

/** How a set of durations lies. */
export interface LatencyOutput {
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
}

/** What a peer did in one interval; see kadmium.proto. */
export interface ActivityIntervalOutput {
  readonly beganAtMs: number
  readonly sent: number
  readonly answered: number
  readonly failed: number
  readonly received: number
  readonly refused: number
  readonly roundTrip: LatencyOutput
  readonly operations: readonly {
    readonly kind: string
    readonly done: number
    readonly failed: number
    readonly duration: LatencyOutput
  }[]
}

/** What a peer did of late. */
export interface ActivityOutput {
  readonly intervalMs: number
  readonly intervals: readonly ActivityIntervalOutput[]
}

/** What the API serves: a running peer in terms of texts and bytes. All calls reject with `KadmiumError`. */
export interface ApiPeer {
  put(input: PutInput): Promise<PutOutput>
  get(key: string, options: CallOptions & { quorum?: number | undefined }): Promise<GetOutput>
  delete(key: string, options: CallOptions & { quorum?: number | undefined }): Promise<PutOutput>
  /** Goes on until it is aborted, its time is over, or the loop is left. */
  watch(
    key: string,
    options: CallOptions & { replicas?: number | undefined },
  ): AsyncIterable<WatchOutput>
  provide(
    cid: string,
    options: CallOptions,
  ): Promise<Pick<PutOutput, 'stored' | 'failed' | 'target' | 'durationMs'>>
  findProviders(
    cid: string,
    options: CallOptions & { count?: number | undefined; found: (peer: PeerOutput) => void },
  ): Promise<void>
  findPeer(id: string, options: CallOptions): Promise<PeerOutput>
  lookup(key: string, options: CallOptions & LookupListeners): Promise<LookupOutput>
  status(): Promise<StatusOutput>
  peers(): Promise<readonly ContactOutput[]>
  table(): Promise<readonly BucketOutput[]>
  /** All records, or an even choice of `limit` of them. */
  records(limit: number): Promise<{ records: readonly RecordOutput[]; total: number }>
  /** The whole intervals that began after a moment. */
  activity(afterMs: number): Promise<ActivityOutput>
}
