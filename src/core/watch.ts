import type { Contact } from './contact.ts'
import type { Key } from './key.ts'
import {
  WATCH_GRACE_MS,
  WATCH_IDLE_ANSWERS_MAX,
  WATCH_IDLE_PAUSE_MS,
  WATCH_MARGIN_MS,
  WATCH_POLL_INTERVAL_MS,
  WATCH_SEARCH_PAUSE_MAX_MS,
  WATCH_SEARCH_PAUSE_MS,
  WATCH_WAIT_MS,
} from './limits.ts'
import type { RpcRequest, RpcResponse } from './message.ts'
import type { Instant } from './ports.ts'
import type { ValueRecord } from './record.ts'
import type { SurveyResult } from './replica-survey.ts'
import type { ValidVerdict } from './validators.ts'
import { type Link, WatchReplicas } from './watch-replicas.ts'

/** The rule of the key's kind, for the watcher. */
export interface WatchJudge {
  /** What the validator says of a record that arrived; `undefined`: it is no valid one of the key. */
  judge(record: ValueRecord): ValidVerdict | undefined
  /** Positive if `a` wins over `b`. Both are valid. */
  compare(a: ValueRecord, b: ValueRecord): number
}

/** What a watch needs to know. */
export interface WatchInit {
  readonly key: Uint8Array
  readonly target: Key
  readonly selfKey: Key
  /** Replicas to listen to. */
  readonly replicas: number
  readonly judge: WatchJudge
  /** Whether versions of this kind count by one, so that a jump tells of values that were missed. */
  readonly countsByOne: boolean
  /** How long a peer may take to answer at once. ms. */
  readonly timeoutMs: number
  /** Whether this peer is one of those that every value of the key should reach: then the own store counts as a replica. */
  readonly isReplica: () => boolean
}

/** Something to tell the reader. */
export type WatchNotice =
  | {
      readonly type: 'value'
      readonly record: ValueRecord
      /** `deleted`: it is a tombstone. */
      readonly verdict: ValidVerdict
      /** Who brought it first; `undefined`: the own store. */
      readonly from: Contact | undefined
      /** Whether it stood before the watch began. */
      readonly isInitial: boolean
    }
  | {
      readonly type: 'gap'
      /** Values that were missed; `undefined`: not known, perhaps none. */
      readonly missed: number | undefined
      /**
       * - `sequence`: the version has jumped;
       * - `overrun`: values came faster than they could be told;
       * - `unwatched`: for a while no replica that knew all was listened to;
       * - `slow-reader`: the reader did not take what waited for him.
       */
      readonly reason: GapReason
    }

/** Why values may have been missed. */
export type GapReason = 'sequence' | 'overrun' | 'unwatched' | 'slow-reader'

/** What a watch wants next; `find`: survey the replicas, and report by `found`. */
export type WatchStep =
  | { readonly type: 'tell'; readonly notice: WatchNotice }
  | {
      readonly type: 'send'
      readonly to: Contact
      readonly request: RpcRequest
      readonly deadline: Instant
    }
  | { readonly type: 'drop'; readonly contact: Contact }
  | { readonly type: 'find' }
  | { readonly type: 'wait'; readonly until: Instant }

/** A value that is not told yet. */
interface Held {
  readonly record: ValueRecord
  readonly verdict: ValidVerdict
  readonly from: Contact | undefined
  readonly dueAt: Instant
  readonly missed: number | undefined
}

type WatchResponse = Extract<RpcResponse, { type: 'watch' }>

/** Where a value comes from, and whether all newer ones before it came the same way. */
interface Source {
  readonly from: Contact | undefined
  readonly link?: Link
  readonly isInOrder: boolean
  /** Values that the source knows to have been left out before this one. */
  readonly missed?: number
}

/**
 * Watches a key: decides whom to listen to and what to tell. It has no end of its own.
 *
 * - **Subscriptions** stand at the few replicas nearest to the key, and are renewed with every request; each answer names
 *   nearer peers if there are any, so that the watch moves along when replicas change.
 * - **A value is told** only if it wins over everything told before, by the rule of its kind: so the order is the rule's,
 *   and nothing comes twice.
 * - **A gap is told** before a value unless it is known to be the next one: its version is the last one's successor, where
 *   versions count by one; or it came by a replica that was listened to ever since the last value and kept count.
 * - A value from elsewhere (a replica new to us, a read) is held back for `WATCH_GRACE_MS` while a replica that is in step
 *   may still bring it, with what belongs before it.
 * - **The net below**: every `WATCH_POLL_INTERVAL_MS`, and when replicas fail, the key is surveyed anew.
 *
 * OpenDHT's listen is the model: put listeners at the nodes of a search, refresh them, follow the search when its nodes
 * change. It tells no gaps.
 */
