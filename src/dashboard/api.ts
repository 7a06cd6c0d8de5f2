import {
  type Client,
  Code,
  ConnectError,
  createClient,
  type Interceptor,
} from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-web'
import { Kadmium } from '../api/gen/kadmium/v1/kadmium_pb.ts'

/** The API of the daemon that served this page. */
export type Api = Client<typeof Kadmium>

/** A client that speaks JSON to where the page came from. */
export function connectApi(token: string | undefined): Api {
  const bearer: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`)
    return next(request)
  }
  const baseUrl = new URL('.', location.href).href.replace(/\/$/, '')
  return createClient(Kadmium, createConnectTransport({ baseUrl, interceptors: [bearer] }))
}

/** Whether the daemon wants a token, or another one. */
export function wantsToken(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unauthenticated
}

/** Whether nobody answered at all. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return error instanceof TypeError
  return error.cause instanceof TypeError // what `fetch` throws without an answer
}

/** What went wrong, in the daemon's own words where there are any. */
export function messageOf(error: unknown): string {
  if (isUnreachable(error)) return 'The daemon does not answer.'
  const message = error instanceof ConnectError ? error.rawMessage : String(error)
  return sentence(message)
}

function sentence(text: string): string {
  if (text === '') return 'It failed, and nothing was said of why.'
  const first = text.charAt(0)
  const capital = /^[a-z][a-z ]/.test(text) ? first.toUpperCase() : first
  return `${capital}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
