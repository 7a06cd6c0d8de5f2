import { multiaddr } from '@multiformats/multiaddr'
import { KadmiumError } from '../core/errors.ts'
import { peerIdInAddress } from '../libp2p/contacts.ts'

/**
 * Checks the addresses that a peer is started with.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for one that is none, or that a peer cannot be joined through.
 */
export function checkAddresses(listen: readonly string[], bootstrap: readonly string[]): void {
  for (const address of [...listen, ...bootstrap]) checkAddress(address)
  for (const address of listen) checkTransport(address)
  for (const address of bootstrap) {
    if (peerIdInAddress(multiaddr(address)) !== undefined) continue
    if (address.startsWith('/dnsaddr/')) continue
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `the bootstrap address ${address} has no peer id at its end; take the address that the other daemon prints, …/p2p/12D3Koo…`,
    )
  }
}

/** What to tell of an error at the start: one that comes of an address says which, and what to do. */
export function startError(error: unknown, listen: readonly string[]): unknown {
  if (error instanceof KadmiumError || !(error instanceof Error)) return error
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : []
  const text = [error, ...causes].map(String).join('; ')
  const reason = LISTEN_REASONS.find(([pattern]) => pattern.test(text))?.[1]
  if (reason === undefined) return error
  // Where there are several, libp2p's text names those that failed.
  const failed = listen.filter((address) => text.includes(`${address}: `))
  return new KadmiumError(
    'ERR_INVALID_OPTION',
    `cannot listen at ${(failed.length > 0 ? failed : listen).join(', ')}: ${reason}; choose another address with --listen`,
    { cause: error },
  )
}

/** What libp2p's errors mean, which come with the stacks of their causes; the first that fits. */
const LISTEN_REASONS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/EADDRINUSE/, 'another program listens there'],
  [/EADDRNOTAVAIL/, 'this machine has no such address'],
  [/EACCES/, 'this user may not listen there, as below port 1024'],
  [/UnsupportedListenAddress|listen/i, 'libp2p cannot listen there'],
]

function checkAddress(address: string): void {
  try {
    multiaddr(address)
  } catch (cause) {
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `'${address}' is no multiaddr; one looks like /ip4/127.0.0.1/tcp/4701`,
      { cause },
    )
  }
}

/** libp2p passes over an address that no transport takes, as long as it can listen at another one. */
function checkTransport(address: string): void {
  if (TCP_ADDRESS.test(multiaddr(address).toString())) return
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `cannot listen at ${address}: a peer listens at TCP only, as in /ip4/127.0.0.1/tcp/4701; choose another address with --listen`,
  )
}

const TCP_ADDRESS =
  /^\/(?:(?:ip6zone\/[^/]+\/)?ip6|ip4|dns[46]?)\/[^/]+\/tcp\/\d+(?:\/p2p\/[^/]+)?$/
