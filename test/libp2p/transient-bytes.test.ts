import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { transientBytes } from '../../src/libp2p/transient-bytes.ts'

describe('room for messages on their way', () => {
  it('is of the length that was asked for, and nobody else has it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40_000 }), { maxLength: 40 }), (lengths) => {
        const all = lengths.map((length) => transientBytes(length))
        all.forEach((bytes, i) => {
          bytes.fill(i + 1)
        })
        all.forEach((bytes, i) => {
          expect(bytes.length).toBe(lengths[i])
          expect(bytes.every((byte) => byte === i + 1)).toBe(true)
        })
      }),
    )
  })

  it("takes nothing of Node's pool, where libp2p keeps what it knows of a connection", () => {
    const pool = Buffer.allocUnsafe(8).buffer
    for (let i = 0; i < 100; i++) expect(transientBytes(1_000).buffer).not.toBe(pool)
    expect(Buffer.allocUnsafe(8).buffer).toBe(pool)
  })
})
