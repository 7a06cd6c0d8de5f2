import type { Contact } from './contact.ts'
import type { BucketGroup, KBucket } from './k-bucket.ts'
import { compareDistance, headOf, type Key } from './key.ts'

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
 * Contacts, nearest first, and their heads beside them: whoever compares them again need not look at each, which in a large
 * simulation is a miss of the cache.
 */
export interface Nearest {
  readonly contacts: Contact[]
  readonly heads: number[]
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
  found: Nearest,
): void {
  const { self, target, count } = query
  const { contacts } = found
  for (let i = 0; i < buckets.length && contacts.length < count; i++) {
    const bucket = buckets[i]
    if (bucket !== undefined && bitDiffers(self, target, i)) collect(bucket, query, stale, found)
  }
  for (let i = buckets.length - 1; i >= 0 && contacts.length < count; i--) {
    const bucket = buckets[i]
    if (bucket !== undefined && !bitDiffers(self, target, i)) collect(bucket, query, stale, found)
  }
}

/**
 * The newcomers in waiting nearest to the target, nearest first, at most `count`. They have answered once, and may live when
 * nobody in their full bucket does.
 */
export function nearestInWaiting(
  buckets: readonly BucketGroup[],
  target: Key,
  count: number,
): Contact[] {
  const waiting = buckets.flatMap(({ replacements }) => replacements)
  return waiting.sort((a, b) => compareDistance(target, a.key, b.key)).slice(0, count)
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

/** Live contacts in buckets deeper than `prefixLength`. */
export function liveBeyond(
  buckets: readonly (KBucket | undefined)[],
  prefixLength: number,
): number {
  let live = 0
  for (let i = prefixLength + 1; i < buckets.length; i++) live += buckets[i]?.live ?? 0
  return live
}

function collect(bucket: KBucket, query: NearestQuery, stale: boolean, found: Nearest): void {
  const { target, count, exclude } = query
  const checksStale = bucket.hasFailures
  if (stale && !checksStale) return
  const part = { from: found.contacts.length, count, target, targetHead: headOf(target) }
  const { contacts, heads } = bucket
  for (let i = 0; i < heads.length; i++) {
    const head = heads[i] as number // i is below the length
    const contact = contacts[i] as Contact // there are as many
    if (exclude !== undefined && head === exclude.head && contact.id === exclude.id) continue
    if (checksStale && bucket.isStale(i) !== stale) continue
    const at = placeIn(found, part, contact, head)
    if (at < 0) continue
    found.contacts[at] = contact
    found.heads[at] = head
  }
}

/** The part of what was found that is being sorted: from index `from` on, and never beyond `count`. */
interface Part {
  readonly from: number
  readonly count: number
  readonly target: Key
  readonly targetHead: number
}

/** Makes room for a contact, and returns where; -1 if `count` nearer ones are there. */
function placeIn({ contacts, heads }: Nearest, part: Part, contact: Contact, head: number): number {
  const { from, count, target, targetHead } = part
  const distance = (head ^ targetHead) >>> 0
  let at = contacts.length
  for (let before = Math.min(contacts.length, count) - 1; before >= from; before--) {
    const other = contacts[before] as Contact // before is below the length
    const otherHead = heads[before] as number
    const otherDistance = (otherHead ^ targetHead) >>> 0
    const isNearer =
      distance === otherDistance
        ? compareDistance(target, contact.key, other.key) < 0
        : distance < otherDistance
    if (!isNearer) return before + 1 < count ? before + 1 : -1
    if (before + 1 < count) {
      contacts[before + 1] = other
      heads[before + 1] = otherHead
    }
    at = before
  }
  return at
}

function bitDiffers(a: Key, b: Key, index: number): boolean {
  const byte = index >> 3
  return ((((a[byte] as number) ^ (b[byte] as number)) >> (7 - (index & 7))) & 1) === 1
}
