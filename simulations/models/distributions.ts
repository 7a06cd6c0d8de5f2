import type { SeededRandom } from '../engine/random.ts'

/**
 * Draws from the distributions that the models use. Each from its textbook formula, so that a test can hold it against its
 * theoretical moments.
 */

/** Exponential with this mean. */
export function exponential(random: SeededRandom, mean: number): number {
  return -mean * Math.log(1 - random.fraction())
}

/** Standard normal, by Box and Muller. */
export function normal(random: SeededRandom): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.fraction()))
  return radius * Math.cos(2 * Math.PI * random.fraction())
}

/** Log-normal with this median; `sigma`: the standard deviation of the logarithm. */
export function lognormal(random: SeededRandom, median: number, sigma: number): number {
  return median * Math.exp(sigma * normal(random))
}

/** The quantile function of the standard normal distribution, to about 1e-9. Source: P. J. Acklam's approximation. */
export function normalQuantile(p: number): number {
  if (p <= 0) return -Infinity
  if (p >= 1) return Infinity
  if (p < ACKLAM_LOW) return tail(Math.sqrt(-2 * Math.log(p)))
  if (p > 1 - ACKLAM_LOW) return -tail(Math.sqrt(-2 * Math.log(1 - p)))
  const q = p - 0.5
  const r = q * q
  return (polynomial(CENTRE_NUMERATOR, r) * q) / polynomial(CENTRE_DENOMINATOR, r)
}

/** The gamma function for x > 0. Source: Lanczos' approximation, g = 7, n = 9; 15 digits. */
export function gamma(x: number): number {
  return Math.exp(logGamma(x))
}

/** The logarithm of the gamma function for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const z = x - 1
  let sum = 0.99999999999980993
  for (let i = 0; i < LANCZOS.length; i++) sum += (LANCZOS[i] as number) / (z + i + 1) // i < length
  const t = z + LANCZOS.length - 0.5
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum)
}

/** The regularised lower incomplete gamma function P(a, x). By series below a + 1, by continued fraction above. */
export function gammaP(a: number, x: number): number {
  if (x <= 0) return 0
  const factor = Math.exp(-x + a * Math.log(x) - logGamma(a))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; n < 1000 && term > sum * 1e-16; n++) {
      term *= x / (a + n)
      sum += term
    }
    return sum * factor
  }
  // Lentz's method for the continued fraction of Q(a, x).
  let b = x + 1 - a
  let c = 1e300
  let d = 1 / b
  let h = d
  for (let n = 1; n < 1000; n++) {
    const an = -n * (n - a)
    b += 2
    d = 1 / nonZero(an * d + b)
    c = nonZero(b + an / c)
    const step = d * c
    h *= step
    if (Math.abs(step - 1) < 1e-15) break
  }
  return 1 - factor * h
}

const ACKLAM_LOW = 0.02425

const CENTRE_NUMERATOR = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2,
  -3.066479806614716e1, 2.506628277459239,
]
const CENTRE_DENOMINATOR = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
  -1.328068155288572e1, 1,
]
const TAIL_NUMERATOR = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734,
  4.374664141464968, 2.938163982698783,
]
const TAIL_DENOMINATOR = [
  7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1,
]
const LANCZOS = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]

function tail(q: number): number {
  return polynomial(TAIL_NUMERATOR, q) / polynomial(TAIL_DENOMINATOR, q)
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0)
}

function nonZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value
}
