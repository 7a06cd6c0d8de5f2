/** Deeper than this no two of any number of peers agree. Bits. */
const DEPTH = 80

/** Walks that have not ended by then are no part of it. */
const HOPS_MAX = 40

/**
 * How likely a walk takes 0, 1, 2, … hops to the closest peer, in a network of `peers` where every bucket holds `k` contacts
 * drawn at random, or all there are: one request at a time, always to the nearest peer known.
 *
 * Who shares c bits with the target knows k of the n = N / 2^(c+1) peers that share more. The closest of all is among them
 * with probability k/n. If it is not, the best of the k shares g bits more with probability (1 - 2^-(g+1))^k - (1 - 2^-g)^k:
 * on average 1 + m(1,k) bits a hop, as Stutzbach and Rejaie (INFOCOM 2006) find. The means are within 2 % of the static
 * reference's for alpha 1 (science.md C.1); with alpha of 3 a lookup needs some hundredths of a hop less.
 */
export function hopDistribution(peers: number, k: number): number[] {
  let shares = Array.from({ length: DEPTH }, (_, bits) => 2 ** -(bits + 1))
  const hops = [0]
  for (let hop = 1; hop <= HOPS_MAX && 1 - sumOf(hops) > 1e-6; hop++) {
    const next = new Array<number>(DEPTH).fill(0)
    let found = 0
    shares.forEach((share, bits) => {
      const finds = share * Math.min(1, k / (peers / 2 ** (bits + 1)))
      found += finds
      for (let gain = 0; bits + 1 + gain < DEPTH && share > finds; gain++) {
        const at = bits + 1 + gain
        next[at] = (next[at] ?? 0) + (share - finds) * (bestBelow(gain + 1, k) - bestBelow(gain, k))
      }
    })
    hops.push(found)
    shares = next
  }
  return hops
}

/** The mean of `hopDistribution`. */
export function expectedHops(peers: number, k: number): number {
  return hopDistribution(peers, k).reduce((sum, share, hops) => sum + share * hops, 0)
}

/** The probability that none of k peers shares as many as `bits` bits more. */
function bestBelow(bits: number, k: number): number {
  return (1 - 2 ** -bits) ** k
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
