import { assert } from './assert.ts'
import { Contact } from './contact.ts'
import { compareKeys, type Key, keyFromDigest, toHex } from './key.ts'
import {
  PROVIDER_ADDRESSES_VALIDITY_MS,
  PROVIDER_KEY_BYTES_MAX,
  PROVIDER_KEYS_MAX,
  PROVIDER_KEYS_PER_PROVIDER_MAX,
  PROVIDER_SWEEP_DELAY_MS,
  PROVIDER_VALIDITY_MS,
  PROVIDERS_MAX,
  PROVIDERS_PER_KEY_MAX,
  PROVIDERS_PER_RESPONSE_MAX,
} from './limits.ts'
import { OrderedSet } from './ordered-set.ts'
import type { Hash, Random, StorageEntry, StorageWrite, UnixMs } from './ports.ts'
import {
  decodeStoredProvider,
  deleteStoredProvider,
  encodeStoredProvider,
} from './stored-provider-codec.ts'

/** Somebody who provides what a key names. */
export interface ProviderRecord {
  readonly provider: Contact
  /** When the provider last said so. */
  readonly receivedAt: UnixMs
}

/** What became of a provider's announcement. After `stored`, `write` must be durable before it is acknowledged. */
export type ProviderAdmission =
  | { readonly type: 'stored'; readonly write: StorageWrite[] }
  | { readonly type: 'refused'; readonly reason: string }

/** One word of a provider, and what it is about. */
interface Word extends ProviderRecord {
  readonly about: ProviderKey
}

interface ProviderKey {
  /** The preimage: a multihash, at most `PROVIDER_KEY_BYTES_MAX` bytes. */
  readonly key: Uint8Array
  readonly target: Key
  /** By peer id, the longest unheard of first; at most `PROVIDERS_PER_KEY_MAX`. */
  readonly providers: Map<string, Word>
}

/**
 * Who provides what: at most `PROVIDER_KEYS_MAX` keys and `PROVIDERS_MAX` providers of them, and of one provider's at most
 * `PROVIDER_KEYS_PER_PROVIDER_MAX`, so that nobody fills the store alone. It decides and returns the writes; it does no I/O.
 */
export class ProviderStore {
  /** Made with the first provider: most of a hundred thousand simulated peers hold none. */
  #keys: Map<string, ProviderKey> | undefined
  /** All providers, the longest unheard of first: what a sweep removes stands in front. */
  readonly #byAge = new OrderedSet<Word>(byAge)
  /** Keys of each provider, by his id. */
  #keysOf: Map<string, number> | undefined

  /** Keys that have a provider. */
  get size(): number {
    return this.#keys?.size ?? 0
  }

  /** Providers of all keys, those that were not yet swept among them. */
  get providers(): number {
    return this.#byAge.size
  }

