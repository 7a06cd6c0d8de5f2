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
  const isListening = /EADDRINUSE|UnsupportedListenAddress|EADDRNOTAVAIL|EACCES|listen/i.test(text)
  if (!isListening) return error
  return new KadmiumError(
    'ERR_INVALID_OPTION',
    `cannot listen at ${listen.join(', ')}: ${listenFault(text)}. Choose another address with --listen`,
    { cause: error },
  )
}

/** What the system says, without the stacks that libp2p writes around it. */
function listenFault(text: string): string {
  for (const [code, words] of LISTEN_FAULTS) if (text.includes(code)) return words
  return text
    .replaceAll(/\s+at .*$/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

const LISTEN_FAULTS = [
  ['EADDRINUSE', 'the port is in use, perhaps by another daemon'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['EACCES', 'this user may not listen at that port'],
] as const

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
