import type { Contact } from '../src/core/contact.ts'
import { bitAt, commonPrefixLength, compareKeys, type Key } from '../src/core/key.ts'

/** Something that stands at a point of the keyspace. */
export interface Keyed {
  readonly contact: Contact
}

/**
 * Knows every living peer, and so the truth: who the k closest to a key really are.
 *
 * Living peers in the order of their keys. All keys with one prefix are one run of that order, so the closest to a target
 * are found by walking its prefixes from the longest: O(log N + k) for an answer.
 */
export class Oracle<Peer extends Keyed> {
  readonly #sorted: Peer[] = []

  /** Living peers. */
  get size(): number {
    return this.#sorted.length
  }

  /** All of them, in the order of their keys. */
  get peers(): readonly Peer[] {
    return this.#sorted
  }

  /** Takes in many at once. */
  addAll(peers: readonly Peer[]): void {
    for (const peer of peers) this.#sorted.push(peer)
    this.#sorted.sort((a, b) => compareKeys(a.contact.key, b.contact.key))
  }

  add(peer: Peer): void {
    this.#sorted.splice(this.#position(peer.contact.key), 0, peer)
  }

  /** False if it was not there. */
  remove(peer: Peer): boolean {
    const index = this.#position(peer.contact.key)
    if (this.#sorted[index] !== peer) return false
    this.#sorted.splice(index, 1)
    return true
  }

  has(peer: Peer): boolean {
    return this.#sorted[this.#position(peer.contact.key)] === peer
  }

  /**
   * The `count` closest to `target`, nearest first: of all, or of those that `accepts` takes.
   */
  closest(target: Key, count: number, accepts: (peer: Peer) => boolean = () => true): Peer[] {
    const found: Peer[] = []
    this.#collect(target, { from: 0, to: this.#sorted.length, bit: 0 }, count, accepts, found)
    return found
  }

  /** How many peers share exactly `prefixLength` bits with `key`. */
  countWithPrefix(key: Key, prefixLength: number): number {
    const { from, to } = this.rangeOf(key, prefixLength)
    return to - from
  }

  /** The run of `peers` whose keys share exactly `prefixLength` bits with `key`. */
  rangeOf(key: Key, prefixLength: number): { readonly from: number; readonly to: number } {
    let range: Range = { from: 0, to: this.#sorted.length, bit: 0 }
    for (let bit = 0; bit < prefixLength; bit++) range = this.#half(range, bitAt(key, bit))
    return this.#half(range, bitAt(key, prefixLength) === 0 ? 1 : 0)
  }

  /** Calls `visit` with each prefix length and the run of peers that share exactly it with `key`, farthest first. */
  forEachBucket(key: Key, visit: (prefixLength: number, from: number, to: number) => void): void {
    let range: Range = { from: 0, to: this.#sorted.length, bit: 0 }
    while (range.to > range.from && range.bit < key.length * 8) {
      const own = bitAt(key, range.bit)
      const other = this.#half(range, own === 0 ? 1 : 0)
      if (other.to > other.from) visit(range.bit, other.from, other.to)
      const next = this.#half(range, own)
      if (next.to - next.from === 1) {
        const last = (this.#sorted[next.from] as Peer).contact.key // from < to
        const prefixLength = commonPrefixLength(key, last)
        if (prefixLength < key.length * 8) visit(prefixLength, next.from, next.to)
        return
      }
      range = next
    }
  }

  #collect(
    target: Key,
    range: Range,
    count: number,
    accepts: (peer: Peer) => boolean,
    found: Peer[],
  ): void {
    if (range.to <= range.from || found.length >= count) return
    if (range.to - range.from === 1 || range.bit === target.length * 8) {
      for (let i = range.from; i < range.to && found.length < count; i++) {
        const peer = this.#sorted[i] as Peer // to is at most the length
        if (accepts(peer)) found.push(peer)
      }
      return
    }
    const near = bitAt(target, range.bit)
    this.#collect(target, this.#half(range, near), count, accepts, found)
    this.#collect(target, this.#half(range, near === 0 ? 1 : 0), count, accepts, found)
  }

  /** The part of a run whose keys have this value in the run's next bit. */
  #half({ from, to, bit }: Range, value: 0 | 1): Range {
    let low = from
    let high = to
    while (low < high) {
      const middle = (low + high) >>> 1
      if (bitAt((this.#sorted[middle] as Peer).contact.key, bit) === 0) low = middle + 1
      else high = middle
    }
    return value === 0 ? { from, to: low, bit: bit + 1 } : { from: low, to, bit: bit + 1 }
  }

  #position(key: Key): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys((this.#sorted[middle] as Peer).contact.key, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** A run of the sorted peers whose keys share the first `bit` bits. */
interface Range {
  readonly from: number
  readonly to: number
  readonly bit: number
}
