import { assert } from './assert.ts'
import { bitAt, type Key } from './key.ts'
import type { Hash, Random } from './ports.ts'

/** Prefixes are found to this depth. Deeper buckets lie within the own neighbourhood, which the self lookup refreshes. */
export const PREIMAGE_BITS_MAX = 16

/** Room for so many prefixes at first. */
const COUNTERS_FIRST = 64

/** From so many hashes on, a preimage that was found before does again: it is one of several in any bucket that there is. */
const COUNTERS_ENOUGH = 16_384

/**
 * Finds preimages whose keys lie in a wanted part of the keyspace: a bucket is refreshed by a lookup of a key within its
 * range, and only preimages travel. It hashes counters one after the other and remembers the first 16 bits of each one's key,
 * so that one finder serves any number of peers.
 * The search for c bits costs about 2^c hashes: 6 ms at 13 bits, which a network of 100,000 peers needs. Memory: 2 bytes for
 * each hash, 32 KiB in all unless deep buckets need more.
 */
export class PreimageFinder {
  readonly #hash: Hash
  /** Of each counter the first 16 bits of its key; so many as `#count`. */
  #prefixes: Uint16Array = new Uint16Array(0)
  #count = 0

  constructor(hash: Hash) {
    this.#hash = hash
  }

  /**
   * A preimage (8 bytes) whose key shares exactly the first `prefixLength` bits with `key`: one in the range of that bucket.
   * `prefixLength` is below `PREIMAGE_BITS_MAX`.
   */
  inBucket(key: Key, prefixLength: number, random: Random): Uint8Array {
    assert(prefixLength < PREIMAGE_BITS_MAX, `bucket ${prefixLength} is too deep to search`)
    let wanted = 0
    for (let bit = 0; bit <= prefixLength; bit++) {
      const own = bit < key.length * 8 ? bitAt(key, bit) : 0
      wanted = (wanted << 1) | (bit < prefixLength ? own : 1 - own)
    }
    return preimageOf(this.#search(wanted, PREIMAGE_BITS_MAX - 1 - prefixLength, random))
  }

  /** A counter whose key begins with `wanted`, which are the first 16 bits without the last `rest` of them. */
  #search(wanted: number, rest: number, random: Random): number {
    // Each refresh should look elsewhere in the bucket.
    const known = this.#count < COUNTERS_ENOUGH ? 0 : this.#count
    const start = known === 0 ? 0 : random.below(known)
    for (let i = 0; i < known; i++) {
      const counter = start + i < known ? start + i : start + i - known
      if ((this.#prefixes[counter] as number) >> rest === wanted) return counter // below #count
    }
    while (this.#hashNext() >> rest !== wanted);
    return this.#count - 1
  }

  #hashNext(): number {
    if (this.#count === this.#prefixes.length) {
      const longer = new Uint16Array(Math.max(COUNTERS_FIRST, 2 * this.#count))
      longer.set(this.#prefixes)
      this.#prefixes = longer
    }
    const digest = this.#hash(preimageOf(this.#count))
    const prefix = ((digest[0] as number) << 8) | (digest[1] as number) // a digest has 32 bytes
    this.#prefixes[this.#count] = prefix
    this.#count += 1
    return prefix
  }
}

function preimageOf(counter: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(4, counter)
  return bytes
}
