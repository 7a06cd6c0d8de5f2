import { describe, expect, it } from 'vitest'
import { HELD_RECORD_OVERHEAD_BYTES } from '../../src/core/held-records.ts'
import { kvKey, mutableKey } from '../../src/core/record-key.ts'
import type { RecordStore } from '../../src/core/record-store.ts'
import { NOW, newStore, put } from '../support/record-stores.ts'
import { sha256Key, signedValue } from '../support/values.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Puts a value at a point of the keyspace; the store's own peer stands at 0, so that the number is the distance. */
function putAt(
  store: RecordStore,
  point: number,
  origin: 'cached' | 'replica' | 'owner',
  size = 1,
) {
  const value = new Uint8Array(size).fill(point)
  const target = Uint8Array.of(point, ...new Uint8Array(19))
  return put(store, sha256Key(value), value, { target, origin })
}

function points(store: RecordStore): string[] {
  return [...store.range()].map(({ target, origin }) => `${target[0]} ${origin}`)
}

describe('a store without room', () => {
  it('evicts cached copies first, then replicas, the farthest first', () => {
    const store = newStore({ storeRecordsMax: 4 })
    putAt(store, 10, 'cached')
    putAt(store, 20, 'cached')
    putAt(store, 90, 'replica')
    putAt(store, 80, 'replica')
    const evictedBy = [5, 6, 7, 8].map((point) => {
      const result = putAt(store, point, 'replica')
      return result.type === 'stored' ? result.evicted.map(({ record }) => record.value[0]) : result
    })
    expect(evictedBy).toEqual([[20], [10], [90], [80]])
    expect(points(store)).toEqual(['5 replica', '6 replica', '7 replica', '8 replica'])
  })

  it('refuses what is farther than all it holds of its kind, and says why', () => {
    const store = newStore({ storeRecordsMax: 2 })
    putAt(store, 10, 'replica')
    putAt(store, 20, 'replica')
    for (const refusal of [putAt(store, 30, 'replica'), putAt(store, 5, 'cached')]) {
      expect(refusal).toMatchObject({ type: 'refused', code: 'full' })
      expect(refusal).toHaveProperty(
        'reason',
        `the store is full with nearer records: ${store.bytes} of ${1 << 28} bytes, 2 of 2 records`,
      )
    }
    expect(points(store)).toEqual(['10 replica', '20 replica'])
  })

  it('never evicts the owner’s records, and evicts anything for them', () => {
    const store = newStore({ storeRecordsMax: 2 })
    putAt(store, 200, 'owner')
    putAt(store, 1, 'replica')
    expect(putAt(store, 250, 'owner').type).toBe('stored')
    expect(putAt(store, 1, 'replica')).toMatchObject({ type: 'refused', code: 'full' })
    expect(putAt(store, 2, 'owner')).toMatchObject({ type: 'refused', code: 'full' })
    expect(points(store)).toEqual(['200 owner', '250 owner'])
  })

  it('evicts as many as the bytes ask for, and none if that is not enough', () => {
    const store = newStore({ storeBytesMax: 65_536 })
    putAt(store, 1, 'owner', 40_000)
    putAt(store, 50, 'replica', 8_000)
    putAt(store, 60, 'replica', 8_000)
    expect(putAt(store, 10, 'replica', 30_000)).toMatchObject({ type: 'refused', code: 'full' })
    expect(store.size).toBe(3)
    const result = putAt(store, 10, 'replica', 20_000)
    expect(result).toMatchObject({ type: 'stored' })
    expect(points(store)).toEqual(['1 owner', '10 replica'])
    // The writes forget what was evicted in the batch that makes the new one durable.
    expect(
      result.type === 'stored' && result.write.map(({ value }) => value === undefined),
    ).toEqual([true, true, false])
  })

  it('makes room for a larger value of a key it holds without evicting that very key', () => {
    const store = newStore({ storeBytesMax: 65_536, storeWriterSharePercent: 100 })
    const key = mutableKey('Bob', 'n')
    const far = Uint8Array.of(255, ...new Uint8Array(19))
    const small = signedValue(key, 'Bob', { value: 'a', version: 1 })
    put(store, key, small, { target: far, origin: 'cached' })
    putAt(store, 3, 'cached', 40_000)
    const large = signedValue(key, 'Bob', { value: 'x'.repeat(50_000), version: 2 })
    expect(put(store, key, large, { target: far })).toMatchObject({ type: 'stored' })
    expect(store.size).toBe(1)
    expect(store.bytes).toBe(key.length + large.length + HELD_RECORD_OVERHEAD_BYTES)
  })
})

