import { describe, expect, it } from 'vitest'
import { hybridTimestamp } from '../../src/core/hybrid-clock.ts'
import { compareKeys } from '../../src/core/key.ts'
import type { StorageWrite } from '../../src/core/ports.ts'
import { kvKey, mutableKey } from '../../src/core/record-key.ts'
import type { RecordStore } from '../../src/core/record-store.ts'
import { NOW, newStore, put } from '../support/record-stores.ts'
import { sha256Key, signedValue } from '../support/values.ts'

const HOUR = 3_600_000
const LIFE = 48 * HOUR
/** As a plain array: a Buffer is never equal to one. */
const sealed = (...args: Parameters<typeof signedValue>): Uint8Array =>
  new Uint8Array(signedValue(...args))
const KEY = mutableKey('Bob', 'n')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const version = (n: number, more: { expiresAt?: number; deleted?: boolean } = {}): Uint8Array =>
  sealed(KEY, 'Bob', { value: more.deleted === true ? '' : `v${n}`, version: n, ...more })
const plain = bytes('plain')

describe('what a store takes in', () => {
  it('is a valid value, which is then found under its key', () => {
    const store = newStore()
    const result = put(store, KEY, version(1))
    expect(result).toMatchObject({ type: 'stored', evicted: [] })
    expect(store.get(KEY, NOW)).toMatchObject({ origin: 'replica', version: 1, writer: 'Bob' })
    expect(store.get(KEY, NOW)?.record).toEqual({ key: KEY, value: version(1) })
    expect(store.get(kvKey('n'), NOW)).toBeUndefined()
  })

  it.each([
    ['invalid', KEY, sealed(KEY, 'Eve', { value: 'v', version: 1 }), {}],
    ['invalid', bytes('/other/x'), plain, {}],
    ['invalid', bytes(`/kv/${'x'.repeat(1_100)}`), plain, {}],
    ['expired', KEY, version(1, { expiresAt: NOW }), {}],
    ['expired', KEY, version(1), { ttlMs: 0 }],
    ['expired', KEY, version(1), { ttlMs: Number.NaN }],
    ['too-large', sha256Key(new Uint8Array(65_537)), new Uint8Array(65_537), {}],
    ['too-large', KEY, new Uint8Array(65_536 + 2_049), {}],
  ])('is not a value that is %s', (code, key, value, given) => {
    const store = newStore()
    expect(put(store, key, value, given)).toMatchObject({ type: 'refused', code })
    expect(store.size).toBe(0)
  })

  it('is a value of exactly the largest size', () => {
    const value = new Uint8Array(65_536)
    expect(put(newStore(), sha256Key(value), value).type).toBe('stored')
  })

  it('does not keep the message alive in which it arrived', () => {
    const store = newStore()
    const message = new Uint8Array(100_000)
    message.set(plain, 50)
    put(store, sha256Key(plain), message.subarray(50, 50 + plain.length))
    expect(store.get(sha256Key(plain), NOW)?.record.value.buffer.byteLength).toBe(plain.length)
  })
})

describe('which value stands', () => {
  it('is the newer one: an older one is refused as stale', () => {
    const store = newStore()
    put(store, KEY, version(2))
    expect(put(store, KEY, version(1))).toMatchObject({ type: 'refused', code: 'stale' })
    expect(put(store, KEY, version(3)).type).toBe('stored')
    expect(store.get(KEY, NOW)?.version).toBe(3)
    expect(store.size).toBe(1)
  })

  it('is the same for two writers of one version, whoever comes first', () => {
    const key = kvKey('n')
    const at = hybridTimestamp(NOW)
    const bob = sealed(key, 'Bob', { value: 'b', version: at })
    const eve = sealed(key, 'Eve', { value: 'e', version: at })
    for (const order of [
      [bob, eve],
      [eve, bob],
    ]) {
      const store = newStore()
      for (const value of order) put(store, key, value)
      expect(store.get(key, NOW)?.writer).toBe('Eve')
    }
  })

  it('is the tombstone when the old value comes back from a peer that slept', () => {
    const store = newStore()
    put(store, KEY, version(1))
    expect(put(store, KEY, version(2, { deleted: true })).type).toBe('stored')
    expect(put(store, KEY, version(1))).toMatchObject({ type: 'refused', code: 'stale' })
    expect(store.get(KEY, NOW)).toMatchObject({ deleted: true, version: 2 })
  })

  it('may be any valid one after the old one has expired', () => {
    const store = newStore()
    put(store, KEY, version(5), { ttlMs: 1_000 })
    expect(put(store, KEY, version(4), { now: NOW + 1_000 }).type).toBe('stored')
  })
})

