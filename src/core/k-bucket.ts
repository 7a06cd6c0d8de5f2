import { type Contact, indexOfKey } from './contact.ts'
import { bytesEqual, compareDistance, headOf, type Key } from './key.ts'
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, FAILURES_STALE } from './limits.ts'
import type { Instant } from './ports.ts'

/** One bucket, to look at. */
export interface BucketView {
  readonly prefixLength: number
  /** Least recently seen first. `failedAt` says nothing while `failures` is 0. */
  readonly contacts: readonly {
    readonly contact: Contact
    readonly lastSeenAt: Instant
    readonly failures: number
    readonly failedAt: Instant
  }[]
  /** How many newcomers wait for a place. */
  readonly replacements: number
}

/**
 * The contacts that share one prefix length with the own key, and the newcomers that wait for a place among them.
 *
 * A bucket keeps facts and order; what may enter and who must go is the routing table's decision. Contacts stand in the
 * order in which they came in, and the least recently seen one is found by its time: so being seen costs one store, and
 * who is known longest stays visible. Parallel arrays of exact size, and failures only once there are some, because a
 * simulation holds millions of contacts.
 */
export class KBucket {
  /** How many leading bits every contact shares with the own key, and no more. */
  readonly prefixLength: number
  /** Until when a probe of this bucket's oldest contact is taken to be under way; `undefined`: none is. */
  probingUntil: Instant | undefined = undefined

  #contacts: Contact[] = []
  /** The contacts' heads, made when they are first looked at: most buckets of a simulation never are. */
  #heads: number[] | undefined
  /** Made when times differ for the first time: until then all were seen at `#allSeenAt`. */
  #seenAt: Instant[] | undefined
  #allSeenAt: Instant = 0
  #failures: number[] | undefined
  #failedAt: Instant[] | undefined
  #stale = 0
  #replacements: Contact[] | undefined

  constructor(prefixLength: number) {
    this.prefixLength = prefixLength
  }

  /** How many contacts it holds, stale ones included. */
  get size(): number {
    return this.#contacts.length
  }

  /** How many of them are not stale. */
  get live(): number {
    return this.#contacts.length - this.#stale
  }

  /** The contacts, longest known first. */
  get contacts(): readonly Contact[] {
    return this.#contacts
  }

  /** The heads of the contacts, in the same order, one beside the other in memory. */
  get heads(): readonly number[] {
    this.#heads ??= this.#contacts.map(({ head }) => head)
    return this.#heads
  }

  /** Newcomers in waiting, most recently seen last. */
  get replacements(): readonly Contact[] {
    return this.#replacements ?? NONE
  }

  /** The contact at `index`, which must exist. */
  at(index: number): Contact {
    return this.#contacts[index] as Contact // callers pass an index below `size`
  }

  /** Where the contact with this key stands; -1 if it does not. */
  indexOf(key: Key): number {
    const { heads } = this
    const head = headOf(key)
    for (let i = heads.indexOf(head); i >= 0; i = heads.indexOf(head, i + 1)) {
      if (bytesEqual(this.at(i).key, key)) return i
    }
    return -1
  }

  /** The same for a contact: most often it is the very object that stands here, and no key is looked at. */
  placeOf(contact: Contact): number {
    const index = this.#contacts.indexOf(contact)
    return index < 0 ? this.indexOf(contact.key) : index
  }

  seenAt(index: number): Instant {
    return this.#seenAt?.[index] ?? this.#allSeenAt
  }

  /** Failed requests in a row. */
  failures(index: number): number {
    return this.#failures?.[index] ?? 0
  }

  /** When the last of them failed; meaningless without failures. */
  failedAt(index: number): Instant {
    return this.#failedAt?.[index] ?? -Infinity
  }

  /** Whether any of its contacts may have failed. */
  get hasFailures(): boolean {
    return this.#failures !== undefined
  }

  isStale(index: number): boolean {
    return this.failures(index) >= FAILURES_STALE
  }

  /** Fills an empty bucket with contacts, longest known first. */
  fill(contacts: readonly Contact[], seenAt: Instant): void {
    this.#contacts = contacts.slice() // of exact size, whatever room the given one has
    this.#heads = undefined
    this.#allSeenAt = seenAt
  }

  add(contact: Contact, seenAt: Instant): void {
    // concat, not push: push over-allocates by half.
    this.#seenAt = this.#times().concat(seenAt)
    this.#contacts = this.#contacts.concat(contact)
    this.#heads = this.#heads?.concat(contact.head)
    this.#failures?.push(0)
    this.#failedAt?.push(-Infinity)
  }

  removeAt(index: number): Contact {
    const removed = this.at(index)
    if (this.isStale(index)) this.#stale--
    this.#contacts.splice(index, 1)
    this.#heads?.splice(index, 1)
    this.#seenAt?.splice(index, 1)
    this.#failures?.splice(index, 1)
    this.#failedAt?.splice(index, 1)
    return removed
  }

  /** The contact was heard of from itself; `contact` may carry new addresses. */
  seen(index: number, contact: Contact, now: Instant): void {
    this.#contacts[index] = contact
    this.#seenAt ??= this.#times()
    this.#seenAt[index] = now
  }

  /** The contact answered: its failures are forgotten. */
  answered(index: number): void {
    const failures = this.#failures
    if (failures === undefined || failures[index] === 0) return
    if (this.isStale(index)) this.#stale--
    failures[index] = 0
    if (failures.every((count) => count === 0)) {
      this.#failures = undefined
      this.#failedAt = undefined
    }
  }

