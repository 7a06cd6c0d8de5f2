import type { Contact } from './contact.ts'
import { commonPrefixLength, compareDistance, type Key } from './key.ts'
import { REPLICATE_REQUESTS_MAX, REPLICATE_REQUESTS_PER_PEER_MAX } from './limits.ts'
import { Lookup } from './lookup.ts'
import type { LookupInit } from './lookup-init.ts'
import type { RpcFailure, RpcRequest, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'
import { isOurFault } from './store-at-closest.ts'

/** A part of the keyspace: the keys that share `bits` leading bits with `key`. */
export interface Region {
  readonly key: Key
  readonly bits: number
}

/** Something to be stored at the k peers closest to its key. */
export interface RegionItem {
  readonly target: Key
  /** A PUT_VALUE or an ADD_PROVIDER. */
  readonly request: RpcRequest
}

/** What became of an item. */
export interface ReplicatedItem {
  readonly item: RegionItem
  /** Other peers that acknowledged. */
  readonly acknowledged: number
  /** Other peers that should hold it: k, or k-1 if this peer is one of the k closest. */
  readonly wanted: number
  /** Whether this peer is one of the k closest. */
  readonly selfIsNear: boolean
  /** Why the last peer that refused did so. */
  readonly refusal: string | undefined
  /** Other peers that say that they hold a newer value. */
  readonly outdatedBy: number
  /** Whether everybody was asked who was to be; not, if the deadline came first. */
  readonly isComplete: boolean
}

/** What a run over a region did. */
export interface RegionResult {
  readonly region: Region
  readonly items: readonly ReplicatedItem[]
  /** Requests of the lookup, and those that stored. */
  readonly lookupRequests: number
  readonly storeRequests: number
  /** Whether the lookup found anybody at all. */
  readonly reached: boolean
}

/** What a run over a region needs to know. */
export interface ReplicateRegionInit {
  /** A lookup of the first key of the region, for 2k peers: `k` and `answersWanted` say how many. */
  readonly lookup: LookupInit
  /** Peers that shall hold each item. */
  readonly holders: number
  /** Whether this peer holds what it replicates, and so counts as a holder. */
  readonly selfHolds: boolean
  /**
   * Who gets each item: the `holders` closest peers; or, when this peer is one of them and leaves, only the `successor`
   * that takes its place. Where there are fewer others, all of them: nobody takes its place, and one of them may lack it.
   */
  readonly recipients: 'holders' | 'successor'
  /** What is to be stored in a region, at most `REPLICATE_RECORDS_MAX` items; asked for once, when the region is known. */
  readonly take: (region: Region) => readonly RegionItem[]
}

interface Progress {
  readonly item: RegionItem
  /** Who should hold it, nearest first, and after them who stands in for those that fail. */
  readonly ranked: readonly Contact[]
  readonly wanted: number
  readonly selfIsNear: boolean
  nextRank: number
  /** Requests that wait or are under way. */
  pending: number
  acknowledged: number
  refusal: string | undefined
  outdatedBy: number
}

/**
 * Stores all items of a region of the keyspace by one lookup.
 *
 * A lookup for the 2k peers closest to a key t brings to light all peers of the largest subtree around t that is nearer
 * than the last of them. Wherever at least k stand in that subtree, the k closest of any key in it are among them; so one
 * lookup serves every key there, and keeping n keys costs lookups by the number of regions, not by n. (go-libp2p's sweep
 * provider does this for provider records; Kademlia's section 2.5 asks for the same economy.)
 */
export class ReplicateRegion implements Operation<RegionResult> {
  readonly #init: ReplicateRegionInit
  readonly #lookup: Lookup
  readonly #progress = new Map<RpcRequest, Progress>()
  /** What each peer still has to be sent. */
  readonly #queues = new Map<Contact, RpcRequest[]>()
  readonly #underWay = new Map<Contact, number>()
  /** Peers that did not answer: they are sent nothing more in this run. */
  readonly #gone = new Set<Contact>()
  #region: Region | undefined
  #underWayTotal = 0
  #storeRequests = 0
  #result: RegionResult | undefined

  constructor(init: ReplicateRegionInit) {
    this.#init = init
    this.#lookup = new Lookup(init.lookup)
  }

  next(now: Instant): Step<RegionResult> {
    if (this.#result !== undefined) return { type: 'done', result: this.#result }
    if (this.#region === undefined) {
      const step = this.#lookup.next(now)
      if (step.type !== 'done') return step
      this.#plan(step.result.closest, step.result.complete)
    }
    const { deadline, timing } = this.#init.lookup
    if (now >= deadline) return this.#end()
    const next = this.#underWayTotal < REPLICATE_REQUESTS_MAX ? this.#dequeue() : undefined
    if (next !== undefined) {
      const [to, request] = next
      this.#storeRequests += 1
      this.#underWayTotal += 1
      this.#underWay.set(to, (this.#underWay.get(to) ?? 0) + 1)
      const until = Math.min(deadline, now + timing.timeoutMs(to))
      return { type: 'send', to, request, deadline: until }
    }
    return this.#underWayTotal > 0 ? { type: 'wait', until: deadline } : this.#end()
  }

  onResponse(from: Contact, response: RpcResponse, now: Instant, request: RpcRequest): void {
    const progress = this.#progress.get(request)
    if (progress === undefined) {
      this.#lookup.onResponse(from, response, now)
      return
    }
    this.#settle(from, progress)
    progress.acknowledged += 1
  }

  onFailure(from: Contact, failure: RpcFailure, now: Instant, request: RpcRequest): void {
    const progress = this.#progress.get(request)
    if (progress === undefined) {
      this.#lookup.onFailure(from, failure, now)
      return
    }
    if (now >= this.#init.lookup.deadline) return // out of time, which is no fault of the peer
    this.#settle(from, progress)
    if (failure.type === 'refused') {
      progress.refusal = failure.reason ?? 'refused'
      if (progress.refusal.startsWith('stale: ')) progress.outdatedBy += 1
      // A peer that knows less would take in what those responsible have refused.
      if (isOurFault(failure)) return
    } else {
      this.#gone.add(from)
      const waiting = this.#queues.get(from) ?? []
      this.#queues.delete(from)
      for (const one of waiting) this.#standIn(one)
    }
    this.#enqueue(progress)
  }

  #settle(from: Contact, progress: Progress): void {
    progress.pending -= 1
    this.#underWayTotal -= 1
    this.#underWay.set(from, (this.#underWay.get(from) ?? 1) - 1)
  }

  /** The next closest takes the place of a peer that is gone before it was asked. */
  #standIn(request: RpcRequest): void {
    const progress = this.#progress.get(request)
    if (progress === undefined) return
    progress.pending -= 1
    this.#enqueue(progress)
  }

  #enqueue(progress: Progress): void {
    while (progress.nextRank < progress.ranked.length) {
      const contact = progress.ranked[progress.nextRank++] as Contact // below length
      if (this.#gone.has(contact)) continue
      const queue = this.#queues.get(contact)
      if (queue === undefined) this.#queues.set(contact, [progress.item.request])
      else queue.push(progress.item.request)
      progress.pending += 1
      return
    }
  }

  #dequeue(): [Contact, RpcRequest] | undefined {
    for (const [contact, queue] of this.#queues) {
      if ((this.#underWay.get(contact) ?? 0) >= REPLICATE_REQUESTS_PER_PEER_MAX) continue
      const request = queue.shift()
      if (queue.length === 0) this.#queues.delete(contact)
      if (request !== undefined) return [contact, request]
    }
    return undefined
  }

  #plan(known: readonly Contact[], complete: boolean): void {
    const { lookup, take } = this.#init
    this.#region = this.#resolveRegion(known, complete)
    if (known.length === 0) return
    for (const item of take(this.#region)) {
      const ranked = known.toSorted((a, b) => compareDistance(item.target, a.key, b.key))
      const { first, wanted, selfIsNear } = this.#share(item.target, ranked, lookup.self.key)
      const progress: Progress = {
        item,
        ranked,
        wanted,
        selfIsNear,
        nextRank: first,
        pending: 0,
        acknowledged: 0,
        refusal: undefined,
        outdatedBy: 0,
      }
      this.#progress.set(item.request, progress)
      for (let i = 0; i < wanted; i++) this.#enqueue(progress)
    }
  }

  #share(
    target: Key,
    ranked: readonly Contact[],
    self: Key,
  ): { first: number; wanted: number; selfIsNear: boolean } {
    const { holders, selfHolds, recipients } = this.#init
    const last = ranked[holders - 1]
    const selfIsNear =
      selfHolds && (last === undefined || compareDistance(target, self, last.key) < 0)
    if (recipients === 'successor' && last !== undefined) {
      return { first: holders - 1, wanted: selfIsNear ? 1 : 0, selfIsNear }
    }
    const wanted = Math.min(selfIsNear ? holders - 1 : holders, ranked.length)
    return { first: 0, wanted, selfIsNear }
  }

  /** The largest region around the lookup's target whose every key has its closest peers among those found. */
  #resolveRegion(known: readonly Contact[], complete: boolean): Region {
    const { target: key, k } = this.#init.lookup
    const onlyThisKey = { key, bits: key.length * 8 }
    if (!complete) return onlyThisKey
    const last = known[k - 1]
    if (last === undefined) return { key, bits: 0 } // the whole network is known
    const bits = commonPrefixLength(key, last.key) + 1
    const inside = known.filter((contact) => commonPrefixLength(key, contact.key) >= bits).length
    return inside >= this.#init.holders ? { key, bits } : onlyThisKey
  }

  #end(): Step<RegionResult> {
    const region = this.#region as Region // next() planned before it ends
    this.#result = {
      region,
      items: [...this.#progress.values()].map(
        ({ item, acknowledged, wanted, selfIsNear, refusal, outdatedBy, pending }) => ({
          item,
          acknowledged,
          wanted,
          selfIsNear,
          refusal,
          outdatedBy,
          isComplete: pending === 0,
        }),
      ),
      lookupRequests: this.#lookup.requests,
      storeRequests: this.#storeRequests,
      reached: this.#lookup.candidates.some(({ state }) => state === 'answered'),
    }
    return { type: 'done', result: this.#result }
  }
}
