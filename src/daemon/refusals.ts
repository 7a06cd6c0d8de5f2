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

/**
 * The kind of a refusal. Its text names sizes, times and peers, which are as many as a stranger likes: as a label of a
 * metric it would grow without end.
 */
export function refusalKind(refusal: string): RefusalKind {
  return SIGNS.find(([sign]) => sign.test(refusal))?.[1] ?? 'other'
}

/** What shows a refusal's kind. The first that fits counts. */
const SIGNS: readonly (readonly [sign: RegExp, kind: RefusalKind])[] = [
  [/^invalid: the timestamp lies \d+ ms ahead/, 'clock-skew'],
  [/^invalid:/, 'invalid'],
  [/^too-large:/, 'too-large'],
  [/^expired:/, 'expired'],
  [/^stale:/, 'stale'],
  [/^full:/, 'full'],
  [/^a key of 1 to |^a provider key has /, 'bad-key'],
  [/^a peer can announce only itself|^a provider needs an address/, 'foreign-provider'],
  [/^busy: | has no room$| wait for this key$/, 'too-many'],
  [/answers no requests$|no longer serves$/, 'not-serving'],
]

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
