import type { SimulatedNetwork } from './simulated-network.ts'
import type { PutValue } from './values.ts'

/** A value of which the copies can be counted. */
export type TalliedValue = Pick<PutValue, 'key' | 'target'>

/** Values that are remembered, of each network; of more an even choice. */
export const TALLIED_VALUES_MAX = 200

/** What was asked of the networks of a run so far, for those who look on. Nothing that a simulation does depends on it. */
export class Tally {
  /** Gets of values that somebody held when they began. */
  gets = 0
  /** Those of them that gave the value. */
  getsSucceeded = 0
  lookups = 0
  /** The sum of the recall of all lookups. */
  recall = 0
  #network: SimulatedNetwork | undefined
  #values: TalliedValue[] = []
  #valuesPut = 0
  #stride = 1

  /** A get of a value that somebody held has ended. */
  get(succeeded: boolean): void {
    this.gets += 1
    if (succeeded) this.getsSucceeded += 1
  }

  /** A lookup has ended. */
  lookup(recall: number): void {
    this.lookups += 1
    this.recall += recall
  }

  /** A value was put into a network. */
  value(network: SimulatedNetwork, value: TalliedValue): void {
    if (network !== this.#network) this.#begin(network)
    if (this.#valuesPut++ % this.#stride !== 0) return
    this.#values.push(value)
    if (this.#values.length <= TALLIED_VALUES_MAX) return
    this.#values = this.#values.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
  }

  /** How many values were put into a network, and those of them that are remembered. */
  valuesOf(network: SimulatedNetwork): {
    readonly put: number
    readonly values: readonly TalliedValue[]
  } {
    if (network !== this.#network) return { put: 0, values: [] }
    return { put: this.#valuesPut, values: this.#values }
  }

  #begin(network: SimulatedNetwork): void {
    this.#network = network
    this.#values = []
    this.#valuesPut = 0
    this.#stride = 1
  }
}
