import type { Libp2pOptions } from 'libp2p'
import { isIpfsProtocol, protocolOf } from '../libp2p/network-rules.ts'
import { noise } from '../libp2p/noise.ts'

/**
 * How the connections of a network are encrypted: by noise; where the IPFS Kademlia specification governs it, by TLS as well
 * for those who ask for it, as its servers must. TLS brings many packages with it: nobody else loads them.
 */
export async function encryptersOf(
  prefix: string | undefined,
): Promise<NonNullable<Libp2pOptions['connectionEncrypters']>> {
  if (prefix === undefined || !isIpfsProtocol(protocolOf(prefix))) return [noise()]
  const { tls } = await import('@libp2p/tls')
  return [noise(), tls()]
}
