import type { Contact } from './contact.ts'
import { bytesEqual, compareDistance, type Key } from './key.ts'
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, WATCH_CANDIDATES_MAX } from './limits.ts'
import type { WatchCursor } from './message.ts'
import type { Instant } from './ports.ts'

/**
 * Whether every value that is newer than the last one told will come by this link, in order.
 *
 * - `no`: not known: it is new, or has missed some;
 * - `pending`: as soon as the value that is held back (it came by this link) has been told;
 * - `yes`.
 */
export type LinkSync = 'no' | 'pending' | 'yes'

/** A replica that is listened to. */
export interface Link {
  readonly contact: Contact
  /** How far it has come; `undefined` before its first answer. */
  cursor: WatchCursor | undefined
  sync: LinkSync
  /** When it was asked; `undefined`: no request is under way. */
  askedAt: Instant | undefined
  /** Answers in a row that came at once and brought nothing. */
  idleAnswers: number
  /** When it may be asked again. */
  nextAt: Instant
}

/** A peer that may be a replica. */
interface Candidate {
  contact: Contact
  failures: number
  retryAt: Instant
  link: Link | undefined
}

/** What shall be done about a link. */
export type LinkStep =
  | { readonly type: 'ask'; readonly link: Link }
  | { readonly type: 'drop'; readonly link: Link }

/**
 * Which peers a watcher listens to: the `count` nearest to the key of those that answer. When a nearer one comes to light it
 * is listened to as well, and the farthest is let go only when enough nearer ones are in step: a hand-over loses nothing.
 */
export class WatchReplicas {
  readonly #target: Key
  readonly #selfKey: Key
  readonly #count: number
  /** Nearest first; at most `WATCH_CANDIDATES_MAX`, and those with links. */
  #candidates: Candidate[] = []

  constructor(init: { readonly target: Key; readonly selfKey: Key; readonly count: number }) {
    this.#target = init.target
    this.#selfKey = init.selfKey
    this.#count = init.count
  }

  /** Links that stand, in step or not. */
  get links(): readonly Link[] {
    return this.#candidates.flatMap(({ link }) => link ?? [])
  }

  /** Those that have not answered yet. */
  get isSettling(): boolean {
    return this.links.some(({ cursor }) => cursor === undefined)
  }

  linkOf(contact: Contact): Link | undefined {
    return this.#candidates.find(({ contact: { id } }) => id === contact.id)?.link
  }

  hasInStep(besides?: Link): boolean {
    return this.links.some((link) => link !== besides && link.sync === 'yes')
  }

  /** Contacts that somebody named; only the nearest are of interest. */
  heard(contacts: readonly Contact[]): void {
    const near = [...contacts].sort((a, b) => compareDistance(this.#target, a.key, b.key))
    for (const contact of near.slice(0, this.#count)) this.#hear(contact)
    this.#trim()
  }

  /**
   * The closest peers, which have just answered a lookup. What was remembered of others is forgotten, unless they are
   * listened to, or have failed and shall not be tried again soon.
   */
  found(contacts: readonly Contact[], now: Instant): void {
    const ids = new Set(contacts.map(({ id }) => id))
    this.#candidates = this.#candidates.filter(
      ({ link, contact, retryAt }) => link !== undefined || retryAt > now || ids.has(contact.id),
    )
    for (const contact of contacts) this.#hear(contact)
    for (const candidate of this.#candidates) {
      if (ids.has(candidate.contact.id)) candidate.retryAt = 0
    }
    this.#trim()
  }

  /** A request to it has failed, or it broke the rules. */
  failed(contact: Contact, now: Instant): void {
    const candidate = this.#candidates.find(({ contact: { id } }) => id === contact.id)
    if (candidate === undefined) return
    const pauseMs = Math.min(BACKOFF_FIRST_MS * 2 ** candidate.failures, BACKOFF_MAX_MS)
    candidate.failures += 1
    candidate.retryAt = now + pauseMs
    candidate.link = undefined
  }

  /** It has answered. */
  answered(link: Link): void {
    const candidate = this.#candidates.find((known) => known.link === link)
    if (candidate !== undefined) candidate.failures = 0
  }

  next(now: Instant): LinkStep | undefined {
    let wanted = 0
    let inStep = 0
    let links = 0
    for (const candidate of this.#candidates) {
      const { link } = candidate
      if (link !== undefined && (inStep >= this.#count || links >= 2 * this.#count)) {
        candidate.link = undefined
        return { type: 'drop', link }
      }
      if (link !== undefined) links += 1
      if (link?.sync === 'yes') inStep += 1
      const isWanted = wanted < this.#count && candidate.retryAt <= now
      if (isWanted) wanted += 1
      const asked = link ?? (isWanted ? linkTo(candidate, now) : undefined)
      if (asked === undefined || asked.askedAt !== undefined || asked.nextAt > now) continue
      asked.askedAt = now
      return { type: 'ask', link: asked }
    }
    return undefined
  }

  /** When `next` may have something new to say. */
  nextAt(now: Instant): Instant {
    let earliest = Number.POSITIVE_INFINITY
    for (const { link, retryAt } of this.#candidates) {
      const at = link === undefined ? retryAt : link.askedAt === undefined ? link.nextAt : now
      if (at > now) earliest = Math.min(earliest, at)
    }
    return earliest
  }

  #hear(contact: Contact): void {
    if (bytesEqual(contact.key, this.#selfKey)) return
    const known = this.#candidates.find(({ contact: { id } }) => id === contact.id)
    if (known !== undefined) {
      if (known.link === undefined) known.contact = contact // its addresses may be better
      return
    }
    const at = this.#candidates.findIndex(
      (other) => compareDistance(this.#target, contact.key, other.contact.key) < 0,
    )
    const index = at === -1 ? this.#candidates.length : at
    this.#candidates.splice(index, 0, { contact, failures: 0, retryAt: 0, link: undefined })
  }

  /** Forgets the farthest, failed ones first. */
  #trim(): void {
    while (this.#candidates.length > WATCH_CANDIDATES_MAX) {
      const idle = this.#candidates.filter(({ link }) => link === undefined)
      const victim = idle.findLast(({ failures }) => failures > 0) ?? idle.at(-1)
      if (victim === undefined) return
      this.#candidates.splice(this.#candidates.indexOf(victim), 1)
    }
  }
}

function linkTo(candidate: Candidate, now: Instant): Link {
  const { contact } = candidate
  const link: Link = {
    contact,
    cursor: undefined,
    sync: 'no',
    askedAt: undefined,
    idleAnswers: 0,
    nextAt: now,
  }
  candidate.link = link
  return link
}
