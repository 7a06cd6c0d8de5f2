import { gammaP } from './models/distributions.ts'

/**
 * Statistics with their formulas. All on plain arrays of numbers; none changes its argument.
 */

/** Sum over count; NaN for none. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Sample standard deviation, with n - 1; 0 for fewer than two. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0
  const centre = mean(values)
  const squares = values.reduce((total, value) => total + (value - centre) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1))
}

/** The value below which a share of the sorted values lies, interpolated between ranks; NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  return quantileOfSorted(sorted(values), share)
}

/** Several quantiles, sorting once. */
export function quantiles(values: readonly number[], shares: readonly number[]): number[] {
  const ordered = sorted(values)
  return shares.map((share) => quantileOfSorted(ordered, share))
}

/** In ascending order of numbers. */
export function sorted(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort()
}

/**
 * Gini coefficient of non-negative values: 0 if all are equal, towards 1 if one has everything.
 * G = sum((2i - n - 1) x_i) / (n sum(x)), x ascending, i from 1.
 */
export function gini(values: readonly number[]): number {
  const ordered = sorted(values)
  const n = ordered.length
  let weighted = 0
  let total = 0
  for (let i = 0; i < n; i++) {
    const value = ordered[i] as number // i < n
    weighted += (2 * (i + 1) - n - 1) * value
    total += value
  }
  return total === 0 ? 0 : weighted / (n * total)
}

/** How often each whole number from 0 up to the largest occurs. */
export function histogram(values: readonly number[]): number[] {
  const counts: number[] = []
  for (const value of values) {
    const bin = Math.max(0, Math.round(value))
    while (counts.length <= bin) counts.push(0)
    counts[bin] = (counts[bin] as number) + 1 // just made sure of
  }
  return counts
}

/** A range for the mean at 95 % confidence: mean ± t s / sqrt(n), with Student's t. */
export function meanInterval(values: readonly number[]): { low: number; high: number } {
  const centre = mean(values)
  const n = values.length
  if (n < 2) return { low: -Infinity, high: Infinity }
  const half = (studentT95(n - 1) * standardDeviation(values)) / Math.sqrt(n)
  return { low: centre - half, high: centre + half }
}

/**
 * A range for a probability after `successes` in `trials`, at the confidence that `z` stands for (1.96: 95 %).
 * Source: E. B. Wilson (1927), the score interval; it holds for few successes as well.
 */
export function wilsonInterval(
  successes: number,
  trials: number,
  z = 1.96,
): { low: number; high: number } {
  if (trials === 0) return { low: 0, high: 1 }
  const p = successes / trials
  const z2 = z * z
  const centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
  const half =
    (z * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials))) / (1 + z2 / trials)
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}

/**
 * How many of `trials` events of probability `p` happen, at 99.9 % confidence: the least range of whole numbers around
 * the mean whose binomial tails are at most 0.05 % each.
 */
export function binomialRange(trials: number, p: number): { low: number; high: number } {
  let probability = (1 - p) ** trials
  if (p >= 1) return { low: trials, high: trials }
  if (probability === 0) {
    const centre = trials * p
    const half = 3.3 * Math.sqrt(trials * p * (1 - p)) + 1
    return {
      low: Math.max(0, Math.floor(centre - half)),
      high: Math.min(trials, Math.ceil(centre + half)),
    }
  }
  let cumulated = 0
  let low = -1
  for (let count = 0; count <= trials; count++) {
    cumulated += probability
    if (low < 0 && cumulated > TAIL) low = count
    if (cumulated >= 1 - TAIL) return { low, high: count }
    probability *= ((trials - count) / (count + 1)) * (p / (1 - p))
  }
  return { low: Math.max(0, low), high: trials }
}

/**
 * How many values are lost, of which each dies with all of its holders, and each holder with this probability: the mean, and
 * 3.3 standard deviations to either side (99.9 %). Values with holders in common die together, so that the number scatters
 * more than a binomial: for two of them P(both) = p^|A ∪ B|.
 */
