import leven from 'leven'

/** A name that differs in more letters than this is another word. */
const STEPS_MAX = 2

/** What may have been meant by a name that is none of the known ones, or all of those. */
export function suggestion(name: string, known: readonly string[]): string {
  const steps = (candidate: string): number =>
    leven(name.toLowerCase(), candidate, { maxDistance: STEPS_MAX + 1 })
  const [best] = known.toSorted((a, b) => steps(a) - steps(b))
  return best !== undefined && steps(best) <= STEPS_MAX
    ? `did you mean '${best}'?`
    : `there are ${known.join(', ')}`
}
