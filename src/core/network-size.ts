import type { Contact } from './contact.ts'
import { distanceFraction, type Key } from './key.ts'

/** Lookups whose estimates are remembered. */
const SAMPLES = 16

/** Fewer peers say too little. */
export const SAMPLE_PEERS_MIN = 5

/**
 * Estimates how many peers the network has, from how near the peers closest to a target stand: with N uniform keys the
 * distance of the i-th closest is about i/N of the keyspace, so the least-squares line through them gives
 * N = sum(i^2) / sum(i * d_i). One lookup's estimate has a standard deviation of about N divided by the square root of the
 * peers it found; the mean of the last few is returned, in which each counts by those. Caveat: peers that chose their keys
 * near a target make it too high.
 */
export class NetworkSizeEstimator {
  #samples: { readonly estimate: number; readonly peers: number }[] | undefined

  /** Takes in the closest peers to a target that a lookup found, nearest first. */
  add(target: Key, closest: readonly Contact[]): void {
    const estimate = sampleOf(target, closest)
    if (estimate === undefined) return
    this.#samples ??= []
    this.#samples.push({ estimate, peers: closest.length })
    if (this.#samples.length > SAMPLES) this.#samples.shift()
  }

  /** Peers in the network, this one not counted; `undefined` before the first lookup that found enough. */
  estimate(): number | undefined {
    const samples = this.#samples
    if (samples === undefined) return undefined
    // It is 1/N that each sample estimates without bias: hence the harmonic mean.
    let peers = 0
    let inverse = 0
    for (const sample of samples) {
      peers += sample.peers
      inverse += sample.peers / sample.estimate
    }
    return peers / inverse
  }
}

/** The estimate of one target by itself, such as that of a peer's own key and its neighbours. */
export function sampleOf(target: Key, closest: readonly Contact[]): number | undefined {
  if (closest.length < SAMPLE_PEERS_MIN) return undefined
  let squares = 0
  let products = 0
  closest.forEach((contact, index) => {
    const rank = index + 1
    squares += rank * rank
    products += rank * distanceFraction(target, contact.key)
  })
  return products === 0 ? undefined : squares / products
}
