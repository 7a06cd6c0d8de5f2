import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect'
import { KadmiumError } from '../core/errors.ts'
import { bearsToken } from './bearer-token.ts'
import { toConnectError } from './status.ts'

/** Calls under way at once, watches among them; the bodies of as many requests fit into memory. */
export const CALLS_MAX = 256

/** Whom a gate lets in. */
export interface GateInit {
  /** What every call must carry (`Authorization: Bearer <token>`); `undefined`: nothing. */
  readonly token?: string | undefined
  /** A call with a wrong token, or with none, was turned away. */
  readonly onUnauthenticated?: (() => void) | undefined
  /** Default: `CALLS_MAX`. */
  readonly callsMax?: number | undefined
}

/**
 * What every call passes before its body is read: the token, then the bound on calls under way. A call that is turned away
 * costs no memory, and the token comes first, so that strangers cannot use up the room of those who may call.
 */
export function callGate(init: GateInit): (context: HandlerContext) => void {
  const { token, onUnauthenticated, callsMax = CALLS_MAX } = init
  let underWay = 0
  return ({ requestHeader, signal }) => {
    if (token !== undefined && !bearsToken(requestHeader.get('authorization'), token)) {
      onUnauthenticated?.()
      throw new ConnectError('the call carries no valid token', Code.Unauthenticated)
    }
    if (underWay >= callsMax) {
      const message = `${underWay} calls are under way, and this API serves no more at once: try again later`
      throw toConnectError(new KadmiumError('ERR_BUSY', message, { details: { limit: callsMax } }))
    }
    // Connect aborts the signal of every call at its end, whichever end that is.
    if (signal.aborted) return
    underWay++
    signal.addEventListener('abort', () => underWay--, { once: true })
  }
}
