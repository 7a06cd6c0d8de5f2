import {
  type Admission,
  admitsIpGroups,
  type Demotion,
  type Place,
  type RemovalReason,
  type RoutingTableInit,
  type TableListener,
} from './admission.ts'
import { unreachable } from './assert.ts'
import { collectNearest, countNearerThanSelf, liveBeyond, type Nearest } from './bucket-walk.ts'
import type { Contact } from './contact.ts'
import { type BucketGroup, type BucketView, KBucket } from './k-bucket.ts'
import { commonPrefixLength, headOf, type Key, prefixLengthByHead } from './key.ts'
import { FAILURES_GONE, PROBE_AFTER_MS, PROBE_LOCK_MS } from './limits.ts'
import type { Instant } from './ports.ts'
import { RangeTouches } from './range-touches.ts'
import { checkRoutingTable } from './routing-table-invariants.ts'

/**
 * Which peers a peer knows: many near its own key, and fewer the farther away. Buckets by the length of the prefix shared
 * with the own key, each of at most k contacts that have answered, and a cache of at most k newcomers.
 *
 * Three rules beyond that of the bucket. The k nearest live contacts of the own key are always held, even if their bucket
 * is full, for they decide who is responsible for what (Kademlia, section 2.4, relaxed splitting: here the bucket
 * overflows, to 2k at most, instead of being split). Who answers is never thrown out for a newcomer (2.2). And a peer that
 * fails is kept, flagged, until there is somebody to replace it (4.1) or it has been silent for an hour while others answer, so
 * that a peer which loses its own link keeps its table.
 */
export class RoutingTable {
  readonly self: Key
  readonly k: number
  readonly ipDiversity: boolean

  readonly #selfHead: number
  /** By prefix length; as long as the deepest bucket needs. */
  readonly #buckets: (KBucket | undefined)[] = []
  readonly #touches = new RangeTouches()
  readonly #listener: TableListener | undefined
  readonly #probeAfterMs: number
  #size = 0
  /** The one bucket that may hold more than k: the outermost with a neighbour in it. */
  #overfull: KBucket | undefined
  /** See `nextRetryAt`; `undefined`: to be found out anew. */
  #retryAt: Instant | undefined

  constructor(init: RoutingTableInit) {
    this.self = init.self
    this.#selfHead = headOf(init.self)
    this.k = init.k
    this.ipDiversity = init.ipDiversity
    this.#listener = init.listener
    this.#probeAfterMs = init.probeAfterMs ?? PROBE_AFTER_MS
  }

  /** How many contacts it holds, stale ones included and newcomers in waiting not. */
  get size(): number {
    return this.#size
  }

