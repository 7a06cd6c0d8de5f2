import { Contact } from '../../src/core/contact.ts'
import type { Random } from '../../src/core/ports.ts'

/**
 * Contacts and randomness for tests. A tiny keyspace has one-byte keys, so that every distance can be checked by eye.
 */

/** The addresses of a made-up contact where a test does not care: one in a private range, exempt from IP diversity. */
export const SOME_ADDRESSES: readonly Uint8Array[] = [ip4Address(10, 0, 0, 1)]

/** What a test may choose about a made-up contact. */
export interface ContactOverrides {
  readonly id?: string
  readonly addresses?: readonly Uint8Array[]
}

/** A contact in the 8-bit keyspace, standing at `keyByte` (0 to 255). Its id is the key in binary, as in `peer-01011010`. */
export function tinyContact(keyByte: number, overrides: ContactOverrides = {}): Contact {
  return new Contact({
    id: overrides.id ?? `peer-${keyByte.toString(2).padStart(8, '0')}`,
    idBytes: Uint8Array.of(keyByte),
    key: Uint8Array.of(keyByte),
    addresses: overrides.addresses ?? SOME_ADDRESSES,
  })
}

/** A contact at a random point; 160 bits unless told otherwise. A number is taken as a seed. */
export function randomContact(
  seedOrRandom: number | Random,
  overrides: ContactOverrides & { readonly keyBytes?: number } = {},
): Contact {
  const random = typeof seedOrRandom === 'number' ? seededRandom(seedOrRandom) : seedOrRandom
  return contactAt(random.bytes(overrides.keyBytes ?? 20), overrides)
}

/** A contact at the given point of the keyspace. */
export function contactAt(key: Uint8Array, overrides: ContactOverrides = {}): Contact {
  return new Contact({
    id: overrides.id ?? `peer-${Buffer.from(key).toString('hex')}`,
    idBytes: key,
    key,
    addresses: overrides.addresses ?? SOME_ADDRESSES,
  })
}

/** A random key that shares exactly `prefixLength` bits with `key`. */
export function keyWithPrefix(key: Uint8Array, prefixLength: number, random: Random): Uint8Array {
  const made = random.bytes(key.length)
  for (let bit = 0; bit <= prefixLength; bit++) {
    const mask = 0x80 >> (bit & 7)
    const own = (key[bit >> 3] ?? 0) & mask
    const wanted = bit === prefixLength ? own ^ mask : own
    made[bit >> 3] = ((made[bit >> 3] ?? 0) & ~mask) | wanted
  }
  return made
}

/** The binary multiaddr `/ip4/a.b.c.d/tcp/4001`. */
export function ip4Address(a: number, b: number, c: number, d: number): Uint8Array {
  return Uint8Array.of(4, a, b, c, d, 6, 4001 >> 8, 4001 & 0xff)
}

/** The binary multiaddr `/ip6/…/tcp/4001` of eight 16-bit groups. */
export function ip6Address(...groups: readonly number[]): Uint8Array {
  const bytes = Array.from({ length: 8 }, (_, i) => groups[i] ?? 0)
  return Uint8Array.from([
    41,
    ...bytes.flatMap((g) => [g >> 8, g & 0xff]),
    6,
    4001 >> 8,
    4001 & 0xff,
  ])
}

/**
 * A seeded generator behind the Random port: the same seed gives the same numbers everywhere.
 * The generator is sfc32 (Doty-Humphrey, PractRand), 128 bits of state.
 */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9 | 0
  let b = seed | 0
  let c = Math.floor(seed / 2 ** 32) | 0
  let counter = 1
  function next(): number {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i++) next()
  return {
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
    fraction: () => next() / 2 ** 32,
    bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24),
  }
}
