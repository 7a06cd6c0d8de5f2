import type { SeededRandom } from '../engine/random.ts'
import { exponential, gamma, gammaP } from './distributions.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** How long peers stay. */
export interface SessionModel {
  /** As on the command line. */
  readonly name: string
  /** In ms; `Infinity` without churn. */
  readonly meanMs: number
  readonly medianMs: number
  /** The length of a session that begins now. ms. */
  draw(random: SeededRandom): number
  /**
   * How long a peer that is up at a random moment still stays: a long session is met more often, and at a random point of it.
   * A population that starts with fresh sessions instead is younger than any real one. ms.
   */
  drawResidual(random: SeededRandom): number
  /** The probability that a peer that is up at a random moment is still up `ms` later. */
  residualSurvival(ms: number): number
}

/** Nobody leaves. */
export const noChurn: SessionModel = {
  name: 'none',
  meanMs: Infinity,
  medianMs: Infinity,
  draw: () => Infinity,
  drawResidual: () => Infinity,
  residualSurvival: () => 1,
}

/** Exponential sessions: who is old is no better than who is new. Li et al. (PVC, 2005), Rhea et al. (Bamboo, 2004). */
export function exponentialSessions(medianMs: number): SessionModel {
  const meanMs = medianMs / Math.LN2
  return {
    name: `exponential:${medianMs / MINUTE}m`,
    meanMs,
    medianMs,
    draw: (random) => exponential(random, meanMs),
    drawResidual: (random) => exponential(random, meanMs),
    residualSurvival: (ms) => Math.exp(-ms / meanMs),
  }
}

/**
 * Weibull sessions, S(t) = exp(-(t/scale)^shape), which with a shape below 1 fit the measured networks (Stutzbach and
 * Rejaie, IMC 2006): who has stayed long will stay long.
 */
export function weibullSessions(scaleMs: number, shape: number, name?: string): SessionModel {
  const meanMs = scaleMs * gamma(1 + 1 / shape)
  const medianMs = scaleMs * Math.LN2 ** (1 / shape)
  const draw = (random: SeededRandom): number =>
    scaleMs * (-Math.log(1 - random.fraction())) ** (1 / shape)
  return {
    name: name ?? `weibull:${round(medianMs / MINUTE)}m:${shape}`,
    meanMs,
    medianMs,
    draw,
    drawResidual: (random) => {
      // Of the length-biased sessions x = (t/scale)^shape is gamma distributed with shape 1 + 1/shape.
      const x = drawGamma(random, 1 + 1 / shape)
      return scaleMs * x ** (1 / shape) * random.fraction()
    },
    residualSurvival: (ms) => 1 - gammaP(1 / shape, (ms / scaleMs) ** shape),
  }
}

/** Weibull sessions with this median; `shape` as measured for KAD unless given. */
export function weibullWithMedian(medianMs: number, shape: number = KAD_SHAPE): SessionModel {
  return weibullSessions(medianMs / Math.LN2 ** (1 / shape), shape)
}

/**
 * Pareto sessions (Lomax: they begin at 0), S(t) = (1 + t/scale)^-shape; the shape is above 1, else there would be no mean.
 */
export function paretoSessions(medianMs: number, shape = 2): SessionModel {
  if (shape <= 1) throw new RangeError(`a Pareto shape must exceed 1 to have a mean, got ${shape}`)
  const scaleMs = medianMs / (2 ** (1 / shape) - 1)
  const inverse = (random: SeededRandom, power: number): number =>
    scaleMs * ((1 - random.fraction()) ** (-1 / power) - 1)
  return {
    name: `pareto:${medianMs / MINUTE}m:${shape}`,
    meanMs: scaleMs / (shape - 1),
    medianMs,
    draw: (random) => inverse(random, shape),
    // The equilibrium distribution of a Lomax is a Lomax with a shape that is one less.
    drawResidual: (random) => inverse(random, shape - 1),
    residualSurvival: (ms) => (1 + ms / scaleMs) ** (1 - shape),
  }
}