export class Watch {
  readonly #init: WatchInit
  readonly #replicas: WatchReplicas
  readonly #notices: WatchNotice[] = []
  #last: { readonly record: ValueRecord; readonly version: number } | undefined
  #held: Held | undefined
  #findAt: Instant = 0
  #isFinding = false
  #searchPauseMs = WATCH_SEARCH_PAUSE_MS
  #isSearchDue = false
  /** When the first value is told at the latest; `Infinity` until the first survey is over. */
  #beginAt: Instant = Number.POSITIVE_INFINITY
  #hasBegun = false
  /** Since the last value was told there was a time when nobody in step was listened to. */
  #wasUnwatched = false

  constructor(init: WatchInit) {
    this.#init = init
    const { target, selfKey, replicas: count } = init
    this.#replicas = new WatchReplicas({ target, selfKey, count })
  }

  /** Replicas in step. */
  get subscriptions(): number {
    return this.#replicas.links.filter(({ sync }) => sync === 'yes').length
  }

  next(now: Instant): WatchStep {
    if (this.#held !== undefined && this.#hasBegun && this.#held.dueAt <= now) {
      this.#tell(this.#held, this.#last === undefined)
    }
    const notice = this.#notices.shift()
    if (notice !== undefined) return { type: 'tell', notice }
    if (!this.#isFinding && this.#findAt <= now) {
      this.#isFinding = true
      this.#isSearchDue = false
      return { type: 'find' }
    }
    const step = this.#replicas.next(now)
    if (step?.type === 'drop') return { type: 'drop', contact: step.link.contact }
    if (step?.type === 'ask') return this.#ask(step.link, now)
    if (this.#mayBegin(now)) return this.#begin(now)
    return { type: 'wait', until: this.#wakeAt(now) }
  }

  onResponse(from: Contact, response: RpcResponse, now: Instant): void {
    const link = this.#replicas.linkOf(from)
    if (link?.askedAt === undefined) return
    if (response.type !== 'watch') {
      this.onFailure(from, now)
      return
    }
    const { cursor: before, askedAt } = link
    link.askedAt = undefined
    link.cursor = response.cursor
    this.#replicas.answered(link)
    this.#replicas.heard(response.closer)
    const isNews = this.#take(link, response, before?.epoch === response.cursor.epoch, now)
    const isEarly = before !== undefined && now - askedAt < WATCH_WAIT_MS / 2
    if (!isEarly || isNews) link.idleAnswers = 0
    else if (++link.idleAnswers > WATCH_IDLE_ANSWERS_MAX) link.nextAt = now + WATCH_IDLE_PAUSE_MS
    if (this.#replicas.linkOf(from) === link) this.#searchPauseMs = WATCH_SEARCH_PAUSE_MS
  }

  /** The request failed, or the peer refused it. */
  onFailure(from: Contact, now: Instant): void {
    const link = this.#replicas.linkOf(from)
    if (link === undefined) return
    this.#replicas.failed(from, now)
    const isAlone = !this.#isInStep()
    if (isAlone) this.#wasUnwatched = true
    const isLoss = link.cursor !== undefined || isAlone
    if (!isLoss || this.#isSearchDue) return
    this.#isSearchDue = true
    this.#findAt = Math.min(this.#findAt, now + this.#pause())
  }

  /** The survey is over; `undefined`: it failed. */
  onFound(result: SurveyResult | undefined, now: Instant): void {
    this.#isFinding = false
    this.#beginAt = Math.min(this.#beginAt, now + WATCH_GRACE_MS)
    const { closest = [], record, from } = result ?? {}
    const isFruitless = closest.length === 0
    this.#findAt = now + (isFruitless || this.#isSearchDue ? this.#pause() : WATCH_POLL_INTERVAL_MS)
    if (isFruitless) return
    this.#replicas.found(closest, now)
    const what =
      record === undefined ? 'known' : this.#consider(record, { from, isInOrder: false }, now)
    if (what === 'known') this.#wasUnwatched = false
  }

  /** A value stands in the own store when the watch begins. */
  onPresent(record: ValueRecord, now: Instant): void {
    this.#consider(record, { from: undefined, isInOrder: false }, now)
  }

  /** A value has taken its place in the own store. */
  onLocal(record: ValueRecord, now: Instant): void {
    this.#consider(record, { from: undefined, isInOrder: this.#init.isReplica() }, now)
  }

  /** What stands is told once everybody who can tell was asked. */
  #mayBegin(now: Instant): boolean {
    if (this.#hasBegun || this.#beginAt === Number.POSITIVE_INFINITY) return false
    return now >= this.#beginAt || !this.#replicas.isSettling
  }

  #begin(now: Instant): WatchStep {
    this.#hasBegun = true
    if (this.#held !== undefined) this.#tell(this.#held, true)
    return this.next(now)
  }

  /** The pause before the next search; each is longer than the one before. */
  #pause(): number {
    const pauseMs = this.#searchPauseMs
    this.#searchPauseMs = Math.min(2 * pauseMs, WATCH_SEARCH_PAUSE_MAX_MS)
    return pauseMs
  }

  #ask(link: Link, now: Instant): WatchStep {
    const { key, target, timeoutMs } = this.#init
    const { contact, cursor } = link
    const isNew = cursor === undefined
    const deadline = now + (isNew ? timeoutMs : WATCH_WAIT_MS + WATCH_MARGIN_MS)
    const request: RpcRequest = {
      type: 'watch',
      key,
      target,
      waitMs: WATCH_WAIT_MS,
      ...(isNew ? {} : { cursor }),
    }
    return { type: 'send', to: contact, request, deadline }
  }

  #wakeAt(now: Instant): Instant {
    const heldAt = this.#hasBegun ? (this.#held?.dueAt ?? Number.POSITIVE_INFINITY) : this.#beginAt
    const findAt = this.#isFinding ? Number.POSITIVE_INFINITY : this.#findAt
    return Math.min(findAt, heldAt, this.#replicas.nextAt(now))
  }

  /** Takes in the values of an answer. Returns whether any was news. */
  #take(link: Link, response: WatchResponse, isContinued: boolean, now: Instant): boolean {
    const { records, missed } = response
    if (!isContinued || missed > 0) link.sync = 'no'
    let isNews = false
    for (const [index, record] of records.entries()) {
      const source = {
        from: link.contact,
        link,
        isInOrder: link.sync === 'yes',
        ...(index === 0 && missed > 0 ? { missed } : {}),
      }
      const verdict = this.#consider(record, source, now)
      if (verdict === 'invalid') {
        this.onFailure(link.contact, now)
        return isNews
      }
      if (verdict === 'news') isNews = true
    }
    if (link.sync === 'no') link.sync = 'yes'
    return isNews
  }

  /** Decides on a value: it is told, held back, or nothing new. */
  #consider(record: ValueRecord, source: Source, now: Instant): 'news' | 'known' | 'invalid' {
    const { judge } = this.#init
    const verdict = judge.judge(record)
    if (verdict === undefined) return 'invalid'
    if (this.#last !== undefined && judge.compare(record, this.#last.record) <= 0) return 'known'
    const held = this.#held
    const dueAt = held?.dueAt ?? now + WATCH_GRACE_MS
    const news: Held = { record, verdict, from: source.from, dueAt, missed: source.missed }
    const isNext = this.#isNext(verdict, source)
    if (!isNext && !source.isInOrder && this.#mayWait(source)) {
      if (source.link !== undefined) source.link.sync = 'pending'
      if (held !== undefined && judge.compare(record, held.record) <= 0) return 'known'
      this.#held = news
      return 'news'
    }
    this.#hasBegun = true
    // The first value found by whatever way but a subscription is where the watch begins.
    this.#tell(news, this.#last === undefined && !source.isInOrder, isNext)
    return 'news'
  }

  /** Whether somebody in step may still bring the value, with what belongs before it. */
  #mayWait({ link }: Source): boolean {
    return !this.#hasBegun || this.#isInStep(link)
  }

