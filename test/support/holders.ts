import type { Contact } from '../../src/core/contact.ts'
import { compareDistance, keyFromDigest } from '../../src/core/key.ts'
import { sha256, type VirtualNetwork, type VirtualPeer } from './virtual-network.ts'

/** The `count` peers of the network that are truly closest to a preimage's key. */
export function trueClosest(
  network: VirtualNetwork,
  preimage: Uint8Array,
  count: number,
): Contact[] {
  const target = keyFromDigest(sha256(preimage))
  return [...network.peers.values()]
    .map(({ node }) => node.self)
    .sort((a, b) => compareDistance(target, a.key, b.key))
    .slice(0, count)
}

/** The peers whose own store holds the key, in order of starting. */
export function holders(network: VirtualNetwork, preimage: Uint8Array): string[] {
  const now = network.clock.wallClock()
  return [...network.peers.values()]
    .filter(({ node }) => node.records.get(preimage, now) !== undefined)
    .map(({ node }) => node.self.id)
}

export function ids(contacts: readonly Contact[]): string[] {
  return contacts.map(({ id }) => id)
}

/** The peer at an index that must exist. */
export function at(peers: readonly VirtualPeer[], index: number): VirtualPeer {
  const peer = peers[index]
  if (peer === undefined) throw new Error(`no peer ${index}`)
  return peer
}
