import { describe, expect, it } from 'vitest'
import type { Storage, StorageEntry } from '../../src/core/ports.ts'
import { pagesOf } from '../../src/node/storage-pages.ts'

const entries: readonly StorageEntry[] = Array.from({ length: 300 }, (_, i) => [
  Uint8Array.of(i >> 8, i & 255),
  Uint8Array.of(i & 255),
])

/** A storage of the first `count` entries, with pages or without. */
function storageOf(count: number, hasPages: boolean): { storage: Storage; loads: () => number } {
  let loads = 0
  const storage: Storage = {
    write: () => undefined,
    load: (_, page) => {
      loads += 1
      const { limit, after } = page ?? { limit: count, after: undefined }
      const start = after === undefined ? 0 : (after[0] ?? 0) * 256 + (after[1] ?? 0) + 1
      const all = entries.slice(0, count)
      return Promise.resolve(hasPages ? all.slice(start, start + limit) : all)
    },
  }
  return { storage, loads: () => loads }
}

describe('pages of a storage', () => {
  it.each([0, 1, 31, 32, 33, 64, 300])('bring all of %i entries once, in order', async (count) => {
    for (const hasPages of [true, false]) {
      const { storage, loads } = storageOf(count, hasPages)
      const found: StorageEntry[] = []
      for await (const page of pagesOf(storage, new Uint8Array(0))) found.push(...page)
      expect(found).toEqual(entries.slice(0, count))
      expect(loads()).toBeLessThanOrEqual(1 + Math.ceil(count / 32))
    }
  })
})
