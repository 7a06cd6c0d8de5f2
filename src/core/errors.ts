/**
 * What can go wrong for a caller, one code for each thing a caller can act on. Match by `code`: it is stable.
 *
 * | code | when | what to do |
 * |---|---|---|
 * | `ERR_INVALID_OPTION` | an option is out of its range | mend the option; the message says range and value |
 * | `ERR_INVALID_KEY` | a key is malformed or of no known kind | mend the key |
 * | `ERR_INVALID_RECORD` | a value does not satisfy its key's validator | mend the value |
 * | `ERR_VALUE_TOO_LARGE` | a value exceeds the limit that the message names | split the value |
 * | `ERR_STALE_WRITE` | a newer value stands already | read it, then write again |
 * | `ERR_NOT_FOUND` | no peer that was asked holds the key | check the key, or try later |
 * | `ERR_QUORUM` | too few peers stored or answered | try again, or ask for a smaller quorum |
 * | `ERR_NO_PEERS` | no other peer is known or none answers | give a bootstrap peer; check the network |
 * | `ERR_STORE_FULL` | this peer's own store has no room | raise the quota or delete values |
 * | `ERR_STORAGE` | the disk refused a write or read | see `cause` |
 * | `ERR_TIMEOUT` | the operation's own deadline passed without a result | raise the deadline |
 * | `ERR_BUSY` | too many operations are under way, or another daemon has the data directory | wait for it to end |
 * | `ERR_NOT_STARTED` | the peer is not running | start it first |
 * | `ERR_CLOSED` | the peer stopped meanwhile | none |
 */
export type ErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_INVALID_KEY'
  | 'ERR_INVALID_RECORD'
  | 'ERR_VALUE_TOO_LARGE'
  | 'ERR_STALE_WRITE'
  | 'ERR_NOT_FOUND'
  | 'ERR_QUORUM'
  | 'ERR_NO_PEERS'
  | 'ERR_STORE_FULL'
  | 'ERR_STORAGE'
  | 'ERR_TIMEOUT'
  | 'ERR_BUSY'
  | 'ERR_NOT_STARTED'
  | 'ERR_CLOSED'

/** The one class of errors that Kadmium's public calls reject with, besides `signal.reason` when aborted. */
export class KadmiumError extends Error {
  override readonly name = 'KadmiumError'
  /** Stable; what a caller matches. */
  readonly code: ErrorCode
  /** Facts for machines, for example `{ limit: 65536, size: 65537 }`. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}
