import { multiaddr } from '@multiformats/multiaddr'
import type { PeerOutput, PutOutput } from '../api/peer.ts'
import type { Contact } from '../core/contact.ts'
import { recordKeyToText } from '../core/record-key.ts'
import type { StoreFailure } from '../core/store-at-closest.ts'
import type { UserPutResult } from '../libp2p/user-values.ts'

/** A put's result in the terms of the API. */
export function putOutput(result: UserPutResult): PutOutput {
  const { key, stored, failed, target, quorum, version, durationMs, requests } = result
  return {
    key: recordKeyToText(key),
    stored: idsOf(stored),
    failed: failed.map(failedPeer),
    target,
    quorum,
    version,
    durationMs,
    requests,
  }
}

/** The ids of contacts. */
export function idsOf(contacts: readonly Contact[]): string[] {
  return contacts.map(({ id }) => id)
}

/** A peer that did not store, and why. */
export function failedPeer({ peer, failure }: StoreFailure): PutOutput['failed'][number] {
  return { peer: peer.id, type: failure.type, reason: failure.reason ?? '' }
}

/** A contact in the terms of the API. */
export function peerOutput({ id, addresses }: Contact): PeerOutput {
  return { id, addresses: addresses.map((bytes) => multiaddr(bytes).toString()) }
}