  /** Takes in the word of a provider on itself. A full key drops the provider unheard of for longest. */
  add(key: Uint8Array, target: Key, provider: Contact, now: UnixMs): ProviderAdmission {
    if (key.length === 0 || key.length > PROVIDER_KEY_BYTES_MAX) {
      return refused(`a provider key has 1 to ${PROVIDER_KEY_BYTES_MAX} bytes, got ${key.length}`)
    }
    if (provider.addresses.length === 0) return refused('a provider needs an address')
    const known = this.#keys?.get(toHex(key))
    const fault = this.#fullness(known, provider)
    if (fault !== undefined) return refused(fault)
    // Bytes of its own: the key of a request is a view that would keep the whole message alive.
    const entry = known ?? this.#makeKey(new Uint8Array(key), target)
    const write: StorageWrite[] = []
    const before = entry.providers.get(provider.id)
    if (before !== undefined) this.#remove(before)
    if (entry.providers.size >= PROVIDERS_PER_KEY_MAX) write.push(this.#dropOldest(entry))
    const stored = { provider, receivedAt: now }
    this.#insert(entry, stored)
    write.push(encodeStoredProvider(key, stored))
    return { type: 'stored', write }
  }

  /** Forgets a provider of a key; returns the write that forgets it on the disk. */
  remove(key: Uint8Array, id: string): StorageWrite[] {
    const entry = this.#keys?.get(toHex(key))
    const stored = entry?.providers.get(id)
    return stored === undefined ? [] : [this.#forget(stored)]
  }

  /**
   * Takes in what the storage holds; who was heard of meanwhile stands. Returns the writes that delete what was malformed,
   * over, or beyond the bounds.
   */
  load(entries: Iterable<StorageEntry>, now: UnixMs, hash: Hash): StorageWrite[] {
    const dropped: StorageWrite[] = []
    const changed = new Set<ProviderKey>()
    for (const [entryKey, value] of entries) {
      const read = decodeStoredProvider(entryKey, value, hash)
      const entry =
        read === undefined ? undefined : this.#placeFor(read.key, read.stored, now, hash)
      if (read === undefined || entry === undefined) {
        dropped.push({ key: entryKey, value: undefined })
        continue
      }
      const { provider } = read.stored
      if (entry.providers.has(provider.id)) continue
      // The wall clock may have gone back since.
      this.#insert(entry, { provider, receivedAt: Math.min(read.stored.receivedAt, now) })
      changed.add(entry)
    }
    for (const { providers } of changed) sortByAge(providers)
    return dropped
  }

  /**
   * The living providers of a key: at most `PROVIDERS_PER_RESPONSE_MAX`, drawn at random if there are more, so that
   * each of many is found by somebody. One whose addresses have aged comes without them.
   */
  get(key: Uint8Array, now: UnixMs, random: Random): Contact[] {
    const entry = this.#keys?.get(toHex(key))
    if (entry === undefined) return []
    const living: Contact[] = []
    for (const { provider, receivedAt } of entry.providers.values()) {
      const ageMs = now - receivedAt
      if (ageMs >= PROVIDER_VALIDITY_MS) continue
      living.push(ageMs < PROVIDER_ADDRESSES_VALIDITY_MS ? provider : withoutAddresses(provider))
    }
    return sample(living, PROVIDERS_PER_RESPONSE_MAX, random)
  }

  /** Forgets at most `limit` providers whose time is over; returns the writes that forget them on the disk. */
  sweep(now: UnixMs, limit: number): StorageWrite[] {
    const write: StorageWrite[] = []
    for (const word of this.#byAge.ascending()) {
      if (now - word.receivedAt < PROVIDER_VALIDITY_MS || write.length >= limit) break
      write.push(this.#forget(word))
    }
    return write
  }

  /** When to sweep: a while after the next provider's time is over; `undefined` if there is none. */
  nextExpiryAt(): UnixMs | undefined {
    const oldest = this.#byAge.first
    if (oldest === undefined) return undefined
    return oldest.receivedAt + PROVIDER_VALIDITY_MS + PROVIDER_SWEEP_DELAY_MS
  }

  /** The keys in order of the keyspace. */
  keys(): readonly { readonly key: Uint8Array; readonly target: Key }[] {
    return [...(this.#keys?.values() ?? [])].sort((a, b) => compareKeys(a.target, b.target))
  }

  /** Why there is no room for a provider; `undefined`: there is, or he takes the place of his older word. */
  #fullness(known: ProviderKey | undefined, provider: Contact): string | undefined {
    if (known === undefined && this.size >= PROVIDER_KEYS_MAX) {
      return `this peer keeps providers of ${PROVIDER_KEYS_MAX} keys and has no room`
    }
    if (known?.providers.has(provider.id) === true) return undefined
    if ((this.#keysOf?.get(provider.id) ?? 0) >= PROVIDER_KEYS_PER_PROVIDER_MAX) {
      return `this peer keeps ${PROVIDER_KEYS_PER_PROVIDER_MAX} keys of one provider, and has as many of ${provider.id}`
    }
    const replaces = known !== undefined && known.providers.size >= PROVIDERS_PER_KEY_MAX
    if (replaces || this.providers < PROVIDERS_MAX) return undefined
    return `this peer keeps ${PROVIDERS_MAX} providers and has no room`
  }

  /** Where a provider that was read belongs; `undefined`: nowhere, his time is over or there is no room. */
  #placeFor(
    key: Uint8Array,
    { provider, receivedAt }: ProviderRecord,
    now: UnixMs,
    hash: Hash,
  ): ProviderKey | undefined {
    if (now - receivedAt >= PROVIDER_VALIDITY_MS || provider.addresses.length === 0)
      return undefined
    const known = this.#keys?.get(toHex(key))
    const isFull = known !== undefined && known.providers.size >= PROVIDERS_PER_KEY_MAX
    if (isFull && !known.providers.has(provider.id)) return undefined
    if (this.#fullness(known, provider) !== undefined) return undefined
    return known ?? this.#makeKey(key, keyFromDigest(hash(key)))
  }

  #makeKey(key: Uint8Array, target: Key): ProviderKey {
    const entry = { key, target, providers: new Map<string, Word>() }
    this.#keys ??= new Map()
    this.#keys.set(toHex(key), entry)
    return entry
  }

  #insert(about: ProviderKey, { provider, receivedAt }: ProviderRecord): void {
    const word = { about, provider, receivedAt }
    about.providers.set(provider.id, word)
    this.#byAge.add(word)
    this.#keysOf ??= new Map()
    this.#keysOf.set(provider.id, (this.#keysOf.get(provider.id) ?? 0) + 1)
  }

  #remove(word: Word): void {
    const { about, provider } = word
    about.providers.delete(provider.id)
    this.#byAge.delete(word)
    const left = (this.#keysOf?.get(provider.id) ?? 1) - 1
    if (left > 0) this.#keysOf?.set(provider.id, left)
    else this.#keysOf?.delete(provider.id)
  }

  /** The same, and its key with its last provider; the write that forgets it on the disk. */
  #forget(word: Word): StorageWrite {
    this.#remove(word)
    if (word.about.providers.size === 0) this.#keys?.delete(toHex(word.about.key))
    return deleteStoredProvider(word.about.key, word)
  }

  #dropOldest({ key, providers }: ProviderKey): StorageWrite {
    const [oldest] = providers.values()
    assert(oldest !== undefined, 'a key without providers')
    this.#remove(oldest)
    return deleteStoredProvider(key, oldest)
  }
}

function byAge(a: Word, b: Word): number {
  return (
    a.receivedAt - b.receivedAt ||
    compareKeys(a.about.key, b.about.key) ||
    compareKeys(a.provider.idBytes, b.provider.idBytes)
  )
}

function sortByAge(providers: Map<string, Word>): void {
  const sorted = [...providers].sort(([, a], [, b]) => a.receivedAt - b.receivedAt)
  providers.clear()
  for (const [id, stored] of sorted) providers.set(id, stored)
}

function withoutAddresses({ id, idBytes, key }: Contact): Contact {
  return new Contact({ id, idBytes, key, addresses: [] })
}

function sample<Item>(items: Item[], count: number, random: Random): Item[] {
  if (items.length <= count) return items
  for (let i = 0; i < count; i++) {
    const j = i + random.below(items.length - i)
    const swapped = items[i] as Item // both below length
    items[i] = items[j] as Item
    items[j] = swapped
  }
  return items.slice(0, count)
}

function refused(reason: string): ProviderAdmission {
  return { type: 'refused', reason }
}
