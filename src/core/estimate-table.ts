/** What is known of a peer's round trips. */
export interface Estimate {
  /** Smoothed round-trip time in ms, or `UNMEASURED`. */
  readonly meanMs: number
  /** Smoothed mean deviation from it. ms. */
  readonly deviationMs: number
  /** Failures since the last answer; below 255. */
  readonly failures: number
}

/** The mean of a peer that has never answered. */
export const UNMEASURED = -1

/** Slots that a table begins with. */
const SLOTS_FIRST = 16

/** Fields of 32 bits in a slot: the head, the mean, the deviation, and the failures and 1, or 0 for a slot that is free. */
const FIELDS = 4
const MEAN = 1
const DEVIATION = 2
const MARK = 3

/**
 * Estimates by the heads of peers' keys (`headOf`: signed), in one piece of memory of 16 bytes a slot: a peer of a large network talks with a
 * thousand others, and a simulation has ten thousand such peers, whose objects would fill the memory and miss the cache.
 *
 * An open hash table with linear probing, for keys are uniform; nothing is deleted, the whole is thrown away in time. Two
 * peers with the same head share an estimate. That is one pair in 8,000 tables of a thousand; whoever makes such a key on
 * purpose makes another peer's timeout wrong, within the limits that the options set.
 */
export class EstimateTable {
  #heads = new Int32Array(0)
  /** The same memory: times need no more than single precision. */
  #times = new Float32Array(0)
  #size = 0

  constructor() {
    this.#allocate(SLOTS_FIRST)
  }

  /** How many peers it holds. */
  get size(): number {
    return this.#size
  }

  get(head: number): Estimate | undefined {
    const at = this.#seek(head)
    const mark = this.#heads[at + MARK] as number // a slot's fields are there
    if (mark === 0) return undefined
    return {
      meanMs: this.#times[at + MEAN] as number,
      deviationMs: this.#times[at + DEVIATION] as number,
      failures: mark - 1,
    }
  }

  set(head: number, estimate: Estimate): void {
    let at = this.#seek(head)
    if (this.#heads[at + MARK] === 0) {
      this.#size += 1
      if (this.#size * 2 > this.#heads.length / FIELDS) {
        this.#grow()
        at = this.#seek(head)
      }
    }
    this.#heads[at] = head
    this.#times[at + MEAN] = estimate.meanMs
    this.#times[at + DEVIATION] = estimate.deviationMs
    this.#heads[at + MARK] = estimate.failures + 1
  }

  /** Where the head's slot begins, or the free one that it would take. */
  #seek(head: number): number {
    const heads = this.#heads
    const last = heads.length - FIELDS
    // The low bits: in a peer's table the high ones are often those of its own key.
    for (let at = (head * FIELDS) & last; ; at = (at + FIELDS) & last) {
      if (heads[at + MARK] === 0 || heads[at] === head) return at
    }
  }

  #grow(): void {
    const heads = this.#heads
    this.#allocate((heads.length / FIELDS) * 2)
    for (let from = 0; from < heads.length; from += FIELDS) {
      if (heads[from + MARK] === 0) continue
      const to = this.#seek(heads[from] as number) // from is below the length
      this.#heads.set(heads.subarray(from, from + FIELDS), to)
    }
  }

  #allocate(slots: number): void {
    this.#heads = new Int32Array(slots * FIELDS)
    this.#times = new Float32Array(this.#heads.buffer)
  }
}