describe('one writer’s share', () => {
  const write = (store: RecordStore, writer: string, n: number, more = {}): string => {
    const key = kvKey(`${writer}-${n}`)
    const value = signedValue(key, writer, { value: 'v', version: 1 })
    const result = put(store, key, value, more)
    return result.type === 'refused' ? result.reason : result.type
  }

  it('bounds a flood, which is refused with the reason, and leaves the values of others alone', () => {
    const store = newStore({ storeRecordsMax: 40 })
    for (let n = 0; n < 5; n++) write(store, 'Bob', n)
    const results = Array.from({ length: 100 }, (_, n) => write(store, 'Eve', n))
    expect(results.filter((result) => result === 'stored')).toHaveLength(10)
    expect(results.at(-1)).toBe(
      `the writer Eve has used up his share of this store: 25 % of ${1 << 28} bytes and 40 records`,
    )
    expect(store.usage('Bob').records).toBe(5)
    expect(store.usage('Eve').records).toBe(10)
  })

  it('is given back when values end, and does not count on the writer’s own peer', () => {
    const store = newStore({ storeRecordsMax: 4 })
    write(store, 'Eve', 1, { ttlMs: 10 })
    expect(write(store, 'Eve', 2)).toMatch(/share/)
    store.sweep(NOW + 10, 10)
    expect(write(store, 'Eve', 2)).toBe('stored')
    expect(write(store, 'Eve', 3, { origin: 'owner' })).toBe('stored')
  })

  it('never keeps a writer from changing or deleting what is there', () => {
    const store = newStore({ storeBytesMax: 65_536, storeWriterSharePercent: 1 })
    const key = mutableKey('Bob', 'n')
    put(store, key, signedValue(key, 'Bob', { value: 'abc', version: 1 }))
    expect(put(store, key, signedValue(key, 'Bob', { value: 'xyz', version: 2 })).type).toBe(
      'stored',
    )
    expect(
      put(store, key, signedValue(key, 'Bob', { value: 'y'.repeat(999), version: 3 })),
    ).toMatchObject({ code: 'full' })
    const tombstone = signedValue(key, 'Bob', { value: '', version: 3, deleted: true })
    expect(put(store, key, tombstone).type).toBe('stored')
  })

  it('never keeps a writer who is beyond it from writing less', () => {
    const store = newStore({ storeRecordsMax: 4 })
    const key = kvKey('Bob-1')
    for (const n of [1, 2]) write(store, 'Bob', n, { origin: 'owner' })
    const tombstone = signedValue(key, 'Bob', { value: '', version: 2, deleted: true })
    expect(write(store, 'Bob', 3)).toMatch(/share/)
    expect(put(store, key, tombstone).type).toBe('stored')
  })
})

describe('records on the disk beyond the quota', () => {
  it('are dropped at loading, the farthest first', () => {
    const entries = ['a', 'b', 'c', 'd', 'e'].flatMap((text) => {
      const result = put(newStore(), sha256Key(bytes(text)), bytes(text))
      return result.type === 'stored' ? result.write : []
    })
    const all = newStore()
    const small = newStore({ storeRecordsMax: 2 })
    const pairs = entries.map(({ key, value }) => [key, value ?? bytes('')] as const)
    all.load(pairs, NOW)
    const { loaded, dropped } = small.load(pairs, NOW)
    expect(loaded).toBe(2)
    expect(dropped).toHaveLength(3)
    const nearest = [...all.range()].slice(0, 2) // the peer stands at 0
    expect([...small.range()]).toEqual(nearest)
  })
})
