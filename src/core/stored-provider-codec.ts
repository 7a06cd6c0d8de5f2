import { PEER_ID_BYTES_MAX, PROVIDER_KEY_BYTES_MAX } from './limits.ts'
import type { Hash, StorageWrite } from './ports.ts'
import type { ProviderRecord } from './provider-store.ts'
import { decodeStoredContact, encodeStoredContact } from './stored-contact-codec.ts'

/** Storage keys of providers: this prefix, the length of the provided key in a byte, the key, the provider's id bytes. */
export const PROVIDER_STORAGE_PREFIX: Uint8Array = new TextEncoder().encode('v/')

/** Before the contact: `receivedAt`, a double. */
const HEADER_BYTES = 8

/** The write that makes a provider's word durable. */
export function encodeStoredProvider(key: Uint8Array, stored: ProviderRecord): StorageWrite {
  const contact = encodeStoredContact(stored.provider)
  const value = new Uint8Array(HEADER_BYTES + contact.length)
  new DataView(value.buffer).setFloat64(0, stored.receivedAt)
  value.set(contact, HEADER_BYTES)
  return { key: storageKey(key, stored.provider.idBytes), value }
}

/** The write that forgets it. */
export function deleteStoredProvider(key: Uint8Array, { provider }: ProviderRecord): StorageWrite {
  return { key: storageKey(key, provider.idBytes), value: undefined }
}

/** Reads an entry of the storage; `undefined` if it is no provider in this form. */
export function decodeStoredProvider(
  entryKey: Uint8Array,
  value: Uint8Array,
  hash: Hash,
): { key: Uint8Array; stored: ProviderRecord } | undefined {
  const start = PROVIDER_STORAGE_PREFIX.length + 1
  const length = entryKey[start - 1] ?? 0
  const idLength = entryKey.length - start - length
  if (length === 0 || length > PROVIDER_KEY_BYTES_MAX || value.length < HEADER_BYTES)
    return undefined
  if (idLength < 1 || idLength > PEER_ID_BYTES_MAX) return undefined
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const receivedAt = view.getFloat64(0)
  const provider = decodeStoredContact(value.subarray(HEADER_BYTES), hash)
  if (provider === undefined || !Number.isFinite(receivedAt)) return undefined
  const key = new Uint8Array(entryKey.subarray(start, start + length))
  return { key, stored: { provider, receivedAt } }
}

function storageKey(key: Uint8Array, idBytes: Uint8Array): Uint8Array {
  const prefix = PROVIDER_STORAGE_PREFIX
  const bytes = new Uint8Array(prefix.length + 1 + key.length + idBytes.length)
  bytes.set(prefix)
  bytes[prefix.length] = key.length
  bytes.set(key, prefix.length + 1)
  bytes.set(idBytes, prefix.length + 1 + key.length)
  return bytes
}