/**
 * Two classes of peers: a share of those that are up at any moment stays long (servers), the others come and go. A measured
 * network is such a mixture: IPFS keeps 15 of 20 holders alive over 36 hours although half of its sessions end within two
 * (ProbeLab RFM 2 and 17), which no single Weibull does.
 */
export function twoClassSessions(
  stable: SessionModel,
  shortLived: SessionModel,
  stableShare: number,
): SessionModel {
  // Of those that begin, fewer are stable than of those that are up, for they stay longer.
  const stableRate = stableShare / stable.meanMs
  const shortRate = (1 - stableShare) / shortLived.meanMs
  const stableBirths = stableRate / (stableRate + shortRate)
  return {
    name: `mixture:${round(stableShare * 100)}%*${stable.name}+${shortLived.name}`,
    meanMs: stableBirths * stable.meanMs + (1 - stableBirths) * shortLived.meanMs,
    medianMs: stableBirths < 0.5 ? shortLived.medianMs : stable.medianMs,
    draw: (random) => (random.chance(stableBirths) ? stable : shortLived).draw(random),
    drawResidual: (random) =>
      (random.chance(stableShare) ? stable : shortLived).drawResidual(random),
    residualSurvival: (ms) =>
      stableShare * stable.residualSurvival(ms) +
      (1 - stableShare) * shortLived.residualSurvival(ms),
  }
}

/** Session lengths fitted to measured networks. */
export const SESSION_PRESETS: Readonly<Record<string, SessionModel>> = {
  /** KAD, sessions seen from the second crawl on: PeerfactSim.KOM's KadChurnModel, from Steiner's crawls. */
  kad: weibullSessions(169.5385 * MINUTE, 0.61511, 'kad'),
  /** BitTorrent's Mainline DHT: the scenario of Andelfinger's PeerSim-Kademlia-MPI. */
  mdht: weibullSessions(14_900_000, 0.68, 'mdht'),
  /** IPFS 2022: through the two points of ProbeLab's RFM 2, 50 % up to 2 h and 80 % up to 8 h. */
  ipfs: weibullSessions(3.66 * HOUR, 0.61, 'ipfs'),
  /** BitTorrent swarm of Debian: Stutzbach and Rejaie (IMC 2006). */
  bittorrent: weibullSessions(42.4 * MINUTE, 0.38, 'bittorrent'),
}

/**
 * Reads a model's name as on the command line: `none`, a preset (`kad`, `mdht`, `ipfs`, `bittorrent`), or `exponential`,
 * `weibull` or `pareto`, with the median session given apart (`--session 60m`) and, after a colon, the shape.
 *
 * @throws RangeError that says what is accepted.
 */
export function parseSessions(text: string, medianMs: number): SessionModel {
  const preset = SESSION_PRESETS[text]
  if (preset !== undefined) return preset
  const [name, shapeText] = text.split(':')
  const shape = shapeText === undefined ? undefined : Number(shapeText)
  const isFine = shape === undefined || shape > 0
  if (isFine && text === 'none') return noChurn
  if (isFine && text === 'exponential') return exponentialSessions(medianMs)
  if (isFine && name === 'weibull') return weibullWithMedian(medianMs, shape)
  if (isFine && name === 'pareto') return paretoSessions(medianMs, shape)
  const presets = Object.keys(SESSION_PRESETS).join(', ')
  throw new RangeError(
    `'${text}' is no churn model: none, ${presets}, exponential, weibull[:<shape>], pareto[:<shape>] or trace:<file.csv>`,
  )
}

/** The shape fitted to KAD's sessions (see the preset). */
const KAD_SHAPE = 0.61511

/** Gamma with scale 1, for shapes of at least 1. Source: Marsaglia and Tsang (2000). */
function drawGamma(random: SeededRandom, shape: number): number {
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x =
      Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction())
    const v = (1 + c * x) ** 3
    if (v <= 0) continue
    const u = 1 - random.fraction()
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
