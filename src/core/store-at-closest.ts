import type { Contact } from './contact.ts'
import { compareDistance } from './key.ts'
import { Lookup } from './lookup.ts'
import type { LookupInit } from './lookup-init.ts'
import type { RpcFailure, RpcRequest, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'

/** What storing at the closest peers needs to know. */
export interface StoreInit {
  readonly lookup: LookupInit
  /** A PUT_VALUE or an ADD_PROVIDER for the lookup's target. */
  readonly request: RpcRequest
  /** Whether the peer itself may be one of the k holders: it is a server and holds the record already. */
  readonly selfHolds: boolean
  /** Holders that must acknowledge; 0: half of those that were found, rounded up; of a conditional write more than half. */
  readonly quorum: number
  /** Takes a conditional write into the own store; called at most once, when no peer stands nearer to the key. */
  readonly claim?: (() => ClaimResult) | undefined
}

/** What the own store said: it has it; it holds another version; it has no room. */
export type ClaimResult = 'held' | 'stale' | 'full'

/** A peer that did not store, and why. */
export interface StoreFailure {
  readonly peer: Contact
  readonly failure: RpcFailure
}

/** What became of it: nothing is hidden. */
export interface StoreOutcome {
  /** The peers that acknowledged, in order of their answers; the peer itself is not among them. */
  readonly stored: readonly Contact[]
  readonly failed: readonly StoreFailure[]
  /** Whether the peer itself is one of the k closest and holds it. */
  readonly selfHolds: boolean
  /** Holders aimed at: k, or as many peers as there are. */
  readonly target: number
  /** Holders that had to acknowledge. */
  readonly quorum: number
  readonly quorumMet: boolean
  /** Whether the lookup before it ended by itself. */
  readonly complete: boolean
  readonly hops: number
  /** Requests sent: of the lookup and those that store. */
  readonly requests: number
}

/**
 * Stores something at the k peers closest to its key (Kademlia, section 2.3), a value or a provider: a lookup, then one
 * request to each of the k closest at once. A lookup with an early request stores on its way at those that are surely
 * among them, so that the rest only has to be told; in a network whose size and neighbourhood the peer knows, all is done
 * in one round trip. (The idea is go-libp2p's optimistic provide; but here the lookup is not cut short, and peers that were
 * given a copy too many are not counted.) Where one fails the next closest takes its place, until k hold it or nobody is
 * left. Where one refuses what is stored for its own sake, stale or invalid, nobody takes its place: a peer that knows
 * less would only take in what those responsible have refused.
 *
 * A conditional write (`ifVersion`) goes to the nearest peer alone at first, and to the others when that one has taken it;
 * when it refuses it as stale, nobody else is asked. So of two writers at once that see the same nearest peer one is
 * stopped before its value stands anywhere, and no rule of the validator has to choose between them later. It is no
 * consensus: two writers that see different nearest peers can both fail, and where fewer than half of the closest peers
 * are the same for both, both can succeed; then the validator decides.
 */
export class StoreAtClosest implements Operation<StoreOutcome> {
  readonly #init: StoreInit
  readonly #lookup: Lookup
  readonly #request: RpcRequest
  readonly #stored: Contact[] = []
  readonly #failed: StoreFailure[] = []
  /** What came of storing on the lookup's way, by the id of the peer: `undefined` is success. */
  readonly #early = new Map<string, RpcFailure | undefined>()
  /** Stores sent after the lookup. */
  #sent = 0
  /** Peers to try, nearest first; filled when the lookup has ended. */
  #targets: Contact[] | undefined
  #nextTarget = 0
  readonly #underWay = new Set<Contact>()
  /** Those that the lookup had stored on its way and gave up: nobody waits for them, what they say still counts. */
  #givenUp: Set<Contact> | undefined
  /** Other peers that shall hold it. */
  #target = 0
  /** The same without those that refused it for its own sake: nobody takes their place. */
  #wanted = 0
  #selfIsNear = false
  /** Of a conditional write: nobody has taken it yet, so that one peer at a time is asked. */
  #isUndecided: boolean
  #complete = false
  #hops = 0
  #result: StoreOutcome | undefined

  constructor(init: StoreInit) {
    this.#init = init
    this.#lookup = new Lookup({ ...init.lookup, countsSelf: init.selfHolds })
    this.#request = init.request
    this.#isUndecided = isConditional(init.request)
  }

  next(now: Instant): Step<StoreOutcome> {
    if (this.#result !== undefined) return { type: 'done', result: this.#result }
    if (this.#targets === undefined) {
      const step = this.#lookup.next(now)
      if (step.type !== 'done') return step
      this.#complete = step.result.complete
      this.#hops = step.result.hops
      this.#plan()
    }
    return this.#store(now)
  }

  onResponse(from: Contact, response: RpcResponse, now: Instant): void {
    if (this.#targets === undefined) {
      if (response.type === this.#request.type) this.#early.set(from.id, undefined)
      this.#lookup.onResponse(from, response, now)
    } else {
      const isAwaited = this.#underWay.delete(from)
      if (!isAwaited && this.#givenUp?.delete(from) !== true) return
      this.#stored.push(from)
      this.#isUndecided = false
    }
  }

  onFailure(from: Contact, failure: RpcFailure, now: Instant, request: RpcRequest): void {
    if (this.#targets !== undefined) {
      if (this.#underWay.delete(from)) this.#fail(from, failure)
      else if (this.#givenUp?.delete(from)) this.#failed.push({ peer: from, failure })
      return
    }
    const isEarly = request.type === this.#request.type
    if (isEarly && failure.type === 'refused') this.#early.set(from.id, failure)
    else if (isEarly) this.#failed.push({ peer: from, failure })
    this.#lookup.onFailure(from, failure, now)
  }

  #fail(peer: Contact, failure: RpcFailure): void {
    this.#failed.push({ peer, failure })
    if (!isOurFault(failure)) return
    this.#wanted = this.#isUndecided ? 0 : this.#wanted - 1
  }

  #store(now: Instant): Step<StoreOutcome> {
    const { deadline, timing } = this.#init.lookup
    const targets = this.#targets as Contact[] // next() planned it
    if (now >= deadline) return this.#end()
    while (
      this.#nextTarget < targets.length &&
      this.#stored.length + this.#underWay.size < this.#wanted &&
      !(this.#isUndecided && this.#underWay.size > 0)
    ) {
      const to = targets[this.#nextTarget++] as Contact // below length
      if (this.#early.has(to.id)) {
        const failure = this.#early.get(to.id)
        if (failure === undefined) this.#stored.push(to)
        else this.#fail(to, failure)
        continue
      }
      this.#underWay.add(to)
      this.#sent += 1
      return {
        type: 'send',
        to,
        request: this.#request,
        deadline: Math.min(deadline, now + timing.timeoutMs(to)),
      }
    }
    if (this.#stored.length >= this.#wanted || this.#underWay.size === 0) return this.#end()
    return { type: 'wait', until: deadline }
  }

  /** The next closest takes the place of one that fails, whether it was asked or only heard of. */
  #plan(): void {
    const { k, target, self } = this.#init.lookup
    const candidates = this.#lookup.candidates
    const answered = candidates.filter(({ state }) => state === 'answered')
    for (const { state, isEarly, contact } of candidates) {
      if (state !== 'givenUp' || !isEarly) continue
      this.#givenUp ??= new Set()
      this.#givenUp.add(contact)
    }
    this.#targets = candidates
      .filter(({ state }) => state === 'answered' || state === 'unasked')
      .slice(0, 2 * k)
      .map(({ contact }) => contact)
    const kth = answered[k - 1]
    this.#selfIsNear =
      this.#init.selfHolds &&
      (kth === undefined || compareDistance(target, self.key, kth.contact.key) < 0)
    const nearest = answered[0]
    const isNearest =
      nearest === undefined || compareDistance(target, self.key, nearest.contact.key) < 0
    const claim = this.#isUndecided && isNearest ? this.#init.claim?.() : undefined
    if (claim === 'held') {
      this.#selfIsNear = true
      this.#isUndecided = false
    }
    this.#target = Math.min(this.#selfIsNear ? k - 1 : k, answered.length)
    this.#wanted = claim === 'stale' ? 0 : this.#target
  }

  #end(): Step<StoreOutcome> {
    // Enough hold it when one that was given up has come back after all: then nobody else is late.
    const awaited = this.#stored.length < this.#wanted ? this.#underWay : []
    for (const peer of [...awaited, ...(this.#givenUp ?? [])]) {
      this.#failed.push({ peer, failure: { type: 'timeout' } })
    }
    const target = this.#target + (this.#selfIsNear ? 1 : 0)
    const holders = this.#stored.length + (this.#selfIsNear ? 1 : 0)
    const half = isConditional(this.#request) ? Math.floor(target / 2) + 1 : Math.ceil(target / 2)
    const quorum = this.#init.quorum === 0 ? half : this.#init.quorum
    this.#result = {
      stored: this.#stored,
      failed: this.#failed,
      selfHolds: this.#selfIsNear,
      target,
      quorum,
      quorumMet: holders > 0 && holders >= quorum,
      complete: this.#complete,
      hops: this.#hops,
      requests: this.#lookup.requests + this.#sent,
    }
    return { type: 'done', result: this.#result }
  }
}

function isConditional(request: RpcRequest): boolean {
  return request.type === 'put-value' && request.ifVersion !== undefined
}

/** Whether the peer found fault with what was to be stored, and not with itself. */
export function isOurFault({ type, reason = '' }: RpcFailure): boolean {
  return type === 'refused' && /^(stale|invalid|expired|too-large): /.test(reason)
}
