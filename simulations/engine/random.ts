import type { Random } from '../../src/core/ports.ts'

/**
 * A stream of the simulation's randomness.
 *
 * A stream is named by the seed and its purpose, such as (7, 'peer', 12) or (7, 'loss'). Streams do not depend on one
 * another: a model that draws more often, or a peer more, leaves the draws of all others as they were.
 * The generator is sfc32 (Doty-Humphrey, PractRand): 128 bits of state, and whole-number arithmetic that is exact
 * everywhere.
 */
export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, ...purpose: readonly (string | number)[]) {
    const name = `${seed}/${purpose.join('/')}`
    this.#a = hashText(name, 0x9e3779b9)
    this.#b = hashText(name, 0x243f6a88)
    this.#c = hashText(name, 0xb7e15162)
    for (let i = 0; i < 12; i++) this.uint32()
  }

  /** A whole number from 0 up to but not including 2^32. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound)
  }

  fraction(): number {
    return this.uint32() / 2 ** 32
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() >>> 24
    return bytes
  }

  /** Whether something happens that has this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability
  }

  /** One of a list, which must not be empty. */
  pick<Item>(list: readonly Item[]): Item {
    const item = list[this.below(list.length)]
    if (item === undefined) throw new RangeError('there is nothing to pick from')
    return item
  }

  /** `count` different items of a list in random order; all of them if there are fewer. */
  sample<Item>(list: readonly Item[], count: number): Item[] {
    const items = [...list]
    const wanted = Math.min(count, items.length)
    for (let i = 0; i < wanted; i++) {
      const j = i + this.below(items.length - i)
      const item = items[j] as Item // j is below the length
      items[j] = items[i] as Item // so is i
      items[i] = item
    }
    return items.slice(0, wanted)
  }
}

/** A 32-bit hash of a text: FNV-1a with murmur's finish. */
export function hashText(text: string, basis: number): number {
  let hash = basis | 0
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return mix(hash)
}

/** Murmur3's finish: every bit of the input changes half of the output's. */
export function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** A number from 0 up to but not including 1 that belongs to a pair, in either order, and a seed. */
export function hashPair(seed: number, a: number, b: number): number {
  const low = Math.min(a, b)
  const high = Math.max(a, b)
  return (mix(mix(mix(seed ^ 0x51ed270b) ^ low) + Math.imul(high, 0x9e3779b1)) >>> 0) / 2 ** 32
}
