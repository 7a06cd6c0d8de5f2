import { type Contact, compareContacts } from './contact.ts'
import type { KBucket } from './k-bucket.ts'
import { headOf, type Key } from './key.ts'

/** Which contacts are looked for. */
export interface NearestQuery {
  /** The key that the buckets' prefix lengths refer to. */
  readonly self: Key
  readonly target: Key
  /** How many contacts `found` may hold. */
  readonly count: number
  /** Whom to leave out. */
  readonly exclude: Contact | undefined
}

/**
 * Appends to `found` the contacts nearest to the target, nearest first, until it holds `count`: live ones, or stale ones.
 *
 * Whole buckets are visited in exact order of distance. The contacts of bucket i differ from the own key in bit i, those of
 * all deeper buckets do not. So where the target differs from the own key in bit i, bucket i is nearer than everything
 * deeper, else it is farther: the buckets where the bit differs come first, farthest from ourselves first, then the others
 * in reverse. Only the contacts within a bucket are sorted, and of the last one only as many as are needed.
 */
export function collectNearest(
  buckets: readonly (KBucket | undefined)[],
  query: NearestQuery,
  stale: boolean,
  found: Contact[],
): void {
  const { self, target, count } = query
  for (let i = 0; i < buckets.length && found.length < count; i++) {
    const bucket = buckets[i]
    if (bucket !== undefined && bitDiffers(self, target, i)) collect(bucket, query, stale, found)
  }
  for (let i = buckets.length - 1; i >= 0 && found.length < count; i--) {
    const bucket = buckets[i]
    if (bucket !== undefined && !bitDiffers(self, target, i)) collect(bucket, query, stale, found)
  }
}

/**
 * How many live contacts stand nearer to `target` than `self` does, without a look at any of them: those of bucket i do, all
 * of them, if `self` and the target differ in bit i, for that is the first bit in which they differ from `self`.
 */
export function countNearerThanSelf(
  buckets: readonly (KBucket | undefined)[],
  self: Key,
  target: Key,
): number {
  let count = 0
  for (let i = 0; i < buckets.length; i++) {
    const bucket = buckets[i]
    if (bucket !== undefined && bitDiffers(self, target, i)) count += bucket.live
  }
  return count
}

function collect(bucket: KBucket, query: NearestQuery, stale: boolean, found: Contact[]): void {
  const { target, count, exclude } = query
  const head = headOf(target)
  const contacts = bucket.contacts
  const checksStale = bucket.hasFailures
  if (stale && !checksStale) return
  const from = found.length
  for (let i = 0; i < contacts.length; i++) {
    const contact = contacts[i] as Contact // i is below the length
    if (exclude !== undefined && contact.head === exclude.head && contact.id === exclude.id)
      continue
    if (checksStale && bucket.isStale(i) !== stale) continue
    insert(found, from, count, contact, target, head)
  }
}

/** Inserts a contact into `found`, which is sorted from index `from` on and never grows beyond `count`. */
function insert(
  found: Contact[],
  from: number,
  count: number,
  contact: Contact,
  target: Key,
  head: number,
): void {
  let i = found.length
  if (i < count) found.push(contact)
  else if (compareContacts(target, head, contact, found[--i] as Contact) >= 0) return
  for (; i > from; i--) {
    const before = found[i - 1] as Contact // from ≥ 0, so i - 1 exists
    if (compareContacts(target, head, contact, before) >= 0) break
    found[i] = before
  }
  found[i] = contact
}

function bitDiffers(a: Key, b: Key, index: number): boolean {
  const byte = index >> 3
  return ((((a[byte] as number) ^ (b[byte] as number)) >> (7 - (index & 7))) & 1) === 1
}