describe('compare-and-set', () => {
  it('refuses as stale when another version is held than was expected', () => {
    const store = newStore()
    put(store, KEY, version(5))
    for (const ifVersion of [0, 4, 6]) {
      expect(put(store, KEY, version(7), { ifVersion })).toEqual({
        type: 'refused',
        code: 'stale',
        reason: `version ${ifVersion} was expected, version 5 is held`,
        heldVersion: 5,
      })
    }
    expect(put(store, KEY, version(7), { ifVersion: 5 }).type).toBe('stored')
  })

  it('takes a retry of the same write for no conflict', () => {
    const store = newStore()
    put(store, KEY, version(2))
    expect(put(store, KEY, version(2), { ifVersion: 1 }).type).toBe('unchanged')
  })

  it('accepts where nothing is held', () => {
    expect(put(newStore(), KEY, version(2), { ifVersion: 1 }).type).toBe('stored')
    expect(put(newStore(), KEY, version(1), { ifVersion: 0 }).type).toBe('stored')
  })
})

describe('how long a value lives', () => {
  const endsAt = (store: RecordStore, key = KEY): number | undefined =>
    store.get(key, NOW)?.expiresAt

  it.each([
    ['the lifetime', {}, {}, LIFE],
    ['the ttl it came with, if shorter', {}, { ttlMs: HOUR }, HOUR],
    ['the lifetime, if the ttl is longer', {}, { ttlMs: 9 * LIFE }, LIFE],
    ['its owner’s word, if earlier', { expiresAt: NOW + 5 }, { ttlMs: HOUR }, 5],
    ['the lifetime, if its owner’s word is later', { expiresAt: NOW + 9 * LIFE }, {}, LIFE],
  ])('is %s', (_name, signed, given, life) => {
    const store = newStore()
    put(store, KEY, version(1, signed), given)
    expect(endsAt(store)).toBe(NOW + life)
  })

  it('is not prolonged by a replica that tells the life that is left', () => {
    const store = newStore()
    put(store, KEY, version(1), { ttlMs: 10 * HOUR })
    expect(put(store, KEY, version(1), { now: NOW + HOUR, ttlMs: 9 * HOUR }).type).toBe('unchanged')
    // On its way for 4 s: each hop would add that much.
    expect(put(store, KEY, version(1), { now: NOW + HOUR, ttlMs: 9 * HOUR + 4_000 }).type).toBe(
      'unchanged',
    )
    expect(endsAt(store)).toBe(NOW + 10 * HOUR)
    expect(store.get(KEY, NOW)?.receivedAt).toBe(NOW + HOUR)
  })

  it('is not shortened by a copy whose life is shorter', () => {
    const store = newStore()
    put(store, KEY, version(1))
    expect(put(store, KEY, version(1), { ttlMs: HOUR }).type).toBe('unchanged')
    expect(endsAt(store)).toBe(NOW + LIFE)
  })

  it('is prolonged when the owner publishes again, but never beyond the end it signed', () => {
    const store = newStore()
    put(store, sha256Key(plain), plain)
    const later = NOW + 22 * HOUR
    const result = put(store, sha256Key(plain), plain, { now: later, ttlMs: LIFE })
    expect(result.type).toBe('stored')
    expect(endsAt(store, sha256Key(plain))).toBe(later + LIFE)

    put(store, KEY, version(1, { expiresAt: NOW + LIFE + HOUR }))
    put(store, KEY, version(1, { expiresAt: NOW + LIFE + HOUR }), { now: later })
    expect(endsAt(store)).toBe(NOW + LIFE + HOUR)
  })

  it('of a tombstone is at least that of the copy it took the place of', () => {
    const store = newStore()
    put(store, KEY, version(1))
    put(store, KEY, version(2, { deleted: true }), { now: NOW + HOUR, ttlMs: 1_000 })
    expect(endsAt(store)).toBe(NOW + LIFE)
  })

  it('ends at its end: then it is not given out, and the sweep removes it', () => {
    const store = newStore()
    put(store, KEY, version(1), { ttlMs: 2_000 })
    put(store, sha256Key(plain), plain, { ttlMs: 1_000 })
    expect(store.nextExpiryAt()).toBe(NOW + 1_000)
    expect(store.get(KEY, NOW + 1_999)).toBeDefined()
    expect(store.get(KEY, NOW + 2_000)).toBeUndefined()
    expect(store.sweep(NOW + 999, 10).removed).toEqual([])
    const first = store.sweep(NOW + 5_000, 1)
    expect(first.removed.map(({ record }) => record.value)).toEqual([plain])
    expect(first.write).toEqual([
      { key: bytes(`r/${Buffer.from(sha256Key(plain)).toString()}`), value: undefined },
    ])
    expect(store.sweep(NOW + 5_000, 1).removed).toHaveLength(1)
    expect(store).toMatchObject({ size: 0, bytes: 0 })
    expect(store.nextExpiryAt()).toBeUndefined()
  })
})

