import type { PublicKey } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromPublicKey } from '@libp2p/peer-id'
import {
  extractPublicKeyFromIPNSRecord,
  multihashToIPNSRoutingKey,
  unmarshalIPNSRecord,
} from 'ipns'
import * as Digest from 'multiformats/hashes/digest'
import { bytesEqual, compareKeys as compareBytes } from '../core/key.ts'
import type { UnixMs } from '../core/ports.ts'
import type { InvalidVerdict, Validator } from '../core/validators.ts'

/** The namespace of IPNS records: names that a key owns. Source: IPNS specification. */
export const IPNS_NAMESPACE = 'ipns'

/** The largest IPNS record. Bytes. Source: IPNS specification, "Record Size Limit". */
export const IPNS_RECORD_BYTES_MAX: number = 10 * 1024

const KEY_PREFIX_BYTES: number = `/${IPNS_NAMESPACE}/`.length

/** What stands before the data that is signed. Source: IPNS specification, "Record Creation". */
const SIGNATURE_PREFIX = new TextEncoder().encode('ipns-signature:')

/**
 * `/ipns/<multihash of the owner's key>`: a record that the owner signed, with a sequence and an end. The higher sequence
 * wins, then the later end, then the greater bytes. The signature is verified here and not by the `ipns` package, whose
 * validator answers with a promise; of that package are the encoding and the check that old and new fields agree.
 */
export const ipnsValidator: Validator = {
  immutable: false,
  // IPFS Kademlia specification, "Entry Correction".
  readersReplicate: true,
  validate(key, value, now) {
    if (value.length > IPNS_RECORD_BYTES_MAX) {
      return invalid(
        `an IPNS record has at most ${IPNS_RECORD_BYTES_MAX} bytes, got ${value.length}`,
      )
    }
    const record = read(key, value)
    if (record === undefined) return invalid('no IPNS record that the owner of the key has signed')
    const { endsAt, sequence, owner } = record
    if (Number.isNaN(endsAt)) return invalid('the end of the IPNS record is no time')
    if (endsAt <= now) {
      return { valid: false, reason: `expired ${now - endsAt} ms ago`, code: 'expired' }
    }
    // Beyond 2^53 neighbours look alike: then `select` decides.
    const version = Number(sequence)
    return { valid: true, expiresAt: endsAt, version, writer: owner, deleted: false }
  },
  select(key, a, b) {
    const [x, y] = [read(key, a), read(key, b)]
    if (x === undefined || y === undefined) return compareBytes(a, b)
    if (x.sequence !== y.sequence) return x.sequence > y.sequence ? 1 : -1
    return x.endsAt - y.endsAt || compareBytes(a, b)
  },
}

interface IpnsRecord {
  readonly owner: string
  readonly sequence: bigint
  readonly endsAt: UnixMs
}

/** The record, if the owner of the key has signed it. */
function read(key: Uint8Array, value: Uint8Array): IpnsRecord | undefined {
  try {
    const record = unmarshalIPNSRecord(value)
    const publicKey = extractPublicKeyFromIPNSRecord(record) ?? keyInName(key)
    if (publicKey === undefined) return undefined
    if (!bytesEqual(multihashToIPNSRoutingKey(publicKey.toMultihash()), key)) return undefined
    // For the kinds of keys that have peer ids Node answers at once; a promise would be truthy.
    const signed = Buffer.concat([SIGNATURE_PREFIX, record.data])
    if (publicKey.verify(signed, record.signatureV2) !== true) return undefined
    return {
      owner: peerIdFromPublicKey(publicKey).toString(),
      sequence: record.sequence,
      endsAt: Date.parse(record.validity),
    }
  } catch {
    // The decoders throw errors of many kinds over a stranger's bytes; all mean the same.
    return undefined
  }
}

/** The key that a name of an Ed25519 or secp256k1 key contains. */
function keyInName(key: Uint8Array): PublicKey | undefined {
  return peerIdFromMultihash(Digest.decode(key.subarray(KEY_PREFIX_BYTES))).publicKey
}

function invalid(reason: string): InvalidVerdict {
  return { valid: false, reason }
}
