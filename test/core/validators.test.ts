import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hybridTimestamp } from '../../src/core/hybrid-clock.ts'
import { CLOCK_SKEW_MAX_MS } from '../../src/core/limits.ts'
import type { Envelopes, Hash } from '../../src/core/ports.ts'
import { kvKey, mutableKey } from '../../src/core/record-key.ts'
import { defaultValidators, kvValidator, type Verdict } from '../../src/core/validators.ts'
import { sha256Key, signedValue } from '../support/values.ts'

const NOW = Date.UTC(2026, 0, 1)
const hash: Hash = (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest())
/** Signer, NUL, payload. */
const envelopes: Envelopes = {
  open(bytes) {
    const end = bytes.indexOf(0)
    if (end < 1) return undefined
    return { signer: Buffer.from(bytes.subarray(0, end)).toString(), payload: bytes.slice(end + 1) }
  },
}
const validators = defaultValidators({ hash, envelopes })
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a value of /sha256/', () => {
  it('is valid if its digest is that of the key, by nobody and without version', () => {
    for (const value of [bytes('abc'), new Uint8Array(0)]) {
      expect(validators.validate(sha256Key(value), value, NOW)).toEqual({
        valid: true,
        expiresAt: undefined,
        version: 0,
        writer: undefined,
        deleted: false,
      })
    }
    expect(validators.for(sha256Key(bytes('abc')))?.immutable).toBe(true)
  })

  it('is refused if one bit differs, or the key has another spelling', () => {
    expect(reason(validators.validate(sha256Key(bytes('abc')), bytes('abd'), NOW))).toMatch(
      /digest/,
    )
    const upper = bytes(
      Buffer.from(sha256Key(bytes('abc')))
        .toString()
        .toUpperCase()
        .replace('SHA', 'sha'),
    )
    expect(reason(validators.validate(upper, bytes('abc'), NOW))).toMatch(/lower-case/)
  })
})

describe('a value of /mutable/', () => {
  const key = mutableKey('Bob', 'n')

  it('is valid if the owner has signed it for this key', () => {
    const value = signedValue(key, 'Bob', { value: 'v', version: 7, expiresAt: NOW + 1 })
    expect(validators.validate(key, value, NOW)).toEqual({
      valid: true,
      expiresAt: NOW + 1,
      version: 7,
      writer: 'Bob',
      deleted: false,
    })
  })

  it.each([
    [
      'signed by another',
      signedValue(key, 'Eve', { value: 'v', version: 1 }),
      /signed by Eve, but only Bob/,
    ],
    [
      'signed for another key of the owner',
      signedValue(mutableKey('Bob', 'm'), 'Bob', { value: 'v', version: 1 }),
      /another key/,
    ],
    ['no envelope', Uint8Array.of(0, 1, 2), /no signed envelope/],
    ['a malformed payload', bytes('Bob\0garbage'), /malformed payload/],
  ])('is refused when it is %s', (_name, value, why) => {
    expect(reason(validators.validate(key, value, NOW))).toMatch(why)
  })

  it('is expired from the very moment its owner named', () => {
    const value = signedValue(key, 'Bob', { value: 'v', version: 1, expiresAt: NOW })
    expect(validators.validate(key, value, NOW)).toMatchObject({ valid: false, code: 'expired' })
    expect(validators.validate(key, value, NOW - 1).valid).toBe(true)
  })

  it('loses against a higher sequence, a tombstone too', () => {
    const old = signedValue(key, 'Bob', { value: 'zzz', version: 9 })
    const tombstone = signedValue(key, 'Bob', { value: '', version: 10, deleted: true })
    const rewritten = signedValue(key, 'Bob', { value: 'a', version: 11 })
    expect(validators.select(key, tombstone, old)).toBeGreaterThan(0)
    expect(validators.select(key, tombstone, rewritten)).toBeLessThan(0)
    expect(validators.validate(key, tombstone, NOW)).toMatchObject({ valid: true, deleted: true })
  })
})

