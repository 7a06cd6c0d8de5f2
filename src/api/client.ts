import { type Client, createClient, type Interceptor } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { type ApiAddress, apiAddressToText } from './address.ts'
import { Kadmium } from './gen/kadmium/v1/kadmium_pb.ts'

/** A typed client of a peer's API: one method for each call, streams as async iterables. */
export type KadmiumClient = Client<typeof Kadmium>

/**
 * A client of the API at `address`. It connects when first called, and rejects with Connect's `ConnectError`, which
 * `toKadmiumError` turns into the error that the peer had.
 */
export function connectKadmium(
  address: ApiAddress,
  options: { readonly token?: string | undefined } = {},
): KadmiumClient {
  const { token } = options
  const bearer: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`)
    return next(request)
  }
  const transport = createConnectTransport({
    httpVersion: '1.1',
    baseUrl: address.type === 'unix' ? 'http://localhost' : `http://${apiAddressToText(address)}`,
    interceptors: [bearer],
    ...(address.type === 'unix' ? { nodeOptions: { socketPath: address.path } } : {}),
  })
  return createClient(Kadmium, transport)
}
