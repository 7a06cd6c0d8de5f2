import type { ErrorCode } from '../core/errors.ts'

/** What the exit code of `kad` says. */
export const EXIT = {
  ok: 0,
  /** Something failed that none of the others names. */
  failure: 1,
  /** The command line, the configuration or the input is wrong. */
  usage: 2,
  /** The key, the peer or the provider was not found. */
  notFound: 3,
  /** No daemon, or no peers, to be reached. */
  unreachable: 4,
  /** The value was not stored: too few holders, a newer value, a full store. */
  notStored: 5,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const

/** The exit code of each error. */
export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'ERR_INVALID_OPTION':
    case 'ERR_INVALID_KEY':
    case 'ERR_INVALID_RECORD':
    case 'ERR_VALUE_TOO_LARGE':
      return EXIT.usage
    case 'ERR_NOT_FOUND':
      return EXIT.notFound
    case 'ERR_NO_PEERS':
    case 'ERR_NOT_STARTED':
    case 'ERR_CLOSED':
      return EXIT.unreachable
    case 'ERR_QUORUM':
    case 'ERR_STALE_WRITE':
    case 'ERR_STORE_FULL':
      return EXIT.notStored
    case 'ERR_STORAGE':
    case 'ERR_TIMEOUT':
    case 'ERR_BUSY':
      return EXIT.failure
  }
}
