import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bitAt,
  bytesEqual,
  commonPrefixLength,
  compareDistance,
  compareKeys,
  distanceFraction,
  isHexOf,
  KEY_BITS,
  KEY_BYTES,
  type Key,
  keyFromDigest,
  toHex,
} from '../../src/core/key.ts'

/** Keys that share prefixes far more often than uniform ones do. */
const key = fc.oneof(
  fc.uint8Array({ minLength: KEY_BYTES, maxLength: KEY_BYTES }),
  fc
    .tuple(fc.nat(KEY_BYTES), fc.uint8Array({ minLength: KEY_BYTES, maxLength: KEY_BYTES }))
    .map(([zeros, bytes]) => bytes.fill(0, 0, zeros)),
)

describe('the keyspace', () => {
  it.each([
    [
      '0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d',
      'e43d28f0996557c0d5571d75c62a57a59d7ac1d3',
    ],
    [
      '1220e536c7f88d731f374dccb568aff6f56e838a19382e488039b1ca8ad2599e82fe',
      'd623250f3f660ab4c3a53d3c97b3f6a0194c5480',
    ],
  ])('puts the multihash %s at the point that the IPFS specification names', (preimage, point) => {
    expect(toHex(keyFromDigest(sha256(Buffer.from(preimage, 'hex'))))).toBe(point)
  })

  it('has 160 bits', () => {
    expect(KEY_BITS).toBe(160)
    expect(keyFromDigest(sha256(Uint8Array.of()))).toHaveLength(20)
  })

  it('refuses a digest that is too short for a key', () => {
    expect(() => keyFromDigest(new Uint8Array(19))).toThrow(/at least 20 bytes.*got 19/)
  })

  it('does not change when the digest it was cut from does', () => {
    const digest = sha256(Uint8Array.of(1))
    const cut = keyFromDigest(digest)
    const before = toHex(cut)
    digest.fill(0)
    expect(toHex(cut)).toBe(before)
  })

  it('orders by 160 bits as it would by all 256', () => {
    const peers = Array.from({ length: 1000 }, (_, i) => {
      const digest = sha256(Buffer.from(`peer ${i}`))
      return { i, digest, point: keyFromDigest(digest) }
    })
    for (let i = 0; i < 20; i++) {
      const target = sha256(Buffer.from(`target ${i}`))
      const point = keyFromDigest(target)
      const byAll = peers.toSorted((a, b) => compareDistance(target, a.digest, b.digest))
      const byPoint = peers.toSorted((a, b) => compareDistance(point, a.point, b.point))
      expect(byPoint.map((peer) => peer.i)).toEqual(byAll.map((peer) => peer.i))
    }
  })
})

describe('the XOR metric (Kademlia, section 2.1)', () => {
  it('is what compareDistance orders by', () => {
    fc.assert(
      fc.property(key, key, key, (target, a, b) => {
        const [x, y] = [distance(target, a), distance(target, b)]
        expect(Math.sign(compareDistance(target, a, b))).toBe(x < y ? -1 : x > y ? 1 : 0)
      }),
    )
  })

  it('has distance zero between a point and itself, and only there (identity)', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(compareDistance(a, a, b) <= 0).toBe(true)
        expect(compareDistance(a, a, b) === 0).toBe(bytesEqual(a, b))
        expect(distance(a, b) === 0n).toBe(bytesEqual(a, b))
      }),
    )
  })

  it('is symmetric', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(distance(a, b)).toBe(distance(b, a))
        expect(commonPrefixLength(a, b)).toBe(commonPrefixLength(b, a))
        expect(distanceFraction(a, b)).toBe(distanceFraction(b, a))
      }),
    )
  })

  it('satisfies the triangle inequality', () => {
    fc.assert(
      fc.property(key, key, key, (a, b, c) => {
        expect(distance(a, c) <= distance(a, b) + distance(b, c)).toBe(true)
      }),
    )
  })

  it('is unidirectional: two points equally far from a third are one point', () => {
    fc.assert(
      fc.property(key, key, key, (target, a, b) => {
        expect(compareDistance(target, a, b) === 0).toBe(bytesEqual(a, b))
      }),
    )
  })

  it('orders transitively, so that sorting by it is well defined', () => {
    fc.assert(
      fc.property(key, fc.array(key, { minLength: 3, maxLength: 12 }), (target, keys) => {
        const sorted = keys.toSorted((a, b) => compareDistance(target, a, b))
        const distances = sorted.map((k) => distance(target, k))
        expect(distances).toEqual(distances.toSorted((x, y) => (x < y ? -1 : x > y ? 1 : 0)))
      }),
    )
  })

  it('can be checked by eye in an 8-bit keyspace', () => {
    const target = Uint8Array.of(0b1010_0000)
    const [near, far] = [Uint8Array.of(0b1010_1111), Uint8Array.of(0b1011_0000)]
    expect(compareDistance(target, near, far)).toBeLessThan(0) // 0000_1111 against 0001_0000
    expect(compareDistance(target, far, near)).toBeGreaterThan(0)
  })
})

