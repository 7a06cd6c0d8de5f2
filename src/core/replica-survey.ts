import type { Contact } from './contact.ts'
import type { ValueJudge } from './get-value.ts'
import { Lookup } from './lookup.ts'
import type { LookupInit } from './lookup-init.ts'
import type { RpcFailure, RpcResponse } from './message.ts'
import type { Operation, Step } from './operation.ts'
import type { Instant } from './ports.ts'
import type { ValueRecord } from './record.ts'

/** What a survey found. */
export interface SurveyResult {
  /** Peers that answered, nearest to the key first. */
  readonly closest: readonly Contact[]
  /** The winner of the valid values that they gave. */
  readonly record: ValueRecord | undefined
  readonly from: Contact | undefined
}

/**
 * Finds the peers closest to a key and reads the key from each on the way: a lookup by GET_VALUE that no value ends. So a
 * watcher learns in one go whom to listen to and where the key stands.
 */
export class ReplicaSurvey implements Operation<SurveyResult> {
  readonly #lookup: Lookup
  readonly #judge: ValueJudge
  #record: ValueRecord | undefined
  #from: Contact | undefined

  /** @param lookup Its request is a GET_VALUE; `answersWanted` says how many of the closest are read. */
  constructor(lookup: LookupInit, judge: ValueJudge) {
    this.#lookup = new Lookup(lookup)
    this.#judge = judge
  }

  next(now: Instant): Step<SurveyResult> {
    const step = this.#lookup.next(now)
    if (step.type !== 'done') return step
    const { closest } = step.result
    return { type: 'done', result: { closest, record: this.#record, from: this.#from } }
  }

  onResponse(from: Contact, response: RpcResponse, now: Instant): void {
    const record = response.type === 'get-value' ? response.record : undefined
    if (record !== undefined && this.#judge.isValid(record) && this.#isBetter(record)) {
      this.#record = record
      this.#from = from
    }
    this.#lookup.onResponse(from, response, now)
  }

  onFailure(from: Contact, failure: RpcFailure, now: Instant): void {
    this.#lookup.onFailure(from, failure, now)
  }

  #isBetter(record: ValueRecord): boolean {
    return this.#record === undefined || this.#judge.compare(record, this.#record) > 0
  }
}
