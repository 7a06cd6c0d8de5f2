import { Code, ConnectError } from '@connectrpc/connect'
import { unreachable } from '../core/assert.ts'
import { type ErrorCode, KadmiumError } from '../core/errors.ts'

/** The metadata key under which an error's own code travels. */
export const CODE_METADATA = 'kadmium-code'

/** The gRPC status of each error. */
export function statusOf(code: ErrorCode): Code {
  switch (code) {
    case 'ERR_INVALID_OPTION':
    case 'ERR_INVALID_KEY':
    case 'ERR_INVALID_RECORD':
    case 'ERR_VALUE_TOO_LARGE':
      return Code.InvalidArgument
    case 'ERR_STALE_WRITE':
      return Code.FailedPrecondition
    case 'ERR_NOT_FOUND':
      return Code.NotFound
    case 'ERR_QUORUM':
    case 'ERR_NO_PEERS':
    case 'ERR_NOT_STARTED':
    case 'ERR_CLOSED':
      return Code.Unavailable
    case 'ERR_STORE_FULL':
    case 'ERR_BUSY':
      return Code.ResourceExhausted
    case 'ERR_STORAGE':
      return Code.Internal
    case 'ERR_TIMEOUT':
      return Code.DeadlineExceeded
    default:
      return unreachable(code)
  }
}

/** Turns what a call of the peer threw into what goes over the wire. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error
  if (error instanceof KadmiumError) {
    const metadata = { [CODE_METADATA]: error.code }
    return new ConnectError(error.message, statusOf(error.code), metadata, undefined, error)
  }
  return ConnectError.from(error)
}

/** The peer's own code of an error that came over the wire, if it bears one. */
export function codeOf(error: unknown): ErrorCode | undefined {
  if (error instanceof KadmiumError) return error.code
  if (!(error instanceof ConnectError)) return undefined
  const code = error.metadata.get(CODE_METADATA)
  return code === null ? undefined : (code as ErrorCode) // only our own server sets it
}
