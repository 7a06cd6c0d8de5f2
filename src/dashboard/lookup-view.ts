import {
  type LookupEvent,
  type LookupResult,
  type LookupStep,
  LookupStep_Type,
} from '../api/gen/kadmium/v1/kadmium_pb.ts'

/** A request of a lookup as it stands now. */
export interface Ask {
  readonly peer: string
  /** The peer's point of the keyspace. */
  readonly key: string
  readonly hop: number
  /** Leading bits that it shares with the target. */
  readonly prefixLength: number
  /** Who named it; `undefined`: it stood in the own table. */
  readonly namedBy: string | undefined
  readonly state: 'asking' | 'answered' | 'failed'
  readonly tookMs: number
  readonly contacts: number
  readonly added: number
  readonly failure: string
}

/** A lookup as it stands now: what the ring and the list draw. */
export interface LookupView {
  /** As it was typed. */
  readonly key: string
  /** The target's point of the keyspace; `undefined` until it is told. */
  readonly target: string | undefined
  /** In the order in which they were asked. */
  readonly asks: readonly Ask[]
  readonly result: LookupResult | undefined
  /** Why it ended without a result. */
  readonly error: string | undefined
}

/** A lookup of which nothing was heard yet. */
export function beginLookup(key: string): LookupView {
  return { key, target: undefined, asks: [], result: undefined, error: undefined }
}

/** The lookup after one more event. */
export function withEvent(view: LookupView, { event }: LookupEvent): LookupView {
  switch (event.case) {
    case 'start':
      return { ...view, target: event.value.target }
    case 'step':
      return { ...view, asks: withStep(view.asks, event.value) }
    case 'result':
      return { ...view, target: event.value.target, result: event.value }
    default:
      return view
  }
}

/** Whether it still runs. */
export function isRunning(view: LookupView): boolean {
  return view.result === undefined && view.error === undefined
}

/** How many requests are in each state, and how far the lookup got. */
export function progressOf({ asks }: LookupView): {
  readonly asked: number
  readonly answered: number
  readonly failed: number
  readonly hop: number
} {
  const answered = asks.filter(({ state }) => state === 'answered').length
  const failed = asks.filter(({ state }) => state === 'failed').length
  const hop = asks.reduce((highest, ask) => Math.max(highest, ask.hop), 0)
  return { asked: asks.length, answered, failed, hop }
}

function withStep(asks: readonly Ask[], step: LookupStep): readonly Ask[] {
  const { peer, key, hop, prefixLength, namedBy, tookMs, contacts, added, failure } = step
  const ask: Ask = {
    peer,
    key,
    hop,
    prefixLength,
    namedBy: namedBy || undefined,
    state: stateOf(step.type),
    tookMs,
    contacts,
    added,
    failure,
  }
  // A peer may be asked twice, by different requests: the one under way is meant.
  const index = asks.findLastIndex((known) => known.peer === peer && known.state === 'asking')
  if (ask.state === 'asking' || index < 0) return [...asks, ask]
  return asks.with(index, ask)
}

function stateOf(type: LookupStep['type']): Ask['state'] {
  if (type === LookupStep_Type.ANSWERED) return 'answered'
  return type === LookupStep_Type.FAILED ? 'failed' : 'asking'
}
