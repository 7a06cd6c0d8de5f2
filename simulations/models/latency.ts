import { hashPair, SeededRandom } from '../engine/random.ts'
import { lognormal, normalQuantile } from './distributions.ts'

/** How long a message takes between two peers, named by their numbers. */
export interface LatencyModel {
  /** As on the command line. */
  readonly name: string
  /** The time of one message. ms, more than 0. */
  oneWayMs(from: number, to: number, random: SeededRandom): number
}

/** Every message takes the same: for tests, and for counting round trips. */
export function constantLatency(roundTripMs: number): LatencyModel {
  const oneWay = roundTripMs / 2
  return { name: `constant:${roundTripMs}`, oneWayMs: () => oneWay }
}

/** Every message is drawn anew, so that messages overtake one another. */
export function uniformLatency(roundTripMinMs: number, roundTripMaxMs: number): LatencyModel {
  const span = roundTripMaxMs - roundTripMinMs
  return {
    name: `uniform:${roundTripMinMs}-${roundTripMaxMs}`,
    oneWayMs: (_from, _to, random) => toMicros((roundTripMinMs + span * random.fraction()) / 2),
  }
}

/**
 * Each pair of peers has a round trip of its own, log-normal over the pairs and the same in both directions; a message
 * jitters by up to a tenth of it. No memory: the pair's round trip is hashed from the pair.
 *
 * Default: median 156 ms, sigma 0.513 (mean 178 ms), which are median and mean of the King data set (Gummadi et al., IMW
 * 2002), as used by Li et al., "A performance vs. cost framework for evaluating DHT design tradeoffs under churn" (2005).
 */
export function lognormalLatency(
  seed: number,
  medianMs: number = KING_MEDIAN_MS,
  sigma: number = KING_SIGMA,
): LatencyModel {
  return {
    name: `lognormal:${medianMs}:${sigma}`,
    oneWayMs: (from, to, random) => {
      const quantile = Math.max(2 ** -33, hashPair(seed, from, to))
      const roundTripMs = medianMs * Math.exp(sigma * normalQuantile(quantile))
      return jittered(roundTripMs / 2, random)
    },
  }
}

/**
 * Peers stand on a globe, and each has an access line of its own: a round trip is the great-circle distance, at
 * `HALF_WAY_ROUND_MS` for half the circumference, plus both access delays (a coordinate with a height, as in Vivaldi:
 * Dabek et al., SIGCOMM 2004). So near peers of a near peer are near, which pairs drawn alone are not. The access delays
 * are log-normal, fitted so that over random pairs median (156 ms) and mean (178 ms) are those of the King data set.
 */
export function coordinateLatency(seed: number): LatencyModel {
  const places: { x: number; y: number; z: number; accessMs: number }[] = []
  const place = (peer: number): (typeof places)[number] => {
    const known = places[peer]
    if (known !== undefined) return known
    const random = new SeededRandom(seed, 'coordinates', peer)
    const z = 2 * random.fraction() - 1
    const angle = 2 * Math.PI * random.fraction()
    const radius = Math.sqrt(1 - z * z)
    const accessMs = lognormal(random, ACCESS_MEDIAN_MS, ACCESS_SIGMA)
    const made = { x: radius * Math.cos(angle), y: radius * Math.sin(angle), z, accessMs }
    places[peer] = made
    return made
  }
  return {
    name: 'coordinates',
    oneWayMs: (from, to, random) => {
      const a = place(from)
      const b = place(to)
      const cosine = Math.min(1, Math.max(-1, a.x * b.x + a.y * b.y + a.z * b.z))
      const roundTripMs =
        (Math.acos(cosine) / Math.PI) * HALF_WAY_ROUND_MS + a.accessMs + b.accessMs
      return jittered(roundTripMs / 2, random)
    },
  }
}

/**
 * Reads the model's name as given on the command line: `constant:100`, `uniform:20-200`, `lognormal`, `lognormal:156:0.513`,
 * `coordinates`; all figures are round trips in ms.
 *
 * @throws RangeError that says what is accepted.
 */
export function parseLatency(text: string, seed: number): LatencyModel {
  const [name, ...parameters] = text.split(':')
  const numbers = (
    parameters[0]?.includes('-') === true ? parameters[0].split('-') : parameters
  ).map(Number)
  const [first, second] = numbers
  const isFine = numbers.every((number) => Number.isFinite(number) && number > 0)
  if (isFine && name === 'constant' && first !== undefined) return constantLatency(first)
  if (isFine && name === 'uniform' && first !== undefined && second !== undefined) {
    if (first < second) return uniformLatency(first, second)
  }
  if (isFine && name === 'lognormal') return lognormalLatency(seed, first, second)
  if (name === 'coordinates' && numbers.length === 0) return coordinateLatency(seed)
  throw new RangeError(
    `'${text}' is no latency model: constant:<ms>, uniform:<min>-<max>, lognormal[:<median>[:<sigma>]] or coordinates (round trips in ms)`,
  )
}

const KING_MEDIAN_MS = 156
const KING_SIGMA = 0.513

/** Light in fibre needs 200 ms half around the globe and back; most hosts stand less far apart than points of a sphere. */
const HALF_WAY_ROUND_MS = 140
const ACCESS_MEDIAN_MS = 33
const ACCESS_SIGMA = 1

/** Share of its time by which a message is late, at most. */
const JITTER = 0.1

function jittered(oneWayMs: number, random: SeededRandom): number {
  return toMicros(oneWayMs * (1 + JITTER * random.fraction()))
}

/** Whole microseconds, at least one: times then print short and add up exactly for a long while. */
function toMicros(ms: number): number {
  return Math.max(1, Math.round(ms * 1000)) / 1000
}
