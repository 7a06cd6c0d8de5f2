import type { RpcType } from '../../src/core/message.ts'
import { mix } from './random.ts'

const TYPES: Readonly<Record<RpcType | 'reply' | 'failure' | 'kill' | 'start', number>> = {
  ping: 1,
  'find-node': 2,
  'get-value': 3,
  'put-value': 4,
  'add-provider': 5,
  'get-providers': 6,
  reply: 7,
  failure: 8,
  kill: 9,
  start: 10,
  watch: 11,
}

/** What is put into the digest: a delivery, or a change of the population. */
export type TraceType = keyof typeof TYPES

const NO_KEY = new Uint8Array(4)

/**
 * The digest of everything that happened, in the order in which it did: two runs with the same digest were the same. A
 * rolling hash of 64 bits, in two lanes of 32-bit multiplications: it tells runs apart, it withstands no attacker.
 */
export class Trace {
  #high = 0x6a09e667
  #low = 0xbb67ae85
  #count = 0

  /** Events taken in so far. */
  get count(): number {
    return this.#count
  }

  /** `time` in ms; `from` and `to`: numbers of peers; of `key` the first 4 bytes count. */
  add(time: number, from: number, to: number, type: TraceType, key: Uint8Array = NO_KEY): void {
    this.#count++
    const micros = Math.round(time * 1000)
    const prefix =
      ((key[0] ?? 0) << 24) | ((key[1] ?? 0) << 16) | ((key[2] ?? 0) << 8) | (key[3] ?? 0)
    this.#fold(micros | 0)
    this.#fold(Math.floor(micros / 2 ** 32))
    this.#fold(from)
    this.#fold(to ^ (TYPES[type] << 26))
    this.#fold(prefix)
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    const high = mix(this.#high ^ this.#count) >>> 0
    const low = mix(this.#low + Math.imul(this.#count, 0x9e3779b1)) >>> 0
    return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
  }

  #fold(word: number): void {
    const high = Math.imul(this.#high ^ word, 0xcc9e2d51)
    this.#high = Math.imul((high << 15) | (high >>> 17), 0x1b873593)
    const low = Math.imul(this.#low + word, 0x85ebca77) ^ this.#high
    this.#low = Math.imul((low << 13) | (low >>> 19), 0xc2b2ae3d)
  }
}
