import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KadmiumError } from '../../src/core/errors.ts'
import { RECORD_KEY_BYTES_MAX } from '../../src/core/limits.ts'
import {
  kvKey,
  mutableKey,
  parseMutablePath,
  parseRecordKey,
  recordKeyFromText,
  recordKeyToText,
  sha256Key,
} from '../../src/core/record-key.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const DIGEST = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

describe('a record key', () => {
  it('has a namespace and a path', () => {
    const parsed = parseRecordKey(bytes('/kv/a/b'))
    expect(parsed?.namespace).toBe('kv')
    expect(parsed?.path).toEqual(bytes('a/b'))
  })

  it.each([
    '',
    '/',
    '//',
    'kv/a',
    '/kv',
    '/kv/',
    '//a',
    '/k v/a',
    '/k\u00e4/a',
    `/${'n'.repeat(65)}/a`,
  ])('is refused as %j', (text) => {
    expect(parseRecordKey(bytes(text))).toBeUndefined()
    expect(() => recordKeyFromText(text)).toThrow(KadmiumError)
  })

  it('has at most as many bytes as the limit says', () => {
    const longest = `/kv/${'x'.repeat(RECORD_KEY_BYTES_MAX - 4)}`
    expect(recordKeyFromText(longest)).toHaveLength(RECORD_KEY_BYTES_MAX)
    expect(parseRecordKey(bytes(`${longest}x`))).toBeUndefined()
    expect(() => recordKeyFromText(`${longest}x`)).toThrow(/at most 1024 bytes, this one has 1025/)
  })

  it('of a digest is what sha256sum prints, and has no other spelling', () => {
    expect(sha256Key(Uint8Array.from(Buffer.from(DIGEST, 'hex')))).toEqual(
      bytes(`/sha256/${DIGEST}`),
    )
    for (const wrong of [
      DIGEST.toUpperCase(),
      DIGEST.slice(1),
      `${DIGEST}0`,
      `${DIGEST.slice(1)}g`,
    ]) {
      expect(() => recordKeyFromText(`/sha256/${wrong}`)).toThrow(/64 lower-case hexadecimal/)
    }
    expect(() => sha256Key(new Uint8Array(20))).toThrow(RangeError)
  })

  it('of a mutable value names owner and name; the name may contain slashes', () => {
    const parsed = parseRecordKey(mutableKey('12D3KooW', 'a/b'))
    expect(parsed).toBeDefined()
    expect(parseMutablePath(parsed?.path ?? bytes(''))).toEqual({ owner: '12D3KooW', name: 'a/b' })
    for (const wrong of ['/mutable/12D3', '/mutable/12D3/', '/mutable//x', '/mutable/0OIl/x']) {
      expect(() => recordKeyFromText(wrong)).toThrow(/peer id in base58/)
    }
  })

  it('of a name is text that may go to a terminal', () => {
    expect(kvKey('grüße 👋')).toEqual(bytes('/kv/grüße 👋'))
    expect(() => kvKey('a\u001b[31m')).toThrow(KadmiumError)
    expect(() => kvKey('')).toThrow(KadmiumError)
  })

  it('is shown as its text, and with escapes where it does not print', () => {
    expect(recordKeyToText(kvKey('grüße'))).toBe('/kv/grüße')
    expect(recordKeyToText(Uint8Array.of(...bytes('/pk/'), 0, 0xff, 0x41))).toBe('/pk/%00%ffA')
  })

  it('never makes the parser fail on a stranger’s bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (random) => {
        const key = Uint8Array.of(0x2f, ...random)
        const parsed = parseRecordKey(key)
        if (parsed === undefined) return
        expect(bytes(`/${parsed.namespace}/`).length + parsed.path.length).toBe(key.length)
        expect(parsed.path.length).toBeGreaterThan(0)
      }),
    )
  })
})
