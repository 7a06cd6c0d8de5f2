import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PublicKey } from '@libp2p/interface'
import { bytesEqual, compareKeys as compareBytes } from '../core/key.ts'
import { parseRecordKey } from '../core/record-key.ts'
import type { InvalidVerdict, Validator } from '../core/validators.ts'

/** The namespace of public keys. Source: libp2p specifications, kad-dht; IPFS Kademlia specification. */
export const PK_NAMESPACE = 'pk'

/**
 * `/pk/<peer id multihash bytes>`: the public key of a peer, as libp2p's protobuf. Its hash proves it, so anyone may store
 * it. Needed only for peers with RSA keys, whose ids do not contain the key.
 */
export const pkValidator: Validator = {
  immutable: true,
  validate(key, value) {
    const path = parseRecordKey(key)?.path
    if (path === undefined) return invalid('the key is not of the form /pk/<multihash>')
    const publicKey = decodePublicKey(value)
    if (publicKey === undefined) return invalid('the value is no public key')
    // The multihash is made from the decoded key: other encodings of it would prove nothing.
    if (!bytesEqual(publicKeyToProtobuf(publicKey), value)) {
      return invalid('the public key is not in its canonical encoding')
    }
    if (!bytesEqual(publicKey.toMultihash().bytes, path)) {
      return invalid('the public key is that of another peer id')
    }
    return { valid: true, expiresAt: undefined, version: 0, writer: undefined, deleted: false }
  },
  select: (_key, a, b) => compareBytes(a, b),
}

function decodePublicKey(bytes: Uint8Array): PublicKey | undefined {
  try {
    return publicKeyFromProtobuf(bytes)
  } catch {
    // The decoder throws errors of many kinds over a stranger's bytes; all mean the same.
    return undefined
  }
}

function invalid(reason: string): InvalidVerdict {
  return { valid: false, reason }
}
