import type { SeededRandom } from '../engine/random.ts'
import { exponential } from './distributions.ts'

/** Which of `count` keys is asked for next. */
export interface KeyChoice {
  readonly name: string
  /** The number of a key, from 0. */
  pick(random: SeededRandom): number
}

/** All keys are equally wanted. */
export function uniformKeys(count: number): KeyChoice {
  return { name: 'uniform', pick: (random) => random.below(count) }
}

/** The i-th key is wanted in proportion to i^-exponent: few are asked for often, most hardly ever. */
export function zipfKeys(count: number, exponent: number): KeyChoice {
  const cumulated = new Float64Array(count)
  let sum = 0
  for (let i = 0; i < count; i++) {
    sum += (i + 1) ** -exponent
    cumulated[i] = sum
  }
  return {
    name: `zipf:${exponent}`,
    pick: (random) => {
      const wanted = random.fraction() * sum
      let low = 0
      let high = count - 1
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((cumulated[middle] as number) <= wanted)
          low = middle + 1 // middle < count
        else high = middle
      }
      return low
    },
  }
}

/**
 * Reads `uniform` or `zipf[:<exponent>]`; without an exponent 1, the classic.
 *
 * @throws RangeError that says what is accepted.
 */
export function parseKeys(text: string, count: number): KeyChoice {
  const [name, exponentText] = text.split(':')
  const exponent = exponentText === undefined ? 1 : Number(exponentText)
  if (text === 'uniform') return uniformKeys(count)
  if (name === 'zipf' && exponent > 0) return zipfKeys(count, exponent)
  throw new RangeError(`'${text}' is no choice of keys: uniform or zipf[:<exponent>]`)
}

/** The times of random arrivals (Poisson) from `from` on until `to`, `perSecond` of them a second on average. ms. */
export function arrivals(
  random: SeededRandom,
  perSecond: number,
  from: number,
  to: number,
): number[] {
  const times: number[] = []
  if (perSecond <= 0) return times
  for (let time = from; ; ) {
    time += exponential(random, 1000 / perSecond)
    if (time >= to) return times
    times.push(time)
  }
}
