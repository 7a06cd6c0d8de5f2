import type { NodeOptions } from '../core/options.ts'
import type { NodeStatus } from '../node/node-status.ts'

/** How long after its start a peer may have no contacts and still be well. ms. */
const JOINING_MS = 30_000

/** How full a store may be. */
const FULL_SHARE = 0.95

/** What is wrong with a peer, in words that say what to do; empty: it is well. */
export function healthProblems(given: {
  readonly status: NodeStatus
  readonly options: NodeOptions
  readonly uptimeMs: number
  /** Whether it was told whom to join through. */
  readonly hasBootstrap: boolean
}): string[] {
  const { status, options, uptimeMs, hasBootstrap } = given
  const problems: string[] = []
  if (status.contacts === 0 && hasBootstrap && uptimeMs > JOINING_MS) {
    problems.push('no peers: none of the bootstrap peers answers')
  }
  if (status.contacts === 0 && status.mode === 'client' && !hasBootstrap) {
    problems.push('no peers: a client needs a bootstrap peer')
  }
  if (status.recordBytes > options.storeBytesMax * FULL_SHARE) {
    problems.push(`the store is full: ${status.recordBytes} of ${options.storeBytesMax} bytes`)
  }
  if (status.records > options.storeRecordsMax * FULL_SHARE) {
    problems.push(`the store is full: ${status.records} of ${options.storeRecordsMax} records`)
  }
  return problems
}
