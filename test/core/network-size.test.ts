import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { compareDistance, KEY_BYTES } from '../../src/core/key.ts'
import { NetworkSizeEstimator, sampleOf } from '../../src/core/network-size.ts'
import { contactAt, randomContact, seededRandom } from '../support/tiny.ts'

const K = 20
const TARGET = new Uint8Array(KEY_BYTES)

/** The closest to `TARGET` of a network of `peers` that stand at even distances: the i-th at i/peers of the keyspace. */
function evenlySpaced(peers: number, found: number): Contact[] {
  return Array.from({ length: found }, (_, i) => contactAt(keyAt((i + 1) / peers)))
}

function keyAt(fraction: number): Uint8Array {
  const key = new Uint8Array(KEY_BYTES)
  let rest = fraction
  for (let i = 0; i < 6; i++) {
    rest *= 256
    key[i] = Math.floor(rest)
    rest -= Math.floor(rest)
  }
  return key
}

describe('the estimate of the size of a network', () => {
  it('is exact where the closest peers stand at even distances', () => {
    for (const peers of [100, 10_000, 1_000_000]) {
      expect((sampleOf(TARGET, evenlySpaced(peers, K)) ?? 0) / peers).toBeCloseTo(1, 6)
    }
  })

  it('is within a sixth of the truth after 16 lookups in a network of random keys', () => {
    const random = seededRandom(1)
    const contacts = Array.from({ length: 5_000 }, () => randomContact(random))
    const estimator = new NetworkSizeEstimator()
    for (let i = 0; i < 16; i++) {
      const target = random.bytes(KEY_BYTES)
      const nearest = contacts.toSorted((a, b) => compareDistance(target, a.key, b.key))
      estimator.add(target, nearest.slice(0, K))
    }
    expect(estimator.estimate()).toBeGreaterThan((5_000 * 5) / 6)
    expect(estimator.estimate()).toBeLessThan((5_000 * 7) / 6)
  })

  it('counts each lookup by the peers that it found', () => {
    const estimator = new NetworkSizeEstimator()
    estimator.add(TARGET, evenlySpaced(1_000, 20))
    estimator.add(TARGET, evenlySpaced(2_000, 5))
    expect(estimator.estimate()).toBeCloseTo(25 / (20 / 1_000 + 5 / 2_000), 6)
  })

  it('needs five peers of a lookup, and takes those that stand at the target itself for no sample', () => {
    const estimator = new NetworkSizeEstimator()
    expect(estimator.estimate()).toBeUndefined()
    estimator.add(TARGET, evenlySpaced(1_000, 4))
    estimator.add(TARGET, Array<Contact>(K).fill(contactAt(TARGET)))
    expect(estimator.estimate()).toBeUndefined()
    estimator.add(TARGET, evenlySpaced(1_000, 5))
    expect(estimator.estimate()).toBeCloseTo(1_000, 6)
  })

  it('follows a network that has grown: only the last 16 lookups count', () => {
    const estimator = new NetworkSizeEstimator()
    for (let i = 0; i < 16; i++) estimator.add(TARGET, evenlySpaced(1_000, K))
    for (let i = 0; i < 16; i++) estimator.add(TARGET, evenlySpaced(8_000, K))
    expect(estimator.estimate()).toBeCloseTo(8_000, 5)
  })
})
