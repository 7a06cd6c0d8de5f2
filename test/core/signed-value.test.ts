import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CanonicalReader,
  encodeFields,
  MalformedFieldsError,
} from '../../src/core/canonical-fields.ts'
import {
  decodeSignedValue,
  encodeSignedValue,
  type SignedValue,
} from '../../src/core/signed-value.ts'

const KEY = new TextEncoder().encode('/kv/a')
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const signedValues: fc.Arbitrary<SignedValue> = fc
  .record({
    key: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    value: fc.uint8Array({ maxLength: 300 }),
    version: positive,
    expiresAt: fc.option(positive, { nil: undefined }),
    deleted: fc.boolean(),
  })
  .map((signed) => (signed.deleted ? { ...signed, value: new Uint8Array(0) } : signed))

describe('a signed value', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(signedValues, (signed) => {
        expect(decodeSignedValue(encodeSignedValue(signed))).toEqual(signed)
      }),
    )
  })

  it('has the protobuf form that its doc comment shows', () => {
    const encoded = encodeSignedValue({
      key: KEY,
      value: Uint8Array.of(7),
      version: 300,
      expiresAt: 5,
      deleted: false,
    })
    expect(Buffer.from(encoded).toString('hex')).toBe(
      '0a052f6b762f61' + '120107' + '18ac02' + '2005',
    )
    const tombstone = { key: KEY, value: new Uint8Array(0), version: 1, deleted: true }
    expect(Buffer.from(encodeSignedValue(tombstone)).toString('hex')).toBe('0a052f6b762f6118012801')
  })

  it('has one form only: whatever decodes is what its contents encode to', () => {
    const mutations = fc.tuple(
      signedValues,
      fc.nat(),
      fc.nat(255),
      fc.constantFrom('set', 'insert', 'cut'),
    )
    fc.assert(
      fc.property(mutations, ([signed, at, byte, how]) => {
        const bytes = [...encodeSignedValue(signed)]
        const index = at % bytes.length
        bytes.splice(index, how === 'insert' ? 0 : 1, ...(how === 'cut' ? [] : [byte]))
        const mutated = Uint8Array.from(bytes)
        expect(reencode(mutated)).toEqual(mutated)
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ['nothing', ''],
    ['no key', '1801'],
    ['no version', '0a0161'],
    ['a version of 0 written out', '0a01611800'],
    ['a version beyond 2^53 - 1', '0a016118ffffffffffffff1f'],
    ['a version in a longer form', '0a0161188100'],
    ['an empty value written out', '0a016112001801'],
    ['`deleted` written as false', '0a016118012800'],
    ['`deleted` written as 2', '0a016118012802'],
    ['a tombstone with a value', '0a016112010118012801'],
    ['a field twice', '0a01611801' + '1802'],
    ['fields out of order', '18010a0161'],
    ['an unknown field', '0a01611801' + '3001'],
    ['trailing bytes', '0a0161180100'],
    ['a length beyond the end', '0a7f61'],
    ['a wrong wire type', '08011801'],
  ])('is refused with %s', (_name, hex) => {
    expect(() => decodeSignedValue(Buffer.from(hex, 'hex'))).toThrow(MalformedFieldsError)
  })

  it.each([
    ['version 0', { version: 0 }],
    ['a version that is no whole number', { version: 1.5 }],
    ['an expiry of 0', { expiresAt: 0 }],
    ['no key', { key: new Uint8Array(0) }],
    ['a key over the limit', { key: new Uint8Array(1025) }],
    ['a tombstone with a value', { deleted: true }],
  ])('is not encoded with %s', (_name, wrong) => {
    const right = { key: KEY, value: Uint8Array.of(1), version: 1, deleted: false }
    expect(() => encodeSignedValue({ ...right, ...wrong })).toThrow(RangeError)
  })
})

describe('canonical fields', () => {
  it('hold every safe integer', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const reader = new CanonicalReader(encodeFields([{ field: 200, value }]))
        expect(reader.take(200, 'varint')).toBe(true)
        expect(reader.varint()).toBe(value)
        reader.end()
      }),
    )
  })
})

/** What the contents encode to; the bytes themselves if they are refused. */
function reencode(bytes: Uint8Array): Uint8Array {
  try {
    return encodeSignedValue(decodeSignedValue(bytes))
  } catch (error) {
    if (error instanceof MalformedFieldsError) return bytes
    throw error
  }
}
