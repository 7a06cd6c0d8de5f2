import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainAddress } from '../../src/wire/multiaddr.ts'

/** Codes and sizes of values as the table of protocols has them; -1: the length stands before the value. */
const PROTOCOLS: readonly (readonly [code: number, size: number])[] = Object.entries({
  0: [275, 276, 280, 281, 290, 301, 302, 443, 448, 454, 460, 461, 465, 477, 478, 480],
  1: [43],
  2: [6, 33, 132, 273],
  4: [4],
  12: [444],
  16: [41],
  37: [445],
  '-1': [42, 53, 54, 55, 56, 400, 421, 446, 447, 449, 466, 481, 777, 65_535],
}).flatMap(([size, codes]) => codes.map((code) => [code, Number(size)] as const))

const component = fc
  .tuple(fc.constantFrom(...PROTOCOLS), fc.uint8Array({ minLength: 40, maxLength: 40 }), fc.nat(40))
  .map(([[code, size], bytes, length]) => {
    const value = bytes.subarray(0, size < 0 ? length : size)
    return [...varint(code), ...(size < 0 ? varint(length) : []), ...value]
  })

const address = fc
  .tuple(
    fc.array(component, { minLength: 1, maxLength: 4 }),
    fc.option(fc.tuple(fc.nat(), fc.nat(255)), { nil: undefined }),
  )
  .map(([components, damage]) => {
    const bytes = Uint8Array.from(components.flat())
    if (damage !== undefined && bytes.length > 0) bytes[damage[0] % bytes.length] = damage[1]
    return bytes
  })

describe('the addresses that are kept and told', () => {
  // One that it cannot read makes js-libp2p throw away the whole answer, with all the good ones in it.
  it('are all such that js-libp2p reads and writes them', () => {
    let kept = 0
    fc.assert(
      fc.property(address, (bytes) => {
        const plain = plainAddress(bytes, Uint8Array.of(0x12, 0x20, ...new Uint8Array(32)))
        if (plain === undefined) return
        kept += 1
        const read = multiaddr(plain)
        expect(read.toString().length).toBeGreaterThan(0)
        expect(Buffer.compare(read.bytes, plain)).toBe(0)
      }),
      { numRuns: 2_000 },
    )
    expect(kept).toBeGreaterThan(500)
  })

  it.each([
    ['an empty name', [4, 127, 0, 0, 1, 6, 0, 80, 54, 0]],
    [
      'an http-path that cuts a character in two',
      [4, 127, 0, 0, 1, ...varint(481), 4, 240, 159, 152, 128],
    ],
  ])('have not %s', (_name, bytes) => {
    expect(plainAddress(Uint8Array.from(bytes), new Uint8Array(0))).toBeUndefined()
  })
})

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)]
}