describe('a value of /kv/', () => {
  const key = kvKey('n')

  it('is valid whoever has signed it, and says who', () => {
    const value = signedValue(key, 'Eve', { value: 'v', version: hybridTimestamp(NOW) })
    expect(validators.validate(key, value, NOW)).toMatchObject({ valid: true, writer: 'Eve' })
  })

  it('is refused when its timestamp lies too far ahead', () => {
    const at = (ms: number): Uint8Array =>
      signedValue(key, 'Bob', { value: 'v', version: hybridTimestamp(NOW + ms) })
    expect(validators.validate(key, at(CLOCK_SKEW_MAX_MS), NOW).valid).toBe(true)
    expect(reason(validators.validate(key, at(CLOCK_SKEW_MAX_MS + 1), NOW))).toMatch(
      /300001 ms ahead of this peer's clock, 300000 ms are allowed/,
    )
  })

  it('wins a tie of timestamps by the greater writer, whatever the value', () => {
    // The first byte says nothing, but makes Bob's envelope the greater one.
    const validator = kvValidator({ open: (bytes) => envelopes.open(bytes.subarray(1)) })
    const version = hybridTimestamp(NOW)
    const bob = Uint8Array.of(9, ...signedValue(key, 'Bob', { value: 'zzz', version }))
    const eve = Uint8Array.of(1, ...signedValue(key, 'Eve', { value: 'a', version }))
    const eveAgain = Uint8Array.of(2, ...eve.subarray(1))
    expect(validator.select(key, eve, bob)).toBeGreaterThan(0)
    expect(validator.select(key, eve, eveAgain)).toBeLessThan(0)
  })
})

describe('the winner', () => {
  const values = fc.record({
    signer: fc.constantFrom('Ann', 'Bob', 'Eve'),
    value: fc.constantFrom('', 'a', 'ab', 'b'),
    version: fc.integer({ min: 1, max: 4 }),
  })

  it.each([
    ['/kv/', kvKey('n')],
    ['/mutable/', mutableKey('Bob', 'n')],
    ['/sha256/', sha256Key(bytes('x'))],
  ])('of %s values is decided by a total order', (_name, key) => {
    const candidate = values.map(({ signer, ...signed }) => signedValue(key, signer, signed))
    fc.assert(
      fc.property(candidate, candidate, candidate, (a, b, c) => {
        const order = (x: Uint8Array, y: Uint8Array): number =>
          Math.sign(validators.select(key, x, y))
        expect(order(a, b) + order(b, a)).toBe(0)
        expect(order(a, b) === 0).toBe(Buffer.compare(a, b) === 0)
        const [least = a, middle = a, greatest = a] = [a, b, c].sort(order)
        expect(order(least, middle)).toBeLessThanOrEqual(0)
        expect(order(middle, greatest)).toBeLessThanOrEqual(0)
        expect(order(least, greatest)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a key that no validator knows', () => {
  it.each(['/other/x', 'kv/x', ''])('has no valid values: %j', (text) => {
    expect(validators.for(bytes(text))).toBeUndefined()
    expect(validators.validate(bytes(text), bytes('v'), NOW).valid).toBe(false)
  })
})

describe('validators of strangers’ bytes', () => {
  it('never throw', () => {
    const keys = fc.constantFrom('/sha256/', '/mutable/', '/mutable/Bob/', '/kv/', '/', '')
    fc.assert(
      fc.property(keys, fc.uint8Array(), fc.uint8Array(), (prefix, rest, value) => {
        const key = Uint8Array.of(...bytes(prefix), ...rest)
        expect(typeof validators.validate(key, value, NOW).valid).toBe('boolean')
      }),
    )
  })
})

function reason(verdict: Verdict): string {
  return verdict.valid ? 'valid' : verdict.reason
}