  /** A request to the contact, sent at `sentAt`, failed; returns whether that counts. */
  failed(index: number, now: Instant, sentAt: Instant = now): boolean {
    const failures = this.failures(index) + 1
    if (failures > 1 && sentAt < this.failedAt(index)) return false
    this.#failures ??= new Array<number>(this.size).fill(0)
    this.#failedAt ??= new Array<Instant>(this.size).fill(-Infinity)
    this.#failures[index] = failures
    this.#failedAt[index] = now
    if (failures === FAILURES_STALE) this.#stale++
    return true
  }

  /** The contacts that failed and whose back-off is over. */
  retryDue(now: Instant): readonly Contact[] {
    const failures = this.#failures
    if (failures === undefined) return NONE
    const due: Contact[] = []
    for (let i = 0; i < failures.length; i++) {
      if (failures[i] !== 0 && this.#retryAt(i) <= now) due.push(this.at(i))
    }
    return due
  }

  /** When the first back-off ends; `Infinity` if no contact failed. */
  nextRetryAt(): Instant {
    let next = Infinity
    const failures = this.#failures
    if (failures === undefined) return next
    for (let i = 0; i < failures.length; i++) {
      if (failures[i] !== 0) next = Math.min(next, this.#retryAt(i))
    }
    return next
  }

  /** The stale contact that failed most often, or -1. */
  worstStale(): number {
    if (this.#stale === 0) return -1
    let worst = 0
    for (let i = 1; i < this.size; i++) if (this.failures(i) > this.failures(worst)) worst = i
    return worst
  }

  /**
   * The contact to ask whether it still lives, before a newcomer may take its place: one that failed and whose back-off
   * is over, else the least recently seen one if that was before `seenBefore`; -1 if all can be taken to be alive.
   */
  probeCandidate(now: Instant, seenBefore: Instant): number {
    let oldest = -1
    let suspect = -1
    for (let i = 0; i < this.size; i++) {
      const failures = this.failures(i)
      if (failures > 0) {
        const due = this.#retryAt(i) <= now
        if (due && (suspect < 0 || failures > this.failures(suspect))) suspect = i
      } else if (oldest < 0 || this.seenAt(i) < this.seenAt(oldest)) {
        oldest = i
      }
    }
    if (suspect >= 0) return suspect
    return oldest >= 0 && this.seenAt(oldest) <= seenBefore ? oldest : -1
  }

  /** The contact that came in last, apart from the `neighbours` contacts nearest to `self`. */
  newestBeyond(neighbours: number, self: Key): number {
    for (let i = this.size - 1; i >= 0; i--) {
      if (this.nearer(this.at(i).key, self) >= neighbours) return i
    }
    return -1
  }

  /** What the bucket holds, copied. */
  view(): BucketView {
    const contacts = this.#contacts.map((contact, i) => ({
      contact,
      lastSeenAt: this.seenAt(i),
      failures: this.failures(i),
      failedAt: this.failedAt(i),
    }))
    contacts.sort((a, b) => a.lastSeenAt - b.lastSeenAt)
    const replacements = this.replacements.length
    return { prefixLength: this.prefixLength, contacts, replacements }
  }

  /** How many live contacts are nearer to `self` than `key`. */
  nearer(key: Key, self: Key): number {
    const { heads } = this
    const selfHead = headOf(self)
    const distance = (headOf(key) ^ selfHead) >>> 0
    let count = 0
    for (let i = 0; i < heads.length; i++) {
      const other = ((heads[i] as number) ^ selfHead) >>> 0 // i is below the length
      const isNearer =
        other === distance ? compareDistance(self, this.at(i).key, key) < 0 : other < distance
      if (isNearer && !this.isStale(i)) count++
    }
    return count
  }

  /** Takes a newcomer as the first candidate for the next free place; the last one beyond `max` is dropped. */
  addReplacement(contact: Contact, max: number): void {
    const replacements = (this.#replacements ?? NONE).filter((c) => !bytesEqual(c.key, contact.key))
    replacements.push(contact)
    this.#replacements = replacements.length > max ? replacements.slice(-max) : replacements
  }

  /** Takes a newcomer out of waiting; false if it did not wait. */
  removeReplacement(key: Key): boolean {
    const index = indexOfKey(this.replacements, key)
    if (index < 0) return false
    this.#replacements?.splice(index, 1)
    if (this.#replacements?.length === 0) this.#replacements = undefined
    return true
  }

  #times(): Instant[] {
    return this.#seenAt ?? this.#contacts.map(() => this.#allSeenAt)
  }

  #retryAt(index: number): Instant {
    return retryAt(this.failedAt(index), this.failures(index))
  }
}

/** A bucket as it is, to read. */
export type BucketGroup = Pick<
  KBucket,
  'prefixLength' | 'size' | 'live' | 'contacts' | 'replacements' | 'view'
>

/**
 * When a contact may be asked again by maintenance: the pause doubles with each failure in a row.
 * Source: Kademlia, section 4.1 (exponentially increasing back-off interval).
 */
export function retryAt(failedAt: Instant, failures: number): Instant {
  if (failures <= 0) return -Infinity
  return failedAt + Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1))
}

const NONE: readonly Contact[] = []
