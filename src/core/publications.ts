import { compareKeys, type Key, toHex } from './key.ts'
import type { StorageWrite, UnixMs } from './ports.ts'

/** Something this peer put into the network, and keeps there. */
export interface Publication {
  /** A value, or the word that this peer provides what the key names. */
  readonly kind: 'value' | 'provider'
  /** The preimage. */
  readonly key: Uint8Array
  readonly target: Key
  /** When it was last stored at the closest peers. */
  readonly publishedAt: UnixMs
  /** When it shall end by the owner's wish; `undefined`: when he takes it back. */
  readonly endsAt: UnixMs | undefined
}

/** Entries of the storage begin with these bytes. */
export const PUBLICATIONS_PREFIX: Uint8Array = new TextEncoder().encode('o/')

/**
 * What this peer published, in order of the keyspace: each is published again every `republishIntervalMs`, so that it
 * outlives the record lifetime (Kademlia, section 2.5). Bounded by what the owner publishes.
 */
export class Publications {
  #byId: Map<string, Publication> | undefined
  /** Sorted when next needed. */
  #sorted: Publication[] | undefined

  get size(): number {
    return this.#byId?.size ?? 0
  }

  /** Notes what was published; returns the write that remembers it. */
  set(publication: Publication): StorageWrite {
    this.#byId ??= new Map()
    this.#byId.set(idOf(publication.kind, publication.key), publication)
    this.#sorted = undefined
    return { key: storageKey(publication), value: encode(publication) }
  }

  /** Ends a publication; returns the writes that forget it. */
  remove(kind: Publication['kind'], key: Uint8Array): StorageWrite[] {
    const id = idOf(kind, key)
    const publication = this.#byId?.get(id)
    if (publication === undefined) return []
    this.#byId?.delete(id)
    this.#sorted = undefined
    return [{ key: storageKey(publication), value: undefined }]
  }

  get(kind: Publication['kind'], key: Uint8Array): Publication | undefined {
    return this.#byId?.get(idOf(kind, key))
  }

  /** All from `from` on, in order of the keyspace. */
  *range(from?: Key): IterableIterator<Publication> {
    const sorted = this.#inOrder()
    let low = 0
    let high = from === undefined ? 0 : sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const { target } = sorted[middle] as Publication // middle < length
      if (compareKeys(target, from as Key) < 0) low = middle + 1
      else high = middle
    }
    for (let i = low; i < sorted.length; i++) yield sorted[i] as Publication
  }

  /** Reads what the storage remembers; malformed entries are named, to be deleted. */
  load(
    entries: Iterable<readonly [key: Uint8Array, value: Uint8Array]>,
    targetOf: (key: Uint8Array) => Key,
  ): StorageWrite[] {
    const dropped: StorageWrite[] = []
    for (const [key, value] of entries) {
      const publication = decode(key, value, targetOf)
      if (publication === undefined) dropped.push({ key, value: undefined })
      else this.set(publication)
    }
    return dropped
  }

  #inOrder(): Publication[] {
    this.#sorted ??= [...(this.#byId?.values() ?? [])].sort((a, b) =>
      compareKeys(a.target, b.target),
    )
    return this.#sorted
  }
}

const KINDS = ['value', 'provider'] as const
/** publishedAt and endsAt as doubles. */
const ENTRY_BYTES = 16

function idOf(kind: Publication['kind'], key: Uint8Array): string {
  return `${kind} ${toHex(key)}`
}

/** The prefix, the kind in a byte, the key. */
function storageKey({ kind, key }: Publication): Uint8Array {
  const bytes = new Uint8Array(PUBLICATIONS_PREFIX.length + 1 + key.length)
  bytes.set(PUBLICATIONS_PREFIX)
  bytes[PUBLICATIONS_PREFIX.length] = KINDS.indexOf(kind)
  bytes.set(key, PUBLICATIONS_PREFIX.length + 1)
  return bytes
}

function encode({ publishedAt, endsAt }: Publication): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  view.setFloat64(0, publishedAt)
  view.setFloat64(8, endsAt ?? 0)
  return bytes
}

function decode(
  storageKey: Uint8Array,
  value: Uint8Array,
  targetOf: (key: Uint8Array) => Key,
): Publication | undefined {
  const kind = KINDS[storageKey[PUBLICATIONS_PREFIX.length] ?? -1]
  const key = storageKey.slice(PUBLICATIONS_PREFIX.length + 1)
  if (kind === undefined || key.length === 0 || value.length !== ENTRY_BYTES) return undefined
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const publishedAt = view.getFloat64(0)
  const endsAt = view.getFloat64(8)
  if (!Number.isFinite(publishedAt) || !Number.isFinite(endsAt)) return undefined
  return {
    kind,
    key,
    target: targetOf(key),
    publishedAt,
    endsAt: endsAt === 0 ? undefined : endsAt,
  }
}
