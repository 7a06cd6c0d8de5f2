import type { NodeOptions } from '../core/options.ts'
import type { NodeStatus } from '../node/node-status.ts'

/** What may be wrong with a peer. */
export type HealthProblemKind =
  | 'no-peers'
  | 'thin-table'
  | 'clock-skew'
  | 'store-full'
  | 'under-replicated'

/** Every kind there is. */
export const HEALTH_PROBLEM_KINDS: readonly HealthProblemKind[] = Object.keys({
  'no-peers': 0,
  'thin-table': 0,
  'clock-skew': 0,
  'store-full': 0,
  'under-replicated': 0,
} satisfies Record<HealthProblemKind, 0>) as HealthProblemKind[] // the keys of a literal

/** Something wrong with a peer. */
export interface HealthProblem {
  readonly kind: HealthProblemKind
  /** In words that say what to do. */
  readonly text: string
}

/** What a verdict is based on. */
export interface HealthGiven {
  readonly status: NodeStatus
  readonly options: Pick<NodeOptions, 'k' | 'storeBytesMax' | 'storeRecordsMax'>
  readonly uptimeMs: number
  /** Whether it was told whom to join through, or knew peers when it last ran. */
  readonly hasSeeds: boolean
  /** Contacts that are not flagged as failing. */
  readonly live: number
  /** Peers that lately found our timestamps in the future, and those whose timestamps we found so. */
  readonly skew: { readonly aheadOf: number; readonly behind: number }
  /** Keys known to have fewer holders than they should. */
  readonly underReplicated: number
}

/** How long after its start a peer may have few contacts and still be well. ms. */
const JOINING_MS = 30_000

/** How full a store may be. */
const FULL_SHARE = 0.95

/** Peers whose word on a clock is believed: a single one, or two, may be the ones that are wrong, or lie. */
const SKEW_WITNESSES = 3

/** What is wrong with a peer; empty: it is well. */
export function healthProblems(given: HealthGiven): readonly HealthProblem[] {
  return [
    ...contactProblems(given),
    ...clockProblems(given),
    ...storeProblems(given),
    ...replicationProblems(given),
  ]
}

/**
 * Whether a peer can do its work, for what sends it work. Few things forbid it: all peers of a network may run short of
 * contacts, room or copies together, and to turn them all away for it would make the trouble an outage.
 */
export function isReady(problems: readonly HealthProblem[]): boolean {
  return problems.every(({ kind }) => kind !== 'no-peers')
}

function contactProblems(given: HealthGiven): HealthProblem[] {
  const { status, uptimeMs, hasSeeds, live } = given
  const { contacts, mode } = status
  if (contacts === 0 && mode === 'client' && !hasSeeds) {
    return problem('no-peers', 'no peers: a client needs a bootstrap peer; give one by --bootstrap')
  }
  if (uptimeMs <= JOINING_MS) return []
  if (contacts === 0) {
    if (!hasSeeds) return [] // the first peer of a network waits for others
    return problem(
      'no-peers',
      'no peers: neither a bootstrap peer nor one of the last run answers; check the network and the addresses given by --bootstrap',
    )
  }
  if (live === 0) {
    return problem(
      'no-peers',
      `no peers: none of the ${contacts} peers it knows answers; check the network`,
    )
  }
  return thinTable(given)
}

/**
 * A table may hold few peers because there are few. It is too thin if most of those in it do not answer, or if it holds less
 * than half a bucket's worth of a network several times its size; the estimate of that size is rough when it is small.
 */
function thinTable({ status, options, live }: HealthGiven): HealthProblem[] {
  const { contacts, networkSize } = status
  const remedy = 'give more bootstrap peers, or look whether others can be reached'
  if (live * 2 < Math.min(options.k, contacts)) {
    return problem(
      'thin-table',
      `the table is thin: only ${live} of the ${contacts} peers it knows answer; ${remedy}`,
    )
  }
  const others = networkSize === undefined ? 0 : Math.round(networkSize) - 1
  if (live * 2 < options.k && live * 4 < others) {
    return problem(
      'thin-table',
      `the table is thin: it knows ${live} peers of about ${others}; ${remedy}`,
    )
  }
  return []
}

function clockProblems({ status, skew }: HealthGiven): HealthProblem[] {
  // In a network of a few, half of them are witnesses enough.
  const enough = Math.min(SKEW_WITNESSES, Math.max(1, Math.ceil(status.contacts / 2)))
  const problems: HealthProblem[] = []
  if (skew.aheadOf >= enough) {
    problems.push(
      ...problem(
        'clock-skew',
        `clock skew: ${peers(skew.aheadOf)} refused values written here as from the future; this machine's clock is ahead, set it by NTP`,
      ),
    )
  }
  if (skew.behind >= enough) {
    problems.push(
      ...problem(
        'clock-skew',
        `clock skew: values that ${peers(skew.behind)} sent were refused as from the future; this machine's clock is behind, or theirs are ahead: set it by NTP`,
      ),
    )
  }
  return problems
}

function storeProblems({ status, options }: HealthGiven): HealthProblem[] {
  const { recordBytes, records } = status
  const { storeBytesMax, storeRecordsMax } = options
  if (recordBytes > storeBytesMax * FULL_SHARE) {
    return problem('store-full', `the store is full: ${recordBytes} of ${storeBytesMax} bytes`)
  }
  if (records > storeRecordsMax * FULL_SHARE) {
    return problem('store-full', `the store is full: ${records} of ${storeRecordsMax} records`)
  }
  return []
}

/** A peer that knows nobody has other troubles. */
function replicationProblems({ status, underReplicated }: HealthGiven): HealthProblem[] {
  if (underReplicated === 0 || status.contacts === 0) return []
  const keys = underReplicated === 1 ? '1 key has' : `${underReplicated} keys have`
  return problem(
    'under-replicated',
    `under-replicated: ${keys} fewer holders than wanted; look whether other peers are full or cannot be reached`,
  )
}

function problem(kind: HealthProblemKind, text: string): HealthProblem[] {
  return [{ kind, text }]
}

function peers(count: number): string {
  return count === 1 ? '1 peer' : `${count} peers`
}
