import { type CallOptions, type Client, createClient, type Interceptor } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import type { ErrorCode } from '../core/errors.ts'
import { type ApiAddress, apiAddressToText, parseApiAddress } from './address.ts'
import { Kadmium } from './gen/kadmium/v1/kadmium_pb.ts'
import { toKadmiumError } from './status.ts'

/** A typed client of a peer's API: one method for each call, streams as async iterables. */
export type KadmiumClient = Client<typeof Kadmium>

/**
 * A client of the API at `address`: a unix socket's path, `host:port`, or an `ApiAddress`. It connects when first called. Its
 * calls reject with Connect's `ConnectError`, of which `errorCode` tells what the peer means. Leaving the loop over a stream ends
 * the call.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for a text that is no address.
 */
export function connectKadmium(
  address: string | ApiAddress,
  options: { readonly token?: string | undefined } = {},
): KadmiumClient {
  const { token } = options
  const bearer: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`)
    return next(request)
  }
  const where = typeof address === 'string' ? parseApiAddress(address) : address
  const transport = createConnectTransport({
    httpVersion: '1.1',
    baseUrl: where.type === 'unix' ? 'http://localhost' : `http://${apiAddressToText(where)}`,
    interceptors: [bearer],
    ...(where.type === 'unix' ? { nodeOptions: { socketPath: where.path } } : {}),
  })
  const client = createClient(Kadmium, transport)
  return {
    ...client,
    findProviders: endedByReader(client.findProviders),
    lookup: endedByReader(client.lookup),
    watch: endedByReader(client.watch),
  }
}

/** The peer's own code of an error, such as `ERR_NOT_FOUND`; `undefined`: it bears none, for example because no daemon answers. */
export function errorCode(error: unknown): ErrorCode | undefined {
  return toKadmiumError(error)?.code
}

/** Connect leaves a call whose answers are no longer read as it is; this one ends it, on both sides. It begins when it is read. */
function endedByReader<Request, Event>(
  call: (request: Request, options?: CallOptions) => AsyncIterable<Event>,
): (request: Request, options?: CallOptions) => AsyncGenerator<Event, void, undefined> {
  return async function* read(request, options = {}) {
    const ending = new AbortController()
    const signals = options.signal === undefined ? [] : [options.signal]
    const signal = AbortSignal.any([...signals, ending.signal])
    try {
      yield* call(request, { ...options, signal })
    } finally {
      ending.abort()
    }
  }
}
