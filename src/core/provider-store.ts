import { Contact } from './contact.ts'
import { compareKeys, type Key, toHex } from './key.ts'
import {
  PROVIDER_ADDRESSES_VALIDITY_MS,
  PROVIDER_KEY_BYTES_MAX,
  PROVIDER_KEYS_MAX,
  PROVIDER_VALIDITY_MS,
  PROVIDERS_PER_KEY_MAX,
  PROVIDERS_PER_RESPONSE_MAX,
} from './limits.ts'
import type { Random, UnixMs } from './ports.ts'

/** Somebody who provides what a key names. */
export interface ProviderRecord {
  readonly provider: Contact
  /** When the provider last said so. */
  readonly receivedAt: UnixMs
}

/** What became of a provider's announcement. */
export type ProviderAdmission =
  | { readonly type: 'stored' }
  | { readonly type: 'refused'; readonly reason: string }

interface ProviderKey {
  /** The preimage: a multihash, at most `PROVIDER_KEY_BYTES_MAX` bytes. */
  readonly key: Uint8Array
  readonly target: Key
  /** By peer id, the longest unheard of first; at most `PROVIDERS_PER_KEY_MAX`. */
  readonly providers: Map<string, ProviderRecord>
}

/**
 * Who provides what. Kept in memory only: a provider announces itself again every 22 hours, the k closest peers keep its
 * word, and a peer that restarts is one of many. At most `PROVIDER_KEYS_MAX` keys.
 */
export class ProviderStore {
  #keys: Map<string, ProviderKey> | undefined

  /** Keys that have a provider. */
  get size(): number {
    return this.#keys?.size ?? 0
  }

  /** Takes in the word of a provider on itself. A full key drops the provider unheard of for longest. */
  add(key: Uint8Array, target: Key, provider: Contact, now: UnixMs): ProviderAdmission {
    if (key.length === 0 || key.length > PROVIDER_KEY_BYTES_MAX) {
      return refused(`a provider key has 1 to ${PROVIDER_KEY_BYTES_MAX} bytes, got ${key.length}`)
    }
    if (provider.addresses.length === 0) return refused('a provider needs an address')
    this.#keys ??= new Map()
    const text = toHex(key)
    const known = this.#keys.get(text)
    if (known === undefined && this.#keys.size >= PROVIDER_KEYS_MAX) {
      return refused(`this peer keeps providers of ${PROVIDER_KEYS_MAX} keys and has no room`)
    }
    const entry = known ?? { key, target, providers: new Map<string, ProviderRecord>() }
    if (known === undefined) this.#keys.set(text, entry)
    entry.providers.delete(provider.id)
    if (entry.providers.size >= PROVIDERS_PER_KEY_MAX) {
      for (const longestUnheard of entry.providers.keys()) {
        entry.providers.delete(longestUnheard)
        break
      }
    }
    entry.providers.set(provider.id, { provider, receivedAt: now })
    return { type: 'stored' }
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

  /** Forgets providers whose time is over; returns how many. */
  sweep(now: UnixMs): number {
    let removed = 0
    for (const [text, { providers }] of this.#keys ?? []) {
      for (const [id, { receivedAt }] of providers) {
        if (now - receivedAt < PROVIDER_VALIDITY_MS) break // in order of age
        providers.delete(id)
        removed += 1
      }
      if (providers.size === 0) this.#keys?.delete(text)
    }
    return removed
  }

  /** When the next provider's time is over; `undefined` if there is none. Costs a look at each key. */
  nextExpiryAt(): UnixMs | undefined {
    let next: UnixMs | undefined
    for (const { providers } of this.#keys?.values() ?? []) {
      for (const { receivedAt } of providers.values()) {
        next = Math.min(next ?? Number.POSITIVE_INFINITY, receivedAt + PROVIDER_VALIDITY_MS)
        break
      }
    }
    return next
  }

  /** The keys in order of the keyspace. */
  keys(): readonly { readonly key: Uint8Array; readonly target: Key }[] {
    return [...(this.#keys?.values() ?? [])].sort((a, b) => compareKeys(a.target, b.target))
  }
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
