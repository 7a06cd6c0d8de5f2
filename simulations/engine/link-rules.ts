/** A message on its way, as a rule sees it. */
export interface Link {
  /** Numbers of peers. */
  readonly from: number
  readonly to: number
  /** Virtual time, in ms. */
  readonly now: number
}

/**
 * What a rule says of a message: it has nothing against it, it takes so much longer, or it is lost. An idea of turmoil (the
 * network simulator of the Tokio project): rules in order, the first verdict other than `pass` counts.
 */
export type Verdict =
  | { readonly type: 'pass' | 'drop' }
  | { readonly type: 'delay'; readonly ms: number }

/** A rule for messages: partitions, dead links, detours. */
export type LinkRule = (link: Link) => Verdict

export const PASS: Verdict = { type: 'pass' }
export const DROP: Verdict = { type: 'drop' }

/**
 * Cuts the network between two sides. `sideOf` says on which side a peer is; `undefined`: on neither, it reaches both.
 * `oneWay`: only messages from side 1 to side 0 are lost; else those of both directions.
 */
export function partition(
  sideOf: (peer: number) => 0 | 1 | undefined,
  { oneWay = false }: { readonly oneWay?: boolean } = {},
): LinkRule {
  return ({ from, to }) => {
    const a = sideOf(from)
    const b = sideOf(to)
    if (a === undefined || b === undefined || a === b) return PASS
    return oneWay && a === 0 ? PASS : DROP
  }
}

/** Cuts off single peers: nothing reaches them, nothing leaves them. */
export function isolation(peers: ReadonlySet<number>): LinkRule {
  return ({ from, to }) => (peers.has(from) || peers.has(to) ? DROP : PASS)
}
