import { hash as nodeHash } from 'node:crypto'
import { Contact } from '../../src/core/contact.ts'
import { KEY_BYTES, keyFromDigest } from '../../src/core/key.ts'
import type { Hash } from '../../src/core/ports.ts'
import type { SeededRandom } from './random.ts'

/** SHA-256, synchronous: what settles elsewhere than in the microtask queue would break virtual time. */
export const sha256: Hash = (bytes) =>
  new Uint8Array(nodeHash('sha256', bytes, { outputEncoding: 'buffer' }))

/** An Ed25519 public key as a peer id: an identity multihash of 36 bytes, a protobuf of type and 32 key bytes. */
const ID_PREFIX = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20]
const ID_BYTES: number = ID_PREFIX.length + 32

/** Peers whose bytes lie in one buffer: a buffer for each would cost more than the bytes in it. */
const PEERS_PER_SLAB = 1024

/**
 * Every peer has this address: `/ip4/10.0.0.1/tcp/4001`. Who is meant is told by the id, and a private address is exempt from
 * the limits on IP groups.
 */
const ADDRESSES: readonly Uint8Array[] = [Uint8Array.of(4, 10, 0, 0, 1, 6, 4001 >> 8, 4001 & 0xff)]

/**
 * Makes the identities of a simulation: random ids of the form and length of libp2p's, so that messages have their real size
 * and keys are uniform. A peer's text id is short and readable in base58: `Peer` and its number in the digits 1 to 9 and A.
 */
export class Identities {
  readonly #random: SeededRandom
  #slab = new Uint8Array(0)
  #used = 0
  #made = 0

  constructor(random: SeededRandom) {
    this.#random = random
  }

  next(): Contact {
    const idBytes = this.#take(ID_BYTES)
    idBytes.set(ID_PREFIX)
    for (let i = ID_PREFIX.length; i < ID_BYTES; i++) idBytes[i] = this.#random.uint32() >>> 24
    const key = this.#take(KEY_BYTES)
    key.set(keyFromDigest(sha256(idBytes)))
    return new Contact({ id: textId(this.#made++), idBytes, key, addresses: ADDRESSES })
  }

  #take(length: number): Uint8Array {
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array((ID_BYTES + KEY_BYTES) * PEERS_PER_SLAB)
      this.#used = 0
    }
    this.#used += length
    return this.#slab.subarray(this.#used - length, this.#used)
  }
}

/** `Peer` and the number; base58 has no 0, so A stands for it. */
export function textId(number: number): string {
  return `Peer${String(number).replaceAll('0', 'A')}`
}
