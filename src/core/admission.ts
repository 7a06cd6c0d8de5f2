import type { Contact } from './contact.ts'
import type { KBucket } from './k-bucket.ts'
import type { Key } from './key.ts'
import { IP_GROUP_PER_BUCKET_MAX, IP_GROUP_PER_TABLE_MAX } from './limits.ts'

/** What a routing table is made of. */
export interface RoutingTableInit {
  readonly self: Key
  /** Contacts in a bucket, and neighbours that are always known. */
  readonly k: number
  /** Whether contacts of one IP group are limited. */
  readonly ipDiversity: boolean
  readonly listener?: TableListener
  /** Default: `PROBE_AFTER_MS`. */
  readonly probeAfterMs?: number
}

/** What a newcomer finds in its bucket: a free place, a stale contact's, perhaps that of a contact to probe, or none. */
export type Place =
  | { readonly type: 'room' }
  | { readonly type: 'stale'; readonly index: number }
  | { readonly type: 'probe'; readonly index: number }
  | { readonly type: 'none' }

/** What became of a contact that was offered. */
export type Admission =
  | { readonly type: 'added' }
  /** It stood in the table already. */
  | { readonly type: 'refreshed' }
  /** Its bucket is full: ask `oldest` for a sign of life, then call `probed`. Meanwhile the newcomer waits. */
  | { readonly type: 'probe'; readonly oldest: Contact }
  /** Its bucket is full of contacts that live; it waits for a place. */
  | { readonly type: 'cached' }
  | { readonly type: 'rejected'; readonly reason: 'self' | 'ip-group' | 'no-address' }

/** What a failed request to a contact meant for its place. */
export type Demotion =
  | { readonly type: 'unknown' }
  /** The request was under way already when its last failure was counted. */
  | { readonly type: 'counted' }
  | { readonly type: 'kept' }
  /** It is stale: told to others only when nobody better is known, and replaced as soon as there is a newcomer. */
  | { readonly type: 'flagged' }
  | { readonly type: 'replaced'; readonly removed: Contact; readonly added: Contact }
  /** It was stale and its bucket held more than k. */
  | { readonly type: 'removed'; readonly removed: Contact }

/** Hears of every contact that enters or leaves the table, whatever the cause. Must not call the table. */
export interface TableListener {
  contactAdded(contact: Contact): void
  contactRemoved(contact: Contact, reason: RemovalReason): void
}

/** Why a contact left: it failed too often, nearer ones came, or it no longer serves the protocol. */
export type RemovalReason = 'stale' | 'replaced' | 'left'

/**
 * An IP group: an IPv4 /16 (or a legacy /8) or an IPv6 /32, read from binary multiaddrs; as a number, IPv4 below 2^16, IPv6
 * from 2^32 on.
 *
 * An attacker has many ids but few networks, so contacts of one group are limited. Addresses without an IP (names, onion)
 * and those that mean nothing beyond a host or site (loopback, private, shared, link-local, unique-local) are of no group.
 */
export type IpGroup = number

/**
 * Whether a contact may enter the bucket with this prefix length without too many of one IP group in bucket or table; the
 * contact `except`, whose place it takes, is not counted. Counted anew each time: additions are rare, and a counter can
 * go wrong.
 */
export function admitsIpGroups(
  contact: Contact,
  buckets: readonly (KBucket | undefined)[],
  prefixLength: number,
  except?: Contact,
): boolean {
  for (const group of ipGroupsOf(contact)) {
    let inTable = 0
    for (const bucket of buckets) {
      let inBucket = 0
      for (const other of bucket?.contacts ?? []) {
        if (other !== except && isInIpGroup(other, group)) inBucket++
      }
      inTable += inBucket
      if (inTable >= IP_GROUP_PER_TABLE_MAX) return false
      if (bucket?.prefixLength === prefixLength && inBucket >= IP_GROUP_PER_BUCKET_MAX) return false
    }
  }
  return true
}

/** The groups that a contact's addresses belong to, each once; none for a contact that is exempt. */
export function ipGroupsOf(contact: Contact): readonly IpGroup[] {
  let groups: IpGroup[] | undefined
  for (const address of contact.addresses) {
    const group = ipGroupOfAddress(address)
    if (group === undefined || groups?.includes(group) === true) continue
    if (groups === undefined) groups = [group]
    else groups.push(group)
  }
  return groups ?? NO_GROUPS
}

/** Whether one of the contact's addresses belongs to the group. Allocates nothing. */
export function isInIpGroup(contact: Contact, group: IpGroup): boolean {
  for (const address of contact.addresses) {
    if (ipGroupOfAddress(address) === group) return true
  }
  return false
}

/** The group of one binary multiaddr, by its first component; `undefined` for one that is exempt or malformed. */
export function ipGroupOfAddress(address: Uint8Array): IpGroup | undefined {
  const code = address[0]
  if (code === CODE_IP4 && address.length > 4) return ip4Group(address, 1)
  if (code === CODE_IP6 && address.length > 16) return ip6Group(address, 1)
  return undefined
}

/**
 * IPv4 /8 blocks that are one organisation's, each of which is one group. Source: IPFS Kademlia specification, after
 * go-libp2p-kbucket's list of them.
 */
const LEGACY_CLASS_A: ReadonlySet<number> = new Set([12, 17, 19, 38, 48, 53, 56, 73])

const NO_GROUPS: readonly IpGroup[] = []

// Multicodec table: the protocols `ip4` and `ip6`.
const CODE_IP4 = 0x04
const CODE_IP6 = 0x29

function ip4Group(bytes: Uint8Array, at: number): IpGroup | undefined {
  const a = bytes[at] as number // the caller checked the length
  const b = bytes[at + 1] as number
  const exempt =
    a === 127 || // loopback
    a === 10 || // private, RFC 1918
    (a === 172 && b >> 4 === 1) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) || // link-local
    (a === 100 && b >> 6 === 1) // shared behind a provider's NAT, RFC 6598
  if (exempt) return undefined
  return LEGACY_CLASS_A.has(a) ? a << 8 : (a << 8) | b
}

function ip6Group(bytes: Uint8Array, at: number): IpGroup | undefined {
  const a = bytes[at] as number // the caller checked the length
  const b = bytes[at + 1] as number
  // The same IPv4 host must not count twice for being written as IPv6 (::ffff:a.b.c.d and 64:ff9b::a.b.c.d).
  if (startsWith(bytes, at, IP4_MAPPED) || startsWith(bytes, at, IP4_TRANSLATED)) {
    return ip4Group(bytes, at + 12)
  }
  const exempt =
    startsWith(bytes, at, LOOPBACK) ||
    (a & 0xfe) === 0xfc || // unique-local, RFC 4193
    (a === 0xfe && b >> 6 === 2) // link-local
  if (exempt) return undefined
  const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
  return 2 ** 32 + ((a << 8) | b) * 2 ** 16 + low
}

function startsWith(bytes: Uint8Array, at: number, prefix: readonly number[]): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false
  return true
}

const IP4_MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const IP4_TRANSLATED = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
const LOOPBACK = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
