import { assert } from './assert.ts'
import { type Candidate, Candidates, isOut, trySpareAddresses } from './candidates.ts'
import type { Contact } from './contact.ts'
import { bytesEqual } from './key.ts'
import { CONTACTS_PER_RESPONSE_MAX, LOOKUP_CANDIDATES_PER_K } from './limits.ts'
import type { LookupInit } from './lookup-init.ts'
import type { Closer, RpcFailure, RpcRequest, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'

/** What a lookup found. */
export interface LookupResult {
  /** The closest other peers that answered, now or a moment before, nearest first; at most k, with the own peer if it counts. */
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
 * - When alpha answers in a row name nobody new among the k closest, those of the k who have answered another request a
 *   moment ago (`answeredLately`) are not asked, but count as having answered: that they live is known, and news is hardly
 *   to be expected of them.
 * - A peer whose last request failed, in whatever operation, is given up when an answer over a new connection would have
 *   come; as long as nobody answers, not even then. If it answers while others are waited for, that counts.
 * - It ends when the `answersWanted` closest that are neither failed nor given up have answered; when nobody is left to ask,
 *   nor among those that `moreSeeds` tells of; or at the deadline, saying so.
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
  /** Whether anybody has answered, other than by a refusal. */
  #isAnswered = false
  /** Answers in a row that named nobody nearer than the nearest known. */
  #answersWithoutProgress = 0
  /** Answers in a row that named nobody new among the k closest. */
  #answersWithoutNews = 0
  /** Where the last of the k closest stands; `Infinity` while fewer are known. */
  #lastPlace = Number.POSITIVE_INFINITY
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
    this.#selfHead = init.self.head
    this.#seeded = Math.max(1, init.seeds.length)
    // Somebody else has to answer in any case: who knows of nobody nearer may only know too little.
    if (init.countsSelf === true && init.answersWanted > 1) this.#candidates.addSelf(init.self)
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
    let survey = this.#survey()
    while (survey.answered < this.#init.answersWanted && !survey.open && this.#hearMoreSeeds()) {
      survey = this.#survey()
    }
    const { answered, open } = survey
    if (answered >= this.#init.answersWanted || !open) return this.#end(true)
    this.#holder ??= this.#chooseHolder()
    if (this.#holder?.state !== 'waiting') {
      if (survey.early !== undefined) return this.#ask(survey.early, now, true)
      const candidate = this.#choose(survey)
      if (candidate !== undefined) return this.#ask(candidate, now, false)
    }
    return { type: 'wait', until: wakeAt }
  }

  onResponse(from: Contact, response: RpcResponse, _now: Instant): void {
    const candidate = this.#takeBack(from)
    if (candidate === undefined) return
    this.#isAnswered = true
    const { closer, heads } = 'closer' in response ? response : NOBODY
    candidate.state = candidate.isEarly && closer === undefined ? 'unasked' : 'answered'
    let place = Number.POSITIVE_INFINITY
    const count = Math.min(closer?.length ?? 0, CONTACTS_PER_RESPONSE_MAX)
    for (let i = 0; i < count; i++) {
      const contact = closer?.[i] as Contact // i < length
      const head = heads?.[i] ?? contact.head
      const at = this.#hear(contact, head, candidate.depth + 1)
      if (at >= 0 && at < place) place = at
    }
    this.#answersWithoutProgress = place === 0 ? 0 : this.#answersWithoutProgress + 1
    const isNews = Number.isFinite(place) && place <= this.#lastPlace
    this.#answersWithoutNews = isNews ? 0 : this.#answersWithoutNews + 1
    this.#sent = undefined
  }

  onFailure(from: Contact, failure: RpcFailure, _now: Instant): void {
    const candidate = this.#takeBack(from)
    if (candidate === undefined) return
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
    if (head === this.#selfHead && bytesEqual(contact.key, this.#init.self.key)) return -1
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
      if (isOut(candidate) || candidate.state === 'slow') continue
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
      if (isKnown && state !== 'self') heads.push(head)
      if (heads.length === CONTACTS_PER_RESPONSE_MAX) break
    }
    return heads
  }

  /** The candidate whose request has ended; it counts no longer. */
  #takeBack(from: Contact): Candidate | undefined {
    const candidate = this.#candidates.find(from)
    if (candidate === undefined || this.#result !== undefined) return undefined
    if (candidate.state === 'waiting') this.#discount(candidate)
    else if (candidate.state !== 'slow' && candidate.state !== 'givenUp') return undefined // nothing we asked
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
      if (candidate.giveUpAt <= now) candidate.state = 'givenUp'
      else earliest = Math.min(earliest, candidate.giveUpAt)
    }
    return earliest
  }

  /**
   * Spares those that need not be asked, then looks at the k closest that are not out: how many of them in a row from the
   * nearest answered, whether anything is still to come, and where those stand that may be asked. A slow peer holds no place
   * among the latter: should it fail, the one that takes its place has been asked already.
   */
  #survey(): Survey {
    if (this.#answersWithoutNews >= this.#init.alpha) this.#takeWhoAnsweredLately()
    const { k, early: request, answeredLately } = this.#init
    const { list } = this.#candidates
    let early: Candidate | undefined
    let mayBeEarly = request !== undefined
    let firstUnasked = list.length
    let answered = 0
    let open = false
    let places = 0
    let askable = 0
    let at = 0
    this.#lastPlace = Number.POSITIVE_INFINITY
    for (; at < list.length && askable < k; at++) {
      const candidate = list[at] as Candidate // at < length
      const { state } = candidate
      if (isOut(candidate)) continue
      places += 1
      if (places === k) this.#lastPlace = at
      if (state === 'answered' || state === 'self') {
        if (places <= k && !open) answered += 1
      } else {
        if (places <= k) open = true
        if (state === 'unasked' && firstUnasked > at) firstUnasked = at
        if (mayBeEarly && state === 'unasked' && !candidate.isEarly) {
          mayBeEarly = request?.isNear(candidate.contact.key) === true
          if (mayBeEarly && answeredLately?.(candidate.contact) !== true) {
            early = candidate
            mayBeEarly = false
          }
        }
      }
      if (state !== 'slow') askable += 1
    }
    return { early, answered, open, askFrom: firstUnasked, askTo: at }
  }

  /** Whom to ask now: the holder that was chosen; else the nearest that answers on their way may not spare. */
  #choose({ askFrom, askTo }: Survey): Candidate | undefined {
    const { alpha, widenTo, answeredLately } = this.#init
    const most = this.#answersWithoutProgress >= alpha ? Math.max(alpha, widenTo) : alpha
    if (this.#waiting >= most) return undefined
    if (this.#holder?.state === 'unasked') return this.#holder
    const maySpare = this.#waiting >= alpha - this.#answersWithoutNews
    for (let i = askFrom; i < askTo; i++) {
      const candidate = this.#candidates.list[i] as Candidate // askTo is at most the length
      if (candidate.state !== 'unasked') continue
      if (!maySpare || answeredLately?.(candidate.contact) !== true) return candidate
    }
    return undefined
  }

  #end(complete: boolean): Step<LookupResult> {
    const closest: Contact[] = []
    let hops = 0
    let places = 0
    for (const { state, depth, contact } of this.#candidates.list) {
      if (places === this.#init.k) break
      if (state !== 'answered' && state !== 'self') continue
      places += 1
      if (state === 'self') continue
      if (closest.length === 0) hops = depth
      closest.push(contact)
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
  /** Whom to send the early request. */
  readonly early: Candidate | undefined
  readonly answered: number
  readonly open: boolean
  /** Where the first one stands that may be asked, and what comes after the last. */
  readonly askFrom: number
  readonly askTo: number
}

const NOBODY: Partial<Closer> = {}
