import { describe, expect, it } from 'vitest'
import { commonPrefixLength, keyFromDigest } from '../../src/core/key.ts'
import { PREIMAGE_BITS_MAX, PreimageFinder } from '../../src/core/preimages.ts'
import { randomContact, seededRandom } from '../support/tiny.ts'
import { sha256 } from '../support/virtual-network.ts'

function counting(): { finder: PreimageFinder; hashes: () => number } {
  let hashes = 0
  const finder = new PreimageFinder((bytes) => {
    hashes += 1
    return sha256(bytes)
  })
  return { finder, hashes: () => hashes }
}

const targetOf = (preimage: Uint8Array) => keyFromDigest(sha256(preimage))

describe('the preimages of a bucket', () => {
  it('have keys in its range, for any peer and any bucket that is not too deep', () => {
    const { finder } = counting()
    const random = seededRandom(1)
    for (let peer = 0; peer < 20; peer++) {
      const { key } = randomContact(random)
      for (const depth of [0, 1, 2, 7, 8, 9, 12]) {
        const preimage = finder.inBucket(key, depth, random)
        expect(commonPrefixLength(targetOf(preimage), key)).toBe(depth)
      }
    }
    const { key } = randomContact(random)
    const deepest = finder.inBucket(key, PREIMAGE_BITS_MAX - 1, random)
    expect(commonPrefixLength(targetOf(deepest), key)).toBe(PREIMAGE_BITS_MAX - 1)
    expect(() => finder.inBucket(key, PREIMAGE_BITS_MAX, random)).toThrow('too deep')
  })

  it('cost as many hashes as there are such ranges, and in the end none', () => {
    const { finder, hashes } = counting()
    const random = seededRandom(2)
    const { key } = randomContact(random)
    for (let i = 0; i < 100; i++) finder.inBucket(key, 9, random)
    const mean = hashes() / 100
    expect(mean).toBeLessThan(1.2 * 2 ** 10)
    const enough = hashes()
    for (let i = 0; i < 1_000; i++) finder.inBucket(key, 9, random)
    expect(hashes()).toBe(enough)
  })

  it('are not the same at each refresh, whether there are few or many to choose from', () => {
    const { finder, hashes } = counting()
    const random = seededRandom(3)
    const { key } = randomContact(random)
    const kindsOf = (depth: number) =>
      new Set(Array.from({ length: 100 }, () => finder.inBucket(key, depth, random).join())).size
    expect(kindsOf(2)).toBe(100)
    kindsOf(9)
    const enough = hashes()
    expect(kindsOf(2)).toBeGreaterThan(90)
    expect(kindsOf(9)).toBeGreaterThan(8)
    expect(hashes()).toBe(enough)
  })
})
