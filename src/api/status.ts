import { Code, ConnectError } from '@connectrpc/connect'
import { unreachable } from '../core/assert.ts'
import { type ErrorCode, KadmiumError } from '../core/errors.ts'
import { ErrorInfoSchema } from './gen/google/rpc/error_details_pb.ts'

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
  // A caller that left and a deadline that passed come as the reason of an aborted signal; all else is a fault of ours.
  if (!(error instanceof KadmiumError)) return ConnectError.from(error, Code.Internal)
  const { code, message, details } = error
  const metadata: Record<string, string> = {}
  for (const [name, fact] of Object.entries(details)) metadata[name] = factToText(fact)
  const info = { reason: code, domain: DOMAIN, metadata }
  const detail = { desc: ErrorInfoSchema, value: info }
  return new ConnectError(message, statusOf(code), { [CODE_METADATA]: code }, [detail], error)
}

/** The error that the peer had, if this one came from a peer over the wire. */
export function toKadmiumError(error: unknown): KadmiumError | undefined {
  if (error instanceof KadmiumError) return error
  if (!(error instanceof ConnectError)) return undefined
  const code = error.metadata.get(CODE_METADATA)
  if (code === null) return undefined
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === DOMAIN)
  const details: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(info?.metadata ?? {})) details[name] = factOf(text)
  return new KadmiumError(code as ErrorCode, error.rawMessage, { details }) // only our own server sets the code
}

/** The one who gives the reasons of our errors. */
const DOMAIN = 'kadmium'

function factToText(fact: unknown): string {
  return typeof fact === 'string' ? fact : (JSON.stringify(fact) ?? '')
}

function factOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
