import { isOut } from './candidates.ts'
import type { Contact } from './contact.ts'
import { bytesEqual } from './key.ts'
import { Lookup } from './lookup.ts'
import type { LookupInit } from './lookup-init.ts'
import type { RpcFailure, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'
import type { ValueRecord } from './record.ts'

/** Judges values: the validators, at one moment of the wall clock. */
export interface ValueJudge {
  /** Whether a record that arrived is a valid one of the key asked for. */
  isValid(record: ValueRecord): boolean
  /** Positive if `a` wins over `b`, negative if `b` does, 0 if they are equal. Both are valid. */
  compare(a: ValueRecord, b: ValueRecord): number
}

/** What a get needs to know. */
export interface GetValueInit {
  /** Its request is a GET_VALUE. */
  readonly lookup: LookupInit
  readonly judge: ValueJudge
  /** The own copy, already judged: counts as one answer. */
  readonly local: ValueRecord | undefined
  /** Valid answers with a value that end the search: 1 for an immutable value. */
  readonly quorum: number
}

/** What a get found. */
export interface GetOutcome {
  /** The winner of all valid values seen; `undefined` when nobody had one. */
  readonly record: ValueRecord | undefined
  /** Who gave the winner first; `undefined`: the own store. */
  readonly from: Contact | undefined
  /** How many answered with the winner, the own store among them. */
  readonly agreed: number
  /** Peers that gave a value that loses against the winner: to be repaired. */
  readonly outdated: readonly Contact[]
  /** Those of the k closest that answered without any value. */
  readonly lacking: readonly Contact[]
  /** The nearest peer that answered without any value: where the paper has a copy cached. */
  readonly nearestWithout: Contact | undefined
  /** How many living peers are known to stand nearer than that one. */
  readonly nearestWithoutRank: number
  /** Records that were no valid ones of the key: somebody's disk or honesty is at fault. */
  readonly invalid: readonly Contact[]
  /** Peers that answered at all. */
  readonly answered: number
  /** The hops to the peer that gave the winner; 0 for the own store. */
  readonly hops: number
  readonly requests: number
}

interface Holder {
  readonly contact: Contact
  readonly record: ValueRecord
}

/**
 * Finds a value (Kademlia's FIND_VALUE, section 2.3): a lookup that ends as soon as a quorum of valid answers has a value.
 * The winner is the best of what was seen; who gave a worse one is named, so that it can be repaired.
 */
export class GetValue implements Operation<GetOutcome> {
  readonly #init: GetValueInit
  readonly #lookup: Lookup
  readonly #holders: Holder[] = []
  readonly #invalid: Contact[] = []
  #without: Contact[] = []
  #answered = 0
  #result: GetOutcome | undefined

  constructor(init: GetValueInit) {
    this.#init = init
    this.#lookup = new Lookup(init.lookup)
  }

  next(now: Instant): Step<GetOutcome> {
    if (this.#result !== undefined) return { type: 'done', result: this.#result }
    if (this.#votes() >= this.#init.quorum) return this.#end()
    const step = this.#lookup.next(now)
    return step.type === 'done' ? this.#end() : step
  }

  onResponse(from: Contact, response: RpcResponse, now: Instant): void {
    if (this.#result !== undefined) return
    this.#answered += 1
    const record = response.type === 'get-value' ? response.record : undefined
    if (record === undefined) this.#without.push(from)
    else if (this.#init.judge.isValid(record)) this.#holders.push({ contact: from, record })
    else this.#invalid.push(from)
    this.#lookup.onResponse(from, response, now)
  }

  onFailure(from: Contact, failure: RpcFailure, now: Instant): void {
    this.#lookup.onFailure(from, failure, now)
  }

  /**
   * Answers that count towards the quorum. Where several must agree, the value may have changed, and only the k closest hear
   * of that: what others on the way hold may be an old copy, so that it is taken into account, but settles nothing.
   */
  #votes(): number {
    const { quorum, local, lookup } = this.#init
    const own = local === undefined ? 0 : 1
    if (quorum <= 1) return this.#holders.length + own
    const holders = new Set(this.#holders.map(({ contact }) => contact.id))
    let rank = 0
    let votes = own
    for (const candidate of this.#lookup.candidates) {
      if (rank === lookup.k) break
      if (isOut(candidate)) continue
      rank += 1
      if (holders.has(candidate.contact.id)) votes += 1
    }
    return votes
  }

  #end(): Step<GetOutcome> {
    const { judge, local } = this.#init
    let record = local
    let from: Contact | undefined
    for (const holder of this.#holders) {
      if (record === undefined || judge.compare(holder.record, record) > 0) {
        record = holder.record
        from = holder.contact
      }
    }
    const outdated: Contact[] = []
    let agreed = 0
    if (record !== undefined) {
      if (local !== undefined && bytesEqual(local.value, record.value)) agreed += 1
      for (const holder of this.#holders) {
        if (bytesEqual(holder.record.value, record.value)) agreed += 1
        else outdated.push(holder.contact)
      }
    }
    const without = this.#nearestWithout()
    this.#result = {
      record,
      from,
      agreed,
      outdated,
      lacking: this.#lacking(),
      nearestWithout: without?.contact,
      nearestWithoutRank: without?.rank ?? 0,
      invalid: this.#invalid,
      answered: this.#answered,
      hops: from === undefined ? 0 : (this.#depthOf(from) ?? 0),
      requests: this.#lookup.requests,
    }
    return { type: 'done', result: this.#result }
  }

  #lacking(): readonly Contact[] {
    if (this.#without.length === 0) return []
    const without = new Set(this.#without)
    return this.#lookup.candidates
      .filter((candidate) => !isOut(candidate))
      .slice(0, this.#init.lookup.k)
      .flatMap(({ contact }) => (without.has(contact) ? contact : []))
  }

  #nearestWithout(): { contact: Contact; rank: number } | undefined {
    const without = new Set(this.#without)
    let rank = 0
    for (const candidate of this.#lookup.candidates) {
      const { contact } = candidate
      if (without.has(contact)) return { contact, rank }
      if (!isOut(candidate)) rank += 1
    }
    return undefined
  }

  #depthOf(contact: Contact): number | undefined {
    return this.#lookup.candidates.find((candidate) => candidate.contact === contact)?.depth
  }
}
