import { assert } from './assert.ts'
import { type Candidate, Candidates, trySpareAddresses } from './candidates.ts'
import type { Contact } from './contact.ts'
import { bytesEqual, headOf, type Key } from './key.ts'
import { CONTACTS_PER_RESPONSE_MAX, LOOKUP_CANDIDATES_PER_K } from './limits.ts'
import type { Closer, RpcFailure, RpcRequest, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'

/** How long to wait for a peer; from its own round trips where they are known. */
export interface RequestTiming {
  /** When a request has failed. ms after it was sent. */
  timeoutMs(contact: Contact): number
  /** When a peer is slower than its usual, so that another is asked beside it. ms after the request was sent. */
  slowAfterMs(contact: Contact): number
  /** When a lookup that others have answered gives up waiting for it. ms after the request was sent; may be `Infinity`. */
  giveUpAfterMs(contact: Contact): number
}

/** What a lookup needs to know. */
export interface LookupInit {
  readonly target: Key
  /** The key of the peer that asks: it never asks itself. */
  readonly selfKey: Key
  /** Sent to every candidate. */
  readonly request: RpcRequest
  /** Contacts to begin with. */
  readonly seeds: readonly Contact[]
  /**
   * The `count` closest known, for when nobody is left to ask: the nearest seeds may all be dead while farther ones live, or
   * some that wait for a place.
   */
  readonly moreSeeds?: ((count: number) => readonly Contact[]) | undefined
  readonly k: number
  readonly alpha: number
  /** Requests under way when a round brought nothing nearer; `k` as in the paper, `alpha` never widens. */
  readonly widenTo: number
  /** How many of the closest must have answered. `k` as in the paper; fewer for reads that want speed. */
  readonly answersWanted: number
  readonly timing: RequestTiming
  /** When the lookup ends with what it has. */
  readonly deadline: Instant
  /** Where the answer of any of those to be found will do. */
  readonly holders?: Holders | undefined
  /** What candidates near the target are sent before anything else. */
  readonly early?: EarlyRequest | undefined
  /** Who has answered another request a moment ago; see `Lookup`. */
  readonly answeredLately?: ((contact: Contact) => boolean) | undefined
}

/**
 * A request that does more than ask: a candidate that is surely one of those to be found is sent it in place of the lookup's
 * own, as soon as it is heard of and not counted against alpha. Its answer names contacts too; who answers without any, or
 * refuses, is asked by the lookup's own request as well.
 * It may be the lookup's own request, to ask all of the closest at once where they are known.
 */
export interface EarlyRequest {
  readonly request: RpcRequest
  /** Whether a peer at this key is near enough; if it is, so are all that stand nearer. */
  readonly isNear: (key: Key) => boolean
}

/**
 * Whose answer will do, whoever of them gives it. One of them is asked as soon as any is known, and nobody else until it has
 * answered or is late: the nearest would carry the load of all that look for it, and two answers more are of no use.
 */
export interface Holders {
  /** Whether a peer at this key is surely one of them; if it is, so are all that stand nearer. */
  readonly isNear: (key: Key) => boolean
  /** Which of them, at random: the share of them that stand nearer. 0 to below 1. */
  readonly choice: number
}

/** What a lookup found. */
export interface LookupResult {
  /** The closest peers that answered, now or a moment before, nearest first; at most k. */
  readonly closest: readonly Contact[]
  /** Whether all of the closest known answered; `false` when the deadline came first. */
  readonly complete: boolean
  /** Hops to the nearest peer that answered: 1 if it stood in the own table; 0 if none answered. */
  readonly hops: number
  /** Requests sent, those that failed among them. */
  readonly requests: number
  /** Requests that failed. */
  readonly failures: number
}

/**
 * Kademlia's node lookup (section 2.3): asks ever nearer peers until the k closest known have answered.
 *
 * - At most alpha requests are under way, and nobody is asked twice. A peer slower than its usual stops counting, and may
 *   still answer.
 * - When alpha answers in a row name nobody nearer, all of the k closest not yet asked are asked at once, as the paper
 *   says, instead of a few at a time.
 * - Of those, who has answered another request a moment ago (`answeredLately`) is not asked, but counts as having answered:
 *   that it lives is known, and nobody nearer is to be expected of it.
 * - A peer whose last request failed, in whatever operation, is waited for only as long as an answer over a new connection
 *   takes. If it answers while others are waited for, that counts.
 * - It ends when the `answersWanted` closest that have not failed have answered; when nobody is left to ask, nor among all
 *   that the peer knows; or at the deadline, saying so.
 * - An answer adds at most `CONTACTS_PER_RESPONSE_MAX` candidates.
 */
export class Lookup implements Operation<LookupResult> {
  readonly #init: LookupInit
  readonly #candidates: Candidates
  readonly #selfHead: number
  /** The one of `LookupInit.holders` that was chosen. */
  #holder: Candidate | undefined
  /** Candidates in state `waiting` but for those asked early: what counts against alpha. */
  #waiting = 0
  /** Whether anybody has answered. */
  #isAnswered = false
  /** Answers in a row that named nobody nearer than the nearest known. */
  #answersWithoutProgress = 0
  #requests = 0
  #failures = 0
  /** How many of the closest in the own table were candidates so far. */
  #seeded: number
  /** The request that was last sent, for those that go out before anything is learnt: one object, which is encoded once. */
  #sent: { readonly bare: RpcRequest; readonly request: RpcRequest } | undefined
  #result: LookupResult | undefined

  constructor(init: LookupInit) {
    assert(init.alpha >= 1 && init.k >= 1, `alpha ${init.alpha}, k ${init.k}`)
    this.#init = init
    this.#candidates = new Candidates(init.target, init.k * LOOKUP_CANDIDATES_PER_K)
    this.#selfHead = headOf(init.selfKey)
    this.#seeded = Math.max(1, init.seeds.length)
    for (const seed of init.seeds) this.#hear(seed, seed.head, 1)
  }

  /** The candidates, nearest first: for operations that build on a lookup. */
  get candidates(): readonly Candidate[] {
    return this.#candidates.list
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#requests
  }

  next(now: Instant): Step<LookupResult> {
    if (this.#result !== undefined) return { type: 'done', result: this.#result }
    if (now >= this.#init.deadline) return this.#end(false)
    const wakeAt = Math.min(this.#init.deadline, this.#markSlow(now))
    if (this.#isWithoutProgress()) this.#takeWhoAnsweredLately()
    let survey = this.#survey()
    if (survey.answered < this.#init.answersWanted && !survey.open && this.#hearMoreSeeds()) {
      survey = this.#survey()
    }
    const { answered, open } = survey
    if (answered >= this.#init.answersWanted || !open) return this.#end(true)
    this.#holder ??= this.#chooseHolder()
    const ask = this.#holder?.state === 'unasked' ? this.#holder : survey.ask
    if (ask !== undefined && this.#holder?.state !== 'waiting') {
      if (survey.early !== undefined) return this.#ask(survey.early, now, true)
      if (this.#waiting < this.#parallelism(ask)) return this.#ask(ask, now, false)
    }
    return { type: 'wait', until: wakeAt }
  }

  onResponse(from: Contact, response: RpcResponse, _now: Instant): void {
    const candidate = this.#takeBack(from)
    if (candidate === undefined) return
    this.#isAnswered = true
    const { closer, heads } = 'closer' in response ? response : NOBODY
    candidate.state = candidate.isEarly && closer === undefined ? 'unasked' : 'answered'
    let nearer = false
    const count = Math.min(closer?.length ?? 0, CONTACTS_PER_RESPONSE_MAX)
    for (let i = 0; i < count; i++) {
      const contact = closer?.[i] as Contact // i < length
      const head = heads?.[i] ?? contact.head
      if (this.#hear(contact, head, candidate.depth + 1) === 0) nearer = true
    }
    this.#answersWithoutProgress = nearer ? 0 : this.#answersWithoutProgress + 1
    this.#sent = undefined
  }

  onFailure(from: Contact, failure: RpcFailure, _now: Instant): void {
    const candidate = this.#takeBack(from)
    if (candidate === undefined) return
    if (failure.type === 'refused') this.#isAnswered = true
    this.#sent = undefined
    const isAlive = candidate.isEarly && failure.type === 'refused'
    candidate.state = isAlive ? 'unasked' : 'failed'
    if (isAlive) return
    candidate.unreached = failure.type === 'unreachable'
    this.#failures += 1
    // A dead address swallows packets as often as it refuses them.
    if (candidate.unreached || failure.type === 'timeout') trySpareAddresses(candidate)
  }

  /** The position of a newly heard-of contact among the candidates, or -1. */
  #hear(contact: Contact, head: number, depth: number): number {
    // The head first: it spares a look at the key of nearly everyone, which lies elsewhere in memory.
    if (head === this.#selfHead && bytesEqual(contact.key, this.#init.selfKey)) return -1
    return this.#candidates.add(contact, head, depth)
  }

  /** Takes in as many from the own table again as were taken in before; returns whether anybody is new. */
  #hearMoreSeeds(): boolean {
    const { moreSeeds, k } = this.#init
    while (moreSeeds !== undefined && this.#seeded < k * LOOKUP_CANDIDATES_PER_K) {
      this.#seeded *= 2
      const seeds = moreSeeds(this.#seeded)
      let isNew = false
      for (const seed of seeds) if (this.#hear(seed, seed.head, 1) >= 0) isNew = true
      if (seeds.length < this.#seeded) this.#seeded = Number.POSITIVE_INFINITY // that was all
      if (isNew) return true
    }
    return false
  }

  /** One of the holders known, none of whom has been asked yet. */
  #chooseHolder(): Candidate | undefined {
    const { holders } = this.#init
    if (holders === undefined) return undefined
    const { list } = this.#candidates
    let count = 0
    for (const { contact, state } of list) {
      if (!holders.isNear(contact.key)) break
      if (state !== 'unasked') return undefined
      count += 1
    }
    return count === 0 ? undefined : list[Math.floor(holders.choice * count)]
  }

  /** Counts those of the k closest as answered that nobody need ask; who is slow may fail, so the next one counts as well. */
  #takeWhoAnsweredLately(): void {
    const { answeredLately, k } = this.#init
    if (answeredLately === undefined) return
    let places = 0
    for (const candidate of this.#candidates.list) {
      const { state } = candidate
      if (state === 'failed' || state === 'late' || state === 'slow') continue
      places += 1
      if (places > k) return
      if (candidate.state === 'unasked' && answeredLately(candidate.contact)) {
        candidate.state = 'answered'
      }
    }
  }

  #ask(candidate: Candidate, now: Instant, isEarly: boolean): Step<LookupResult> {
    const { timing, early, deadline } = this.#init
    const request = this.#request(
      isEarly && early !== undefined ? early.request : this.#init.request,
    )
    candidate.state = 'waiting'
    candidate.slowAt = now + timing.slowAfterMs(candidate.contact)
    candidate.giveUpAt = now + timing.giveUpAfterMs(candidate.contact)
    candidate.isEarly = isEarly
    if (!isEarly) this.#waiting += 1
    this.#requests += 1
    return {
      type: 'send',
      to: candidate.contact,
      request,
      deadline: Math.min(deadline, now + timing.timeoutMs(candidate.contact)),
    }
  }

  /**
   * The request, saying whom its answer need not name. Who was only named by others is not among them: another referrer may
   * know a better address.
   */
  #request(bare: RpcRequest): RpcRequest {
    if (bare.type === 'ping' || bare.type === 'watch') return bare
    if (this.#sent?.bare !== bare) {
      this.#sent = { bare, request: { ...bare, known: this.#headsOfKnown() } }
    }
    return this.#sent.request
  }

  #headsOfKnown(): readonly number[] {
    const heads: number[] = []
    for (const { head, state, depth, unreached } of this.#candidates.list) {
      const isKnown = state === 'unasked' ? depth === 1 : state !== 'failed' || !unreached
      if (isKnown) heads.push(head)
      if (heads.length === CONTACTS_PER_RESPONSE_MAX) break
    }
    return heads
  }

  /** The candidate whose request has ended; it counts no longer. */
  #takeBack(from: Contact): Candidate | undefined {
    const candidate = this.#candidates.find(from)
    if (candidate === undefined || this.#result !== undefined) return undefined
    if (candidate.state === 'waiting') this.#discount(candidate)
    else if (candidate.state !== 'slow' && candidate.state !== 'late') return undefined // nothing we asked
    return candidate
  }

  #discount(candidate: Candidate): void {
    if (!candidate.isEarly) this.#waiting -= 1
  }

  /** Sets aside who is slower than usual, then who is not worth waiting for; returns when the next one will be. */
  #markSlow(now: Instant): Instant {
    let earliest = Number.POSITIVE_INFINITY
    for (const candidate of this.#candidates.list) {
      if (candidate.state === 'waiting') {
        if (candidate.slowAt > now) {
          earliest = Math.min(earliest, candidate.slowAt)
          continue
        }
        candidate.state = 'slow'
        this.#discount(candidate)
      }
      // While nobody answers, the fault may be our own.
      if (candidate.state !== 'slow' || !this.#isAnswered) continue
      if (candidate.giveUpAt <= now) candidate.state = 'late'
      else earliest = Math.min(earliest, candidate.giveUpAt)
    }
    return earliest
  }

  /**
   * Looks at the k closest that have not failed: how many of them in a row from the nearest answered, whether anything
   * is still to come, and whom to ask first. A slow peer holds no place among those to ask: should it fail, the one that
   * takes its place has been asked already.
   */
  #survey(): Survey {
    const { k, early: request, answeredLately } = this.#init
    let ask: Candidate | undefined
    let early: Candidate | undefined
    let mayBeEarly = request !== undefined
    let answered = 0
    let open = false
    let places = 0
    let askable = 0
    for (const candidate of this.#candidates.list) {
      if (candidate.state === 'failed' || candidate.state === 'late') continue
      places += 1
      const isPlaced = places <= k
      if (candidate.state === 'answered') {
        if (isPlaced && !open) answered += 1
      } else {
        if (isPlaced) open = true
        if (candidate.state === 'unasked') ask ??= candidate
        if (mayBeEarly && candidate.state === 'unasked' && !candidate.isEarly) {
          mayBeEarly = request?.isNear(candidate.contact.key) === true
          if (mayBeEarly && answeredLately?.(candidate.contact) !== true) {
            early = candidate
            mayBeEarly = false
          }
        }
      }
      if (candidate.state !== 'slow') askable += 1
      if (askable === k) break
    }
    return { ask, early, answered, open }
  }

  /** How many requests may be under way for this candidate to be asked. */
  #parallelism({ contact }: Candidate): number {
    const { alpha, widenTo, answeredLately } = this.#init
    if (this.#isWithoutProgress()) return Math.max(alpha, widenTo)
    // Answers that are on their way may spare this one.
    return answeredLately?.(contact) === true ? alpha - this.#answersWithoutProgress : alpha
  }

  #isWithoutProgress(): boolean {
    return this.#answersWithoutProgress >= this.#init.alpha
  }

  #end(complete: boolean): Step<LookupResult> {
    const closest: Contact[] = []
    let hops = 0
    for (const candidate of this.#candidates.list) {
      if (candidate.state !== 'answered') continue
      if (closest.length === 0) hops = candidate.depth
      closest.push(candidate.contact)
      if (closest.length === this.#init.k) break
    }
    this.#result = {
      closest,
      complete,
      hops,
      requests: this.#requests,
      failures: this.#failures,
    }
    return { type: 'done', result: this.#result }
  }
}

/** What the candidates show, see `Lookup.#survey`. */
interface Survey {
  readonly ask: Candidate | undefined
  /** Whom to send the early request. */
  readonly early: Candidate | undefined
  readonly answered: number
  readonly open: boolean
}

const NOBODY: Partial<Closer> = {}
