import { describe, expect, it } from 'vitest'
import { type HeldRecord, HeldRecords, placeOf } from '../../src/core/held-records.ts'

const held = (n: number, writer: string | undefined): HeldRecord => ({
  record: { key: Uint8Array.of(n), value: new Uint8Array(n) },
  origin: 'replica',
  receivedAt: 0,
  expiresAt: n,
  target: Uint8Array.of(n),
  ...placeOf(Uint8Array.of(n), Uint8Array.of(0)),
  version: 1,
  writer,
  deleted: false,
})

describe('held records', () => {
  it('forget a writer with his last record: writers are as many as strangers like', () => {
    const records = new HeldRecords(Uint8Array.of(0))
    const [a, b, unsigned] = [held(1, 'Eve'), held(2, 'Eve'), held(3, undefined)]
    for (const one of [a, b, unsigned]) records.add(one)
    records.remove(a)
    expect(records.writers).toBe(1)
    expect(records.usage('Eve').records).toBe(1)
    records.remove(b)
    expect(records.writers).toBe(0)
  })

  it('refuse to hold a key twice, or to remove what they do not hold', () => {
    const records = new HeldRecords(Uint8Array.of(0))
    records.add(held(1, 'Eve'))
    expect(() => records.add(held(1, 'Bob'))).toThrow(/held already/)
    expect(() => records.remove(held(2, 'Eve'))).toThrow(/broken invariant/)
  })
})
