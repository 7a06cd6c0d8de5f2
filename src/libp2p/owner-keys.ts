import { peerIdFromString } from '@libp2p/peer-id'
import { IPNS_NAMESPACE } from './ipns-validator.ts'
import { PK_NAMESPACE } from './pk-validator.ts'

/**
 * The record key for a text such as `/ipns/k51qzi5uqu5…` or `/pk/12D3Koo…`: in these kinds the owner's multihash stands in the
 * key as bytes, and people write its peer id or its CID.
 *
 * @returns `undefined` if the text is no key of these kinds.
 */
export function ownerKeyFromText(text: string): Uint8Array | undefined {
  const [, namespace = '', owner = ''] = /^\/([^/]+)\/([^/]+)$/.exec(text) ?? []
  if (namespace !== IPNS_NAMESPACE && namespace !== PK_NAMESPACE) return undefined
  try {
    const { bytes } = peerIdFromString(owner).toMultihash()
    return Buffer.concat([new TextEncoder().encode(`/${namespace}/`), bytes])
  } catch {
    return undefined
  }
}