  /** Whether no value can lie between the last one told and this one. */
  #isNext({ version }: ValidVerdict, { isInOrder, missed }: Source): boolean {
    const jump = this.#jumpTo(version)
    if (jump !== undefined) return jump === 0
    return isInOrder && missed === undefined && !this.#wasUnwatched
  }

  /** Versions left out between the last one told and this one; `undefined` where versions do not tell. */
  #jumpTo(version: number): number | undefined {
    if (!this.#init.countsByOne || this.#last === undefined) return undefined
    return Math.max(0, version - this.#last.version - 1)
  }

  #tell(news: Held, isInitial: boolean, isNext?: boolean): void {
    const { record, verdict, from } = news
    const isSure = isNext ?? this.#jumpTo(verdict.version) === 0
    if (!isInitial && !isSure) this.#tellGap(news)
    this.#notices.push({ type: 'value', record, verdict, from, isInitial })
    this.#last = { record, version: verdict.version }
    this.#wasUnwatched = false
    // The others are about to bring the same: that is no fault of theirs.
    for (const link of this.#replicas.links) link.idleAnswers = 0
    const { judge } = this.#init
    if (this.#held === undefined || judge.compare(this.#held.record, record) <= 0) this.#settle()
  }

  #tellGap({ verdict, missed }: Held): void {
    const jump = this.#jumpTo(verdict.version)
    if (jump !== undefined) {
      this.#notices.push({ type: 'gap', missed: jump, reason: 'sequence' })
    } else if (missed !== undefined) {
      this.#notices.push({ type: 'gap', missed, reason: 'overrun' })
    } else {
      this.#notices.push({ type: 'gap', missed: undefined, reason: 'unwatched' })
    }
  }

  /** Nothing is held back any more: whoever brought it is in step. */
  #settle(): void {
    this.#held = undefined
    for (const link of this.#replicas.links) if (link.sync === 'pending') link.sync = 'yes'
  }

  /** Whether anybody but this link is in step. */
  #isInStep(besides?: Link): boolean {
    return this.#replicas.hasInStep(besides) || this.#init.isReplica()
  }
}
