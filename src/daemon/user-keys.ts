import { peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { KadmiumError } from '../core/errors.ts'
import { recordKeyFromText } from '../core/record-key.ts'
import { ownerKeyFromText } from '../libp2p/owner-keys.ts'

/** The key that a user means: a bare word such as `greeting` is `/kv/greeting`. */
export function recordKey(given: string): Uint8Array {
  return (
    ownerKeyFromText(given) ?? recordKeyFromText(given.startsWith('/') ? given : `/kv/${given}`)
  )
}

/** @throws KadmiumError `ERR_INVALID_KEY`. */
export function multihashOf(cid: string): Uint8Array {
  try {
    return CID.parse(cid).multihash.bytes
  } catch (cause) {
    throw new KadmiumError('ERR_INVALID_KEY', `'${cid}' is no CID`, { cause })
  }
}

/** The bytes of a peer id; `undefined` if the text is none. */
export function peerIdBytes(text: string): Uint8Array | undefined {
  try {
    return peerIdFromString(text).toMultihash().bytes
  } catch {
    return undefined // it is something else: a key
  }
}
