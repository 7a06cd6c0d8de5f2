import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import {
  PROVIDER_ADDRESSES_VALIDITY_MS,
  PROVIDER_KEYS_MAX,
  PROVIDER_VALIDITY_MS,
  PROVIDERS_MAX,
  PROVIDERS_PER_KEY_MAX,
  PROVIDER_KEYS_PER_PROVIDER_MAX as SHARE,
} from '../../src/core/limits.ts'
import type { StorageEntry, StorageWrite } from '../../src/core/ports.ts'
import { ProviderStore } from '../../src/core/provider-store.ts'
import { NOW, sha256 } from '../support/record-stores.ts'
import { randomContact, seededRandom } from '../support/tiny.ts'

const random = seededRandom(5)
const KEY = Uint8Array.of(1, 2, 3)
const [ANN, BOB, CAT] = Array.from({ length: 3 }, () => randomContact(random)) as [
  Contact,
  Contact,
  Contact,
]

/** A store and what its writes left on the disk. */
class Disk {
  readonly store = new ProviderStore()
  readonly #entries = new Map<string, StorageEntry>()

  get entries(): readonly StorageEntry[] {
    return [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
  }

  add(provider: Contact, at: number, key = KEY): string {
    const result = this.store.add(key, keyFromDigest(sha256(key)), provider, at)
    if (result.type === 'stored') this.apply(result.write)
    return result.type === 'stored' ? 'stored' : result.reason
  }

  apply(batch: readonly StorageWrite[]): void {
    for (const { key, value } of batch) {
      const text = Buffer.from(key).toString('latin1')
      if (value === undefined) this.#entries.delete(text)
      else this.#entries.set(text, [key, value])
    }
  }
}

function providers(store: ProviderStore, now: number, key = KEY): Contact[] {
  return store.get(key, now, random)
}

function names(store: ProviderStore, now: number, key = KEY): string[] {
  return providers(store, now, key).map(({ id }) => id)
}

describe('ProviderStore', () => {
  it('is the same after a restart: providers, addresses, and when each ends', () => {
    const disk = new Disk()
    const other = Uint8Array.of(1)
    disk.add(ANN, NOW + 2)
    disk.add(BOB, NOW)
    disk.add(CAT, NOW + 1, other)
    const restored = new ProviderStore()
    // A page at a time, one provider in each.
    for (const entry of disk.entries) expect(restored.load([entry], NOW + 3, sha256)).toEqual([])
    expect(names(restored, NOW + 3)).toEqual([BOB.id, ANN.id])
    expect(names(restored, NOW + 3, other)).toEqual([CAT.id])
    const keys = (store: ProviderStore) => store.keys().map(({ key, target }) => [key, target])
    expect(keys(restored)).toEqual(keys(disk.store))
    expect(restored.nextExpiryAt()).toBe(disk.store.nextExpiryAt())
    const aged = providers(restored, NOW + 2 + PROVIDER_ADDRESSES_VALIDITY_MS)
    expect(aged.map(({ addresses }) => addresses.length)).toEqual([0, 0])
    expect(providers(restored, NOW + PROVIDER_VALIDITY_MS)).toHaveLength(1)
    expect(providers(restored, NOW + 2 + PROVIDER_VALIDITY_MS)).toEqual([])
  })

  it('forgets on the disk what it forgets: replaced, pushed out and over', () => {
    const disk = new Disk()
    disk.add(ANN, NOW)
    disk.add(ANN, NOW + 1)
    expect(disk.entries).toHaveLength(1)
    for (let i = 0; i < PROVIDERS_PER_KEY_MAX; i++) disk.add(randomContact(random), NOW + 2 + i)
    expect(disk.store.providers).toBe(PROVIDERS_PER_KEY_MAX)
    expect(disk.entries).toHaveLength(PROVIDERS_PER_KEY_MAX)
    expect(names(disk.store, NOW + 200)).not.toContain(ANN.id)
    const end = NOW + 2 + 10 + PROVIDER_VALIDITY_MS
    const first = disk.store.sweep(end, 4)
    const second = disk.store.sweep(end, 100)
    expect([first.length, second.length]).toEqual([4, 7])
    disk.apply([...first, ...second])
    expect(disk.entries).toHaveLength(PROVIDERS_PER_KEY_MAX - 11)
    disk.apply(disk.store.sweep(end + PROVIDER_VALIDITY_MS, 1000))
    expect([disk.entries.length, disk.store.size, disk.store.providers]).toEqual([0, 0, 0])
    expect(disk.store.nextExpiryAt()).toBeUndefined()
  })

  it('lets what it heard meanwhile stand, and deletes what is malformed or over', () => {
    const disk = new Disk()
    disk.add(ANN, NOW)
    disk.add(BOB, NOW + 50)
    const restored = new ProviderStore()
    restored.add(KEY, keyFromDigest(sha256(KEY)), ANN, NOW + 10)
    expect(restored.load(disk.entries, NOW + 10, sha256)).toEqual([])
    expect(restored.providers).toBe(2)
    // Bob's word is of a time to come: the clock went back.
    expect(providers(restored, NOW + 9 + PROVIDER_VALIDITY_MS)).toHaveLength(2)
    expect(providers(restored, NOW + 10 + PROVIDER_VALIDITY_MS)).toHaveLength(0)
    const late = new ProviderStore()
    expect(late.load(disk.entries, NOW + PROVIDER_VALIDITY_MS, sha256)).toHaveLength(1)
    const [key, value] = disk.entries[0] as StorageEntry
    const bad: StorageEntry[] = [
      [key, value.slice(0, 7)],
      [key, value.slice(0, 12)],
      [key.slice(0, 3), value],
      [key.slice(0, 6), value],
      [new Uint8Array(200), value],
      [key, value.map((byte, i) => (i < 8 ? 0xff : byte))],
    ]
    expect(late.load(bad, NOW, sha256)).toEqual(bad.map(([k]) => ({ key: k, value: undefined })))
  })

  it('keeps a bounded number of keys and providers, and says so', () => {
    const disk = { store: new ProviderStore() }
    const target = new Uint8Array(20)
    const add = (n: number, provider: Contact) => {
      const key = Uint8Array.of(n >> 16, (n >> 8) & 255, n & 255)
      const result = disk.store.add(key, target, provider, NOW)
      return result.type === 'stored' ? 'stored' : result.reason
    }
    const others = Array.from({ length: PROVIDERS_MAX / SHARE }, () => randomContact(random))
    for (let n = 0; n < PROVIDERS_MAX; n++) {
      add(n % PROVIDER_KEYS_MAX, others[Math.floor(n / SHARE)] as Contact)
    }
    expect(add(PROVIDER_KEYS_MAX, ANN)).toMatch(/100000 keys and has no room/)
    expect(add(0, CAT)).toMatch(/keeps 200000 providers and has no room/)
    expect(add(0, others[0] as Contact)).toBe('stored')
    expect([disk.store.size, disk.store.providers]).toEqual([PROVIDER_KEYS_MAX, PROVIDERS_MAX])
  })
  it('keeps no more than a share of one provider, and what others say besides', () => {
    const disk = new Disk()
    const keyOf = (n: number) => Uint8Array.of(n >> 16, (n >> 8) & 255, n & 255)
    for (let n = 0; n < SHARE; n++) disk.add(ANN, NOW, keyOf(n))
    expect(disk.store.size).toBe(SHARE)
    expect(disk.add(ANN, NOW, keyOf(SHARE))).toMatch(/keeps 25000 keys of one provider/)
    expect(disk.add(ANN, NOW + 1, keyOf(0))).toBe('stored') // one that it has
    expect(disk.add(BOB, NOW, keyOf(SHARE))).toBe('stored')
    disk.apply(disk.store.remove(keyOf(7), ANN.id))
    expect(disk.store.remove(keyOf(7), ANN.id)).toEqual([])
    expect(disk.add(ANN, NOW + 2, keyOf(SHARE))).toBe('stored')
    expect(disk.entries).toHaveLength(disk.store.providers)
    // Those that ended first, whatever their key; and no more than asked for.
    const end = NOW + PROVIDER_VALIDITY_MS
    expect(disk.store.sweep(end, 10)).toHaveLength(10)
    expect(disk.store.sweep(end, PROVIDERS_MAX)).toHaveLength(SHARE - 12 + 1)
    expect(names(disk.store, end, keyOf(0))).toEqual([ANN.id])
    expect(disk.store.size).toBe(2)
  })
})
