import { bytesEqual } from '../core/key.ts'
import type { Storage, StorageEntry } from '../core/ports.ts'

/**
 * Entries taken in at once: their signatures take some milliseconds to verify, after which everybody else has a turn. A page
 * of the largest values takes 2 MiB.
 */
const PAGE_ENTRIES = 32

/** All entries whose key begins with `prefix`, in order of the key's bytes, some at a time. */
export async function* pagesOf(
  storage: Storage,
  prefix: Uint8Array,
): AsyncGenerator<readonly StorageEntry[], void, undefined> {
  let after: Uint8Array | undefined
  for (;;) {
    const page = await storage.load(prefix, { limit: PAGE_ENTRIES, after })
    const last = page.at(-1)?.[0]
    // The second time that a storage without pages gives the same.
    if (last === undefined || (after !== undefined && bytesEqual(last, after))) return
    yield page
    if (page.length !== PAGE_ENTRIES) return
    after = last
  }
}
