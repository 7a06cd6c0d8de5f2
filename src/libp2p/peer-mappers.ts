import type { PeerId, PeerInfo } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import { isPrivate } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import * as Digest from 'multiformats/hashes/digest'

/** Changes what is believed and told of a peer; most leave some of its addresses out. */
export type PeerInfoMapper = (peer: PeerInfo) => PeerInfo

/** Leaves only addresses that the whole internet can dial: for a network of public peers. */
export function removePrivateAddressesMapper(peer: PeerInfo): PeerInfo {
  return { ...peer, multiaddrs: peer.multiaddrs.filter((address) => !isPrivate(address)) }
}

/** Leaves only addresses of loopback and of private networks: for a network within one house. */
export function removePublicAddressesMapper(peer: PeerInfo): PeerInfo {
  return { ...peer, multiaddrs: peer.multiaddrs.filter((address) => isPrivate(address)) }
}

/** Leaves everything as it is. */
export function passthroughMapper(peer: PeerInfo): PeerInfo {
  return peer
}

/**
 * Runs a mapper over binary multiaddrs, as contacts hold them. One that throws leaves no address: what a stranger says of a
 * peer must not bring this one down, whatever the mapper had not thought of.
 */
export function mapAddresses(
  mapper: PeerInfoMapper,
  idBytes: Uint8Array,
  addresses: readonly Uint8Array[],
): readonly Uint8Array[] {
  if (mapper === passthroughMapper || addresses.length === 0) return addresses
  const id: PeerId = peerIdFromMultihash(Digest.decode(idBytes))
  try {
    const { multiaddrs } = mapper({ id, multiaddrs: addresses.flatMap(readAddress) })
    return multiaddrs.map(({ bytes }) => bytes)
  } catch {
    return []
  }
}

/** Whether any peer can dial this address without another's help. */
export function isDirect(address: Multiaddr): boolean {
  return !address.getComponents().some(({ name }) => name === 'p2p-circuit')
}

/** A well-formed multiaddr may still be none for libp2p: then it is left out. */
function readAddress(bytes: Uint8Array): Multiaddr[] {
  try {
    return [multiaddr(bytes)]
  } catch {
    return []
  }
}
