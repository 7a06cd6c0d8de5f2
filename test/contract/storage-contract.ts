import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Storage, StorageWrite } from '../../src/core/ports.ts'
import { utf8 } from '../support/wire.ts'

/** What a storage promises (core/ports.ts). `create` makes an empty one and says how to take it away. */
export function runStorageContract(subject: {
  readonly name: string
  readonly create: () => Promise<{ storage: Storage; close: () => Promise<void> }>
}): void {
  describe(`${subject.name} as a storage`, () => {
    let storage: Storage
    let close: () => Promise<void>
    beforeEach(async () => {
      ;({ storage, close } = await subject.create())
    })
    afterEach(() => close())

    const load = async (prefix: string): Promise<string[]> => {
      const entries = await storage.load(utf8(prefix))
      return entries.map((entry) => entry.map((bytes) => new TextDecoder().decode(bytes)).join('='))
    }

    it('gives back what was written, in order of the keys’ bytes, and only below the prefix', async () => {
      await write(storage, ['r/b=2', 'r/a=1', 's/a=4', 'r=0', 'r/=3'])
      expect(await load('r/')).toEqual(['r/=3', 'r/a=1', 'r/b=2'])
      expect(await load('x/')).toEqual([])
    })

    it('keeps any bytes as keys and values, and empty values', async () => {
      const entries = [
        [Uint8Array.of(0xff), new Uint8Array(0)],
        [Uint8Array.of(0xff, 0), Uint8Array.of(0)],
        [Uint8Array.of(0xff, 0xff, 0xff), Uint8Array.from({ length: 256 }, (_, i) => i)],
      ] as const
      await writeBatch(storage, [
        ...entries.map(([key, value]) => ({ key, value })),
        { key: Uint8Array.of(0xfe, 0xff), value: Uint8Array.of(1) },
      ])
      const loaded = await storage.load(Uint8Array.of(0xff))
      expect(loaded.map((entry) => entry.map((bytes) => [...bytes]))).toEqual(
        entries.map((entry) => entry.map((bytes) => [...bytes])),
      )
    })

    it('orders bytes as unsigned numbers', async () => {
      for (const byte of [0x7f, 0x80, 0x00, 0xff]) {
        await writeBatch(storage, [{ key: Uint8Array.of(1, byte), value: Uint8Array.of(byte) }])
      }
      const loaded = await storage.load(Uint8Array.of(1))
      expect(loaded.map(([key]) => key[1])).toEqual([0x00, 0x7f, 0x80, 0xff])
    })

    it('gives pages that follow one another, or all at once', async () => {
      await write(storage, ['r/a=1', 'r/b=2', 'r/c=3', 'r/d=4', 'r/e=5', 's/a=6'])
      const found: string[] = []
      let after: Uint8Array | undefined
      for (let page = 0; page < 3; page++) {
        const entries = await storage.load(utf8('r/'), { limit: 2, after })
        expect([2, 1, 5]).toContain(entries.length)
        found.push(...entries.map(([key]) => new TextDecoder().decode(key)))
        after = entries.at(-1)?.[0]
        if (entries.length !== 2) break
      }
      expect(found).toEqual(['r/a', 'r/b', 'r/c', 'r/d', 'r/e'])
      expect(await storage.load(utf8('x/'), { limit: 2, after: undefined })).toEqual([])
    })

    it('replaces and deletes', async () => {
      await write(storage, ['r/a=1', 'r/b=1'])
      await write(storage, ['r/a=2', 'r/b', 'r/c'])
      expect(await load('r/')).toEqual(['r/a=2'])
    })

    it('applies batches and their parts in order', async () => {
      const ended: number[] = []
      const writes = [['r/a=1', 'r/a=2'], ['r/a'], ['r/a=3', 'r/b=1'], [], ['r/b']].map(
        (batch, index) => write(storage, batch).then(() => ended.push(index)),
      )
      await Promise.all(writes)
      expect(ended).toEqual([0, 1, 2, 3, 4])
      expect(await load('r/')).toEqual(['r/a=3'])
    })

    it('never reports a write from within the call', async () => {
      for (const batch of [[], [{ key: utf8('r/a'), value: utf8('1') }]]) {
        let isLater = false
        const reported = new Promise<boolean>((resolve) => {
          storage.write(batch, () => resolve(isLater))
        })
        isLater = true
        expect(await reported).toBe(true)
      }
    })
  })
}

/** Writes entries given as `key=value`; without `=` the key is deleted. */
function write(storage: Storage, entries: readonly string[]): Promise<void> {
  return writeBatch(
    storage,
    entries.map((entry) => {
      const [key = '', value] = entry.split('=')
      return { key: utf8(key), value: value === undefined ? undefined : utf8(value) }
    }),
  )
}

export function writeBatch(storage: Storage, batch: readonly StorageWrite[]): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.write(batch, (error) => (error === undefined ? resolve() : reject(error)))
  })
}