describe('why a store holds a value', () => {
  it('rises from cached to replica to owner, and does not fall', () => {
    const store = newStore()
    const origins = ['cached', 'replica', 'owner', 'replica', 'cached'] as const
    const held = origins.map((origin) => {
      put(store, KEY, version(1), { origin })
      return store.get(KEY, NOW)?.origin
    })
    expect(held).toEqual(['cached', 'replica', 'owner', 'owner', 'owner'])
  })

  it('is no longer that it is ours when a newer value comes from elsewhere', () => {
    const store = newStore()
    put(store, KEY, version(1), { origin: 'owner' })
    put(store, KEY, version(2), { origin: 'cached' })
    expect(store.get(KEY, NOW)?.origin).toBe('replica')
  })
})

describe('a walk in key order', () => {
  const store = newStore()
  for (let i = 0; i < 300; i++) put(store, sha256Key(bytes(`${i}`)), bytes(`${i}`))
  const targets = [...store.range()].map(({ target }) => target)

  it('gives every record once, in order', () => {
    expect(targets).toHaveLength(300)
    expect(targets).toEqual(targets.toSorted(compareKeys))
  })

  it('starts and ends where it is told', () => {
    const [from, to] = [targets[100], targets[150]]
    expect([...store.range(from, to)].map(({ target }) => target)).toEqual(targets.slice(100, 150))
    expect([...store.range(Uint8Array.of(0xff, ...new Uint8Array(19).fill(0xff)))]).toEqual([])
  })
})

describe('the disk form', () => {
  it('brings a store back as it was', () => {
    const store = newStore()
    const writes = [
      put(store, KEY, version(3), { origin: 'owner', ttlMs: HOUR }),
      put(
        store,
        kvKey('n'),
        sealed(kvKey('n'), 'Eve', { value: 'e', version: hybridTimestamp(NOW) }),
      ),
      put(store, sha256Key(plain), plain, { origin: 'cached' }),
    ].flatMap((result) => (result.type === 'stored' ? result.write : []))
    const restored = newStore()
    expect(restored.load(entriesOf(writes), NOW + 1)).toEqual({ loaded: 3, dropped: [] })
    expect([...restored.range()]).toEqual([...store.range()])
    expect(restored.bytes).toBe(store.bytes)
  })

  it('is not believed: what is malformed, tampered with, over or not ours is dropped and reported', () => {
    const [entry = [plain, plain] as const] = entriesOf(writesOf(put(newStore(), KEY, version(1))))
    const [key, value] = entry
    const tampered = value.with(20, 0x45) // the signer's name
    const bad = [
      [key, tampered],
      [bytes('r/'), value],
      [bytes('r/other'), value],
      [bytes('r//kv/n'), value.slice(0, 10)],
      [bytes('r//kv/m'), value.with(0, 9)],
      [bytes('r//kv/o'), value.with(1, 3)],
    ] as const
    const store = newStore()
    const { loaded, dropped } = store.load(bad, NOW)
    expect(loaded).toBe(0)
    expect(dropped).toEqual(bad.map(([k]) => ({ key: k, value: undefined })))
    expect(store.load([entry], NOW + LIFE)).toMatchObject({ loaded: 0, dropped: [{ key }] })
    expect(store.load([entry], NOW)).toEqual({ loaded: 1, dropped: [] })
    expect(store.load([[key, tampered]], NOW)).toEqual({ loaded: 1, dropped: [] }) // what is held stands
  })

  it('cannot prolong a life beyond the lifetime', () => {
    const [[key, value] = [plain, plain]] = entriesOf(writesOf(put(newStore(), KEY, version(1))))
    const store = newStore()
    store.load([[key, value.with(11, 1)]], NOW) // expiresAt, 8 000 years later
    expect(store.get(KEY, NOW)?.expiresAt).toBe(NOW + LIFE)
  })

  it('is kept when the wall clock went back, though its timestamps then lie in the future', () => {
    const value = sealed(kvKey('n'), 'Eve', { value: 'e', version: hybridTimestamp(NOW) })
    const entries = entriesOf(writesOf(put(newStore(), kvKey('n'), value)))
    expect(newStore().load(entries, 1_000).loaded).toBe(1)
  })

  it('is forgotten by the write that removing returns', () => {
    const store = newStore()
    put(store, KEY, version(1))
    expect(store.remove(KEY)).toEqual([{ key: bytes('r//mutable/Bob/n'), value: undefined }])
    expect(store.remove(KEY)).toEqual([])
    expect(store).toMatchObject({ size: 0, bytes: 0 })
  })
})

function writesOf(result: ReturnType<typeof put>): readonly StorageWrite[] {
  return result.type === 'stored' ? result.write : []
}

function entriesOf(writes: readonly StorageWrite[]): [Uint8Array, Uint8Array][] {
  return writes.map(({ key, value }) => [key, value ?? new Uint8Array(0)])
}
