import type { UnixMs } from '../core/ports.ts'
import type { RecordOrigin } from '../core/record.ts'
import type { KademliaNode } from '../node/kademlia-node.ts'

/** How long a survey stands at least: whoever looks every second shall not cost a walk over the store each time. ms. */
const SURVEY_VALID_MIN_MS = 5_000

/** How many times as long as it took a survey stands: 100,000 records take some 50 ms, in which nothing else is done. */
const SURVEY_VALID_PER_COST = 1_000

/** What a store holds. */
export interface StoreSurvey {
  readonly byOrigin: Readonly<Record<RecordOrigin, number>>
  /** Records that should have been copied to others long ago, and were not. */
  readonly overdue: number
}

/** What of a peer a survey looks at. */
export type SurveyedNode = Pick<KademliaNode, 'records' | 'options' | 'mode'>

/** Walks a peer's store now and then, and says what is in it. */
export class StoreSurveyor {
  readonly #startedAt: UnixMs
  #last: { readonly at: UnixMs; readonly validMs: number; readonly survey: StoreSurvey } | undefined

  /** @param startedAt When the peer started: what fell due while it was down is not its fault. */
  constructor(startedAt: UnixMs) {
    this.#startedAt = startedAt
  }

  survey(node: SurveyedNode, now: UnixMs): StoreSurvey {
    if (this.#last !== undefined && Math.abs(now - this.#last.at) < this.#last.validMs) {
      return this.#last.survey
    }
    const beganAt = performance.now()
    const survey = this.#walk(node, now)
    const costMs = performance.now() - beganAt
    const validMs = Math.max(SURVEY_VALID_MIN_MS, costMs * SURVEY_VALID_PER_COST)
    this.#last = { at: now, validMs, survey }
    return survey
  }

  /** A record is due once an interval; two without any copy say that nobody could be reached for it. */
  #walk({ records, options, mode }: SurveyedNode, now: UnixMs): StoreSurvey {
    const byOrigin = { owner: 0, replica: 0, cached: 0 }
    const { replicateIntervalMs } = options
    const isReplicating = mode === 'server' && replicateIntervalMs > 0
    let overdue = 0
    for (const { origin, receivedAt, expiresAt } of records.range()) {
      byOrigin[origin] += 1
      if (!isReplicating || origin === 'cached' || expiresAt <= now) continue
      if (Math.max(receivedAt, this.#startedAt) + 2 * replicateIntervalMs <= now) overdue += 1
    }
    return { byOrigin, overdue }
  }
}