export function lossRange<Holder>(
  holders: readonly (readonly Holder[])[],
  p: number,
): { expected: number; low: number; high: number } {
  const held = new Map<Holder, number[]>()
  holders.forEach((set, value) => {
    for (const holder of set) {
      const values = held.get(holder)
      if (values === undefined) held.set(holder, [value])
      else values.push(value)
    }
  })
  let expected = 0
  let variance = 0
  for (const set of holders) {
    const dies = p ** set.length
    expected += dies
    const common = new Map<number, number>()
    for (const holder of set) {
      for (const other of held.get(holder) ?? []) common.set(other, (common.get(other) ?? 0) + 1)
    }
    for (const [other, count] of common) {
      const otherDies = p ** (holders[other]?.length ?? 0)
      variance += (p > 0 ? (dies * otherDies) / p ** count : 0) - dies * otherDies
    }
  }
  const half = 3.3 * Math.sqrt(Math.max(0, variance))
  return {
    expected,
    low: Math.max(0, Math.floor(expected - half)),
    high: Math.min(holders.length, Math.ceil(expected + half)),
  }
}

/**
 * Whether two samples of whole numbers come from one distribution: Pearson's chi-squared test of homogeneity. Neighbouring
 * bins are joined until each expects 5.
 */
export function chiSquaredTest(
  a: readonly number[],
  b: readonly number[],
): { readonly statistic: number; readonly freedom: number; readonly p: number } {
  const totalA = sum(a)
  const totalB = sum(b)
  const bins = joinBins(a, b, totalA, totalB)
  let statistic = 0
  for (const [inA, inB] of bins) {
    const both = inA + inB
    const expectedA = (both * totalA) / (totalA + totalB)
    const expectedB = (both * totalB) / (totalA + totalB)
    statistic += (inA - expectedA) ** 2 / expectedA + (inB - expectedB) ** 2 / expectedB
  }
  const freedom = Math.max(0, bins.length - 1)
  return { statistic, freedom, p: freedom === 0 ? 1 : 1 - gammaP(freedom / 2, statistic / 2) }
}

/**
 * Whether two samples come from one distribution: the Kolmogorov-Smirnov test, with its asymptotic p value.
 * D = sup |F1 - F2|.
 */
export function kolmogorovSmirnovTest(
  a: readonly number[],
  b: readonly number[],
): { readonly statistic: number; readonly p: number } {
  const x = sorted(a)
  const y = sorted(b)
  let i = 0
  let j = 0
  let statistic = 0
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i] as number, y[j] as number) // both below their lengths
    while (i < x.length && (x[i] as number) <= value) i++
    while (j < y.length && (y[j] as number) <= value) j++
    statistic = Math.max(statistic, Math.abs(i / x.length - j / y.length))
  }
  const effective = Math.sqrt((x.length * y.length) / (x.length + y.length))
  const lambda = (effective + 0.12 + 0.11 / effective) * statistic
  let p = 0
  for (let n = 1; n <= 100; n++) p += 2 * (-1) ** (n - 1) * Math.exp(-2 * n * n * lambda * lambda)
  return { statistic, p: lambda < 0.2 ? 1 : Math.min(1, Math.max(0, p)) }
}

/** Probability of each tail that `binomialRange` leaves out. */
const TAIL = 0.0005

function quantileOfSorted(ordered: Float64Array, share: number): number {
  if (ordered.length === 0) return Number.NaN
  const rank = share * (ordered.length - 1)
  const below = Math.floor(rank)
  const low = ordered[below] as number // 0 <= share <= 1
  const high = ordered[Math.min(below + 1, ordered.length - 1)] as number
  return low + (high - low) * (rank - below)
}

function joinBins(
  a: readonly number[],
  b: readonly number[],
  totalA: number,
  totalB: number,
): [number, number][] {
  const least = (5 * (totalA + totalB)) / Math.min(totalA, totalB)
  const bins: [number, number][] = []
  let open: [number, number] = [0, 0]
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    open = [open[0] + (a[i] ?? 0), open[1] + (b[i] ?? 0)]
    if (open[0] + open[1] >= least) {
      bins.push(open)
      open = [0, 0]
    }
  }
  const last = bins.at(-1)
  if (last === undefined) return [open]
  last[0] += open[0]
  last[1] += open[1]
  return bins
}

/** The 97.5 % quantile of Student's t with this many degrees of freedom, to 3 digits. */
function studentT95(freedom: number): number {
  const known = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
  // Beyond the table: Cornish and Fisher's expansion around the normal quantile.
  return known[freedom - 1] ?? 1.96 + 2.372 / freedom + 2.822 / freedom ** 2
}
