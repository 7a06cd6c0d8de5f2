import { assert } from './assert.ts'
import { bitAt, type Key } from './key.ts'
import type { Hash, Random } from './ports.ts'

/** Prefixes are found to this depth. Deeper buckets lie within the own neighbourhood, which the self lookup refreshes. */
export const PREIMAGE_BITS_MAX = 16

const PREFIXES = 1 << PREIMAGE_BITS_MAX

/**
 * Finds preimages whose keys lie in a wanted part of the keyspace: a bucket is refreshed by a lookup of a key within its
 * range, and only preimages travel. It hashes counters one after the other and remembers the first that hits each 16-bit
 * prefix, so that one finder serves any number of peers.
 * The search for c bits costs about 2^c hashes the first time: 6 ms at 13 bits, which a network of 100,000 peers needs.
 */
export class PreimageFinder {
  readonly #hash: Hash
  /** For each 16-bit prefix the first counter that hits it, plus 1; 0 where none was met yet. 256 KiB, made when needed. */
  #found: Uint32Array | undefined
  #next = 0

  constructor(hash: Hash) {
    this.#hash = hash
  }

  /**
   * A preimage (8 bytes) whose key shares exactly the first `prefixLength` bits with `key`: one in the range of that bucket.
   * `prefixLength` is below `PREIMAGE_BITS_MAX`.
   */
  inBucket(key: Key, prefixLength: number, random: Random): Uint8Array {
    assert(prefixLength < PREIMAGE_BITS_MAX, `bucket ${prefixLength} is too deep to search`)
    let prefix = 0
    for (let bit = 0; bit < PREIMAGE_BITS_MAX; bit++) {
      const own = bit < key.length * 8 ? bitAt(key, bit) : 0
      const value = bit < prefixLength ? own : bit === prefixLength ? 1 - own : 2
      prefix = (prefix << 1) | (value === 2 ? random.below(2) : value)
    }
    return this.#searchBelow(prefix, prefixLength + 1)
  }

  /** Searches until some 16-bit prefix that agrees with `prefix` in the first `bits` bits is known. */
  #searchBelow(prefix: number, bits: number): Uint8Array {
    this.#found ??= new Uint32Array(PREFIXES)
    const found = this.#found
    const exact = found[prefix] as number // below PREFIXES
    if (exact !== 0) return preimageOf(exact - 1)
    const shift = PREIMAGE_BITS_MAX - bits
    for (;;) {
      const digest = this.#hash(preimageOf(this.#next))
      const hit = ((digest[0] as number) << 8) | (digest[1] as number)
      if (found[hit] === 0) found[hit] = this.#next + 1
      this.#next += 1
      if (hit >> shift === prefix >> shift) return preimageOf((found[hit] as number) - 1)
    }
  }
}

function preimageOf(counter: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(4, counter)
  return bytes
}