  /** Contacts that are not flagged as stale. */
  get live(): number {
    return liveBeyond(this.#buckets, -1)
  }

  /** The prefix length of the deepest bucket that holds a contact: the closest neighbour's; -1 for an empty table. */
  get depth(): number {
    return this.#buckets.findLastIndex((bucket) => (bucket?.size ?? 0) > 0)
  }

  /**
   * Fills an empty bucket as it stood at another time; the listener hears nothing of it. The caller vouches that the contacts
   * belong there, are different, and are at most k besides the k nearest of the own key.
   */
  restore(prefixLength: number, contacts: readonly Contact[], now: Instant): void {
    const bucket = this.#makeBucket(prefixLength, now)
    bucket.fill(contacts, now)
    this.#size += contacts.length
    if (contacts.length > this.k) this.#overfull = bucket
  }

  /** Takes in a contact that has just answered a DHT request; never one that was merely heard of. */
  offer(contact: Contact, now: Instant): Admission {
    const prefixLength = this.#sharedBits(contact.key, contact.head)
    if (prefixLength === this.self.length * 8) return { type: 'rejected', reason: 'self' }
    const known = this.#buckets[prefixLength]
    const index = known?.placeOf(contact) ?? -1
    if (known !== undefined && index >= 0) {
      this.#answered(known, index, contact, now)
      return { type: 'refreshed' }
    }
    if (contact.addresses.length === 0) return { type: 'rejected', reason: 'no-address' }
    if (!this.#admits(contact, prefixLength)) return { type: 'rejected', reason: 'ip-group' }
    const bucket = known ?? this.#makeBucket(prefixLength, now)
    const place = this.#placeFor(contact, bucket, now)
    switch (place.type) {
      case 'stale':
      case 'room':
        if (place.type === 'stale') this.#remove(bucket, place.index, 'stale')
        this.#add(bucket, contact, now)
        return { type: 'added' }
      case 'none':
        bucket.addReplacement(contact, this.k)
        return { type: 'cached' }
      case 'probe':
        bucket.addReplacement(contact, this.k)
        bucket.probingUntil = now + PROBE_LOCK_MS
        return { type: 'probe', oldest: bucket.at(place.index) }
      default:
        return unreachable(place)
    }
  }

  /**
   * A message from this contact came in. Refreshes it if it is known, and returns whether it is. Its failures stand: that
   * it asks does not show that it answers.
   */
  heard(contact: Contact, now: Instant): boolean {
    const bucket = this.#bucketOf(contact.key, contact.head)
    if (bucket === undefined) return false
    const index = bucket.placeOf(contact)
    if (index >= 0) this.#seen(bucket, index, contact, now)
    else if (bucket.removeReplacement(contact.key)) bucket.addReplacement(contact, this.k)
    return index >= 0
  }

  /** Whether an answer of this contact would change anything: it would be added, cause a probe, or no longer be stale. */
  wants(contact: Contact, now: Instant): boolean {
    const prefixLength = this.#sharedBits(contact.key, contact.head)
    if (prefixLength === this.self.length * 8 || contact.addresses.length === 0) return false
    const bucket = this.#buckets[prefixLength]
    const index = bucket?.placeOf(contact) ?? -1
    if (bucket !== undefined && index >= 0) return bucket.isStale(index)
    if (bucket !== undefined && this.#placeFor(contact, bucket, now).type === 'none') return false
    return this.#admits(contact, prefixLength)
  }

  /**
   * The contact to probe because this newcomer, which its full bucket wants, showed up. `undefined`: there is none, or nobody
   * who has answered waits for its place yet, so that the newcomer itself is to be asked first. To be followed by `probed`.
   */
  challenge(newcomer: Contact, now: Instant): Contact | undefined {
    const bucket = this.#bucketOf(newcomer.key, newcomer.head)
    if (bucket === undefined || bucket.replacements.length === 0) return undefined
    const place = this.#placeFor(newcomer, bucket, now)
    if (place.type !== 'probe') return undefined
    bucket.probingUntil = now + PROBE_LOCK_MS
    return bucket.at(place.index)
  }

  /** A request to this contact, sent at `sentAt`, failed. Those that were under way together count as one. */
  failed(id: string, key: Key, now: Instant, sentAt: Instant = now): Demotion {
    const bucket = this.#bucketOf(key)
    const index = bucket?.indexOf(key) ?? -1
    if (bucket === undefined || index < 0 || bucket.at(index).id !== id) {
      bucket?.removeReplacement(key)
      return { type: 'unknown' }
    }
    if (!bucket.failed(index, now, sentAt)) return { type: 'counted' }
    this.#retryAt = undefined
    if (!bucket.isStale(index)) return { type: 'kept' }
    const stale = bucket.at(index)
    const successor = this.#successor(bucket, stale)
    const isGone = bucket.failures(index) >= FAILURES_GONE && this.live > 0
    const stays = successor === undefined && bucket.size <= this.k && !isGone
    if (!stays) this.#remove(bucket, index, 'stale')
    if (successor !== undefined) this.#add(bucket, successor, this.#longAgo(now))
    this.#promoteNeighbours(now)
    if (stays) return { type: 'flagged' }
    return successor === undefined
      ? { type: 'removed', removed: stale }
      : { type: 'replaced', removed: stale, added: successor }
  }

  /**
   * The end of a probe that `offer` asked for. Who answered stays. Who did not has failed once more and goes when it has
   * failed often enough in a row: one lost packet throws nobody out.
   */
  probed(oldest: Contact, alive: boolean, newcomer: Contact, now: Instant): Admission {
    const bucket = this.#bucketOf(oldest.key, oldest.head)
    const index = bucket?.placeOf(oldest) ?? -1
    if (bucket !== undefined) bucket.probingUntil = undefined
    if (!alive) this.failed(oldest.id, oldest.key, now)
    else if (bucket !== undefined && index >= 0) this.#answered(bucket, index, oldest, now)
    return { type: this.has(newcomer.key) ? 'added' : 'cached' }
  }

  /** Takes a contact out that no longer belongs here; false if it was not known. */
  remove(id: string, key: Key, now: Instant): boolean {
    const bucket = this.#bucketOf(key)
    if (bucket === undefined) return false
    const index = bucket.indexOf(key)
    if (index < 0) return bucket.removeReplacement(key)
    if (bucket.at(index).id !== id) return false
    this.#remove(bucket, index, 'left')
    const successor = bucket.size < this.k ? this.#successor(bucket) : undefined
    if (successor !== undefined) this.#add(bucket, successor, this.#longAgo(now))
    this.#promoteNeighbours(now)
    return true
  }

  /**
   * The `count` contacts nearest to `target`, nearest first, without `exclude`. Stale ones come after
   * all others, and only if there are too few others.
   */
  closest(target: Key, count: number, exclude?: Contact): Contact[] {
    return this.nearest(target, count, exclude).contacts
  }

  /** `closest`, with the contacts' heads beside them. */
  nearest(target: Key, count: number, exclude?: Contact): Nearest {
    const query = { self: this.self, target, count, exclude }
    const found: Nearest = { contacts: [], heads: [] }
    collectNearest(this.#buckets, query, false, found)
    const { length } = found.contacts
    if (length < count && length < this.#size) collectNearest(this.#buckets, query, true, found)
    return found
  }

  /** How many live contacts stand nearer to `target` than this peer. */
  nearerThanSelf(target: Key): number {
    return countNearerThanSelf(this.#buckets, this.self, target)
  }

  get(key: Key, head: number = headOf(key)): Contact | undefined {
    const bucket = this.#bucketOf(key, head)
    const index = bucket?.indexOf(key) ?? -1
    return index < 0 ? undefined : bucket?.at(index)
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined
  }

  /** The k contacts nearest to the own key, nearest first. */
  neighbours(): Contact[] {
    return this.closest(this.self, this.k)
  }

  /** Whether fewer than k live contacts are nearer to the own key than `key`. */
  isNeighbour(key: Key): boolean {
    const prefixLength = commonPrefixLength(this.self, key)
    const deeper = liveBeyond(this.#buckets, prefixLength)
    if (deeper >= this.k) return false
    return deeper + (this.#buckets[prefixLength]?.nearer(key, this.self) ?? 0) < this.k
  }

  /** A lookup went into the range of this target's bucket. */
  touched(target: Key, now: Instant): void {
    this.#touches.touched(commonPrefixLength(this.self, target), now)
  }

  /**
   * The prefix lengths whose range no lookup went into for `intervalMs`, farthest first, empty buckets among them included,
   * down to the closest neighbour's. Source: Kademlia, section 2.3.
   */
  refreshDue(now: Instant, intervalMs: number): number[] {
    return this.#touches.due(now, intervalMs, this.depth)
  }

  /** When `refreshDue` next has something to say; `Infinity` for an empty table. */
  nextRefreshAt(intervalMs: number): Instant {
    return this.#touches.nextDueAt(intervalMs, this.depth)
  }

  /** The contacts that failed and whose back-off is over, farthest first. */
  retryDue(now: Instant): Contact[] {
    return this.#buckets.flatMap((bucket) => bucket?.retryDue(now) ?? [])
  }

  /** When `retryDue` next has something to say; `Infinity` if no contact has failed. */
  nextRetryAt(): Instant {
    this.#retryAt ??= Math.min(...this.#buckets.map((bucket) => bucket?.nextRetryAt() ?? Infinity))
    return this.#retryAt
  }

  /** The buckets that hold a contact, farthest first. */
  *buckets(): Generator<BucketView, void, undefined> {
    for (const bucket of this.groups()) if (bucket.size > 0) yield bucket.view()
  }

  /** All buckets as they are, farthest first. */
  groups(): readonly BucketGroup[] {
    return this.#buckets.filter((bucket) => bucket !== undefined)
  }

  /** All contacts, stale ones included: farthest bucket first, in each the longest known first. */
  *contacts(): Generator<Contact, void, undefined> {
    for (const bucket of this.groups()) yield* bucket.contacts
  }

  /** Checks what must always hold, for tests and the simulator. Throws an Error that names what is broken. */
  checkInvariants(): void {
    checkRoutingTable(this, this.#buckets)
  }

  #bucketOf(key: Key, head: number = headOf(key)): KBucket | undefined {
    return this.#buckets[this.#sharedBits(key, head)]
  }

  /** By heads where they tell: a contact's key lies elsewhere in memory. */
  #sharedBits(key: Key, head: number): number {
    return prefixLengthByHead(this.self, this.#selfHead, key, head)
  }

  #makeBucket(prefixLength: number, now: Instant): KBucket {
    while (this.#buckets.length <= prefixLength) this.#buckets.push(undefined)
    this.#touches.growTo(prefixLength, now)
    const bucket = new KBucket(prefixLength)
    this.#buckets[prefixLength] = bucket
    return bucket
  }

  /** What a newcomer finds in its bucket. */
  #placeFor(contact: Contact, bucket: KBucket, now: Instant): Place {
    if (bucket.size < this.k) return { type: 'room' }
    const stale = bucket.worstStale()
    if (stale >= 0) return { type: 'stale', index: stale }
    if (this.isNeighbour(contact.key)) return { type: 'room' }
    if (bucket.probingUntil !== undefined && now < bucket.probingUntil) return { type: 'none' }
    const candidate = bucket.probeCandidate(now, now - this.#probeAfterMs)
    return candidate < 0 ? { type: 'none' } : { type: 'probe', index: candidate }
  }

  #admits(contact: Contact, prefixLength: number, except?: Contact): boolean {
    return !this.ipDiversity || admitsIpGroups(contact, this.#buckets, prefixLength, except)
  }

  #add(bucket: KBucket, contact: Contact, seenAt: Instant): void {
    bucket.removeReplacement(contact.key)
    bucket.add(contact, seenAt)
    this.#size++
    this.#listener?.contactAdded(contact)
    if (bucket.size > this.k) this.#overfull = bucket
    this.#trim()
  }

  #remove(bucket: KBucket, index: number, reason: RemovalReason): void {
    const removed = bucket.removeAt(index)
    this.#retryAt = undefined
    this.#size--
    this.#listener?.contactRemoved(removed, reason)
  }

  /** The contact was heard of from itself; new addresses are taken if the limits on its IP groups let them. */
  #seen(bucket: KBucket, index: number, contact: Contact, now: Instant): void {
    const known = bucket.at(index)
    const takes =
      contact !== known &&
      contact.addresses.length > 0 &&
      this.#admits(contact, bucket.prefixLength, known)
    bucket.seen(index, takes ? contact : known, now)
  }

  #answered(bucket: KBucket, index: number, contact: Contact, now: Instant): void {
    this.#seen(bucket, index, contact, now)
    if (bucket.hasFailures) this.#retryAt = undefined
    bucket.answered(index)
    this.#trim() // if it was stale, it pushes the farthest neighbour out
  }

  /** Keeps at most k contacts besides the neighbours in the bucket that overflows: those known longest. */
  #trim(): void {
    const bucket = this.#overfull
    if (bucket === undefined) return
    const neighbours = Math.max(0, this.k - liveBeyond(this.#buckets, bucket.prefixLength))
    while (bucket.size > this.k + neighbours) {
      const index = bucket.newestBeyond(neighbours, this.self)
      bucket.addReplacement(bucket.at(index), this.k)
      this.#remove(bucket, index, 'replaced')
    }
    if (bucket.size <= this.k) this.#overfull = undefined
  }

  /** The newcomer that takes the next free place of a bucket; `leaving` still stands there. */
  #successor(bucket: KBucket, leaving?: Contact): Contact | undefined {
    return bucket.replacements.findLast((c) => this.#admits(c, bucket.prefixLength, leaving))
  }

  /** When one of the k nearest is gone, somebody who waits for a place may now be among them. */
  #promoteNeighbours(now: Instant): void {
    let live = 0
    for (let i = this.#buckets.length - 1; i >= 0; i--) {
      const bucket = this.#buckets[i]
      live += bucket?.live ?? 0
      if (bucket === undefined || live < this.k) continue
      for (;;) {
        const next = bucket.replacements.find((c) => this.isNeighbour(c.key) && this.#admits(c, i))
        if (next === undefined) return
        this.#add(bucket, next, this.#longAgo(now))
      }
    }
  }

  /** Contacts that waited were seen at some time, not now: so long ago that they are probed first. */
  #longAgo(now: Instant): Instant {
    return now - this.#probeAfterMs
  }
}