describe('commonPrefixLength', () => {
  it('counts bits, not bytes', () => {
    expect(commonPrefixLength(Uint8Array.of(0b0000_0000), Uint8Array.of(0b0000_0001))).toBe(7)
    expect(commonPrefixLength(Uint8Array.of(0b0000_0000), Uint8Array.of(0b0001_0000))).toBe(3)
    expect(commonPrefixLength(Uint8Array.of(7, 0b0000_0000), Uint8Array.of(7, 0b0100_0000))).toBe(9)
  })

  it('is the length of the key for equal keys', () => {
    fc.assert(
      fc.property(key, (a) => {
        expect(commonPrefixLength(a, a.slice())).toBe(160)
      }),
    )
  })

  it('is where the first set bit of the distance stands', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const bits = distance(a, b) === 0n ? 0 : distance(a, b).toString(2).length
        expect(commonPrefixLength(a, b)).toBe(KEY_BITS - bits)
      }),
    )
  })

  it('says nearer for whoever shares more bits with the target', () => {
    fc.assert(
      fc.property(key, key, key, (target, a, b) => {
        const [shares, other] = [commonPrefixLength(target, a), commonPrefixLength(target, b)]
        fc.pre(shares !== other)
        expect(compareDistance(target, a, b) < 0).toBe(shares > other)
      }),
    )
  })
})

describe('helpers on keys', () => {
  it('compareKeys orders keys as big-endian numbers, a prefix before what it begins', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [x, y] = [number(a), number(b)]
        expect(Math.sign(compareKeys(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0)
      }),
    )
    expect(compareKeys(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0)
  })

  it('bytesEqual tells lengths apart', () => {
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
    expect(bytesEqual(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0))).toBe(false)
    expect(bytesEqual(Uint8Array.of(), Uint8Array.of())).toBe(true)
  })

  it('bitAt reads from the most significant bit', () => {
    const bits = Array.from({ length: 16 }, (_, i) => bitAt(Uint8Array.of(0b1000_0001, 0x0f), i))
    expect(bits.join('')).toBe('1000000100001111')
  })

  it('isHexOf knows that text, and no other', () => {
    const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), (bytes, at) => {
        const text = bytesOf(Buffer.from(bytes).toString('hex'))
        expect(isHexOf(text, bytes)).toBe(true)
        expect(isHexOf(Uint8Array.of(...text, 0x30), bytes)).toBe(false)
        const index = at % Math.max(1, text.length)
        const changed = text.map((byte, i) => (i === index ? byte ^ 1 : byte))
        expect(isHexOf(changed, bytes)).toBe(text.length === 0)
      }),
    )
    expect(isHexOf(bytesOf('AB'), Uint8Array.of(0xab))).toBe(false)
  })

  it('toHex writes two digits for each byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'))
      }),
    )
  })

  it('distanceFraction lies in 0…1 and agrees with the distance to 48 bits', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const fraction = distanceFraction(a, b)
        expect(fraction).toBeLessThan(1)
        expect(fraction * 2 ** 48).toBe(Number(distance(a, b) >> 112n))
      }),
    )
    expect(distanceFraction(Uint8Array.of(0), Uint8Array.of(0x80))).toBe(0.5)
  })
})

function sha256(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(bytes).digest())
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** The distance as a whole number: the definition, by another road. */
function distance(a: Key, b: Key): bigint {
  return number(a) ^ number(b)
}
