import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoredRecord } from '../../src/core/record.ts'
import { decodeStoredRecord, encodeStoredRecord } from '../../src/core/stored-record-codec.ts'

describe('the disk form of a record', () => {
  it('is what it was: what older versions wrote is read', () => {
    const { key, value } = encodeStoredRecord({
      record: { key: Uint8Array.of(0x2f, 0x61), value: Uint8Array.of(1, 2, 3) },
      origin: 'replica',
      receivedAt: 1_795_000_000_000.7,
      expiresAt: 1_795_172_800_001,
    })
    expect(Buffer.from(key).toString('hex')).toBe('722f2f61')
    expect(Buffer.from(value ?? []).toString('hex')).toBe(
      '01' + '01' + '000001a1ee565e00' + '000001a1f8a31601' + '010203',
    )
  })

  it('gives back what was written, times in whole milliseconds', () => {
    const stored: fc.Arbitrary<StoredRecord> = fc.record({
      record: fc.record({
        key: fc.uint8Array({ minLength: 1, maxLength: 60 }),
        value: fc.uint8Array({ maxLength: 60 }),
      }),
      origin: fc.constantFrom('cached', 'replica', 'owner'),
      receivedAt: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      expiresAt: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    })
    fc.assert(
      fc.property(stored, (written) => {
        const { key, value } = encodeStoredRecord(written)
        expect(decodeStoredRecord(key, value ?? new Uint8Array(0))).toEqual(written)
      }),
    )
  })
})
