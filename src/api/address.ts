import { KadmiumError } from '../core/errors.ts'

/** Where an API is served: a unix socket, or a TCP host and port. */
export type ApiAddress =
  | { readonly type: 'unix'; readonly path: string }
  | { readonly type: 'tcp'; readonly host: string; readonly port: number }

/**
 * Reads an address as users write it: `unix:/path`, a path, `host:port`, `[v6]:port` or an `http://` URL.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION`.
 */
export function parseApiAddress(text: string): ApiAddress {
  if (text.startsWith('unix:')) return { type: 'unix', path: text.slice('unix:'.length) }
  const match = /^(?:http:\/\/)?(?:\[([0-9a-fA-F:]+)\]|([^/:]+)):(\d{1,5})\/?$/.exec(text)
  const port = Number(match?.[3])
  if (match !== null && port <= 65_535) {
    return { type: 'tcp', host: match[1] ?? match[2] ?? '', port }
  }
  if (text.includes('/') && !text.startsWith('http')) return { type: 'unix', path: text }
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `'${text}' is no API address: give a path such as ./kad.sock, or host:port such as 127.0.0.1:4780`,
  )
}

/** The address as text. */
export function apiAddressToText(address: ApiAddress): string {
  if (address.type === 'unix') return address.path
  const { host, port } = address
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Whether only programs on this machine reach it. */
export function isLoopback(address: ApiAddress): boolean {
  if (address.type === 'unix') return true
  const { host } = address
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
