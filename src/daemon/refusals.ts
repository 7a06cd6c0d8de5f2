/** Why a request was refused, as one of few words: what metrics and the health verdict tell apart. */
export type RefusalKind =
  | 'too-large'
  | 'invalid'
  | 'clock-skew'
  | 'expired'
  | 'stale'
  | 'full'
  | 'bad-key'
  | 'foreign-provider'
  | 'too-many'
  | 'not-serving'
  | 'other'

/** How a refusal's text begins, or what stands in it. The first that fits counts. */
const SIGNS: readonly (readonly [pattern: RegExp, kind: RefusalKind])[] = [
  [/^invalid: the timestamp lies \d+ ms ahead/, 'clock-skew'],
  [/^(too-large|invalid|expired|stale|full):/, 'invalid'], // which of these, says the text itself
  [/^a key of 1 to |^a provider key has /, 'bad-key'],
  [/^a peer can announce only itself|^a provider needs an address/, 'foreign-provider'],
  [/^busy: | has no room$| wait for this key$/, 'too-many'],
  [/answers no requests$|no longer serves$/, 'not-serving'],
]

/**
 * The kind of a refusal. Its text names sizes, times and peers, which are as many as a stranger likes: as a label of a
 * metric it would grow without end.
 */
export function refusalKind(refusal: string): RefusalKind {
  const kind = SIGNS.find(([pattern]) => pattern.test(refusal))?.[1] ?? 'other'
  if (kind !== 'invalid') return kind
  return refusal.slice(0, refusal.indexOf(':')) as RefusalKind // one of the codes of the pattern
}

/** Every kind there is. */
export const REFUSAL_KINDS: readonly RefusalKind[] = Object.keys({
  'too-large': 0,
  invalid: 0,
  'clock-skew': 0,
  expired: 0,
  stale: 0,
  full: 0,
  'bad-key': 0,
  'foreign-provider': 0,
  'too-many': 0,
  'not-serving': 0,
  other: 0,
} satisfies Record<RefusalKind, 0>) as RefusalKind[] // the keys of a literal
