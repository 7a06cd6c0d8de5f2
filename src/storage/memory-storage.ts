import type { Storage, StorageWrite } from '../core/ports.ts'

/** A storage that lasts as long as its object: for peers that keep nothing, and for tests. */
export class MemoryStorage implements Storage {
  readonly #entries = new Map<string, readonly [key: Uint8Array, value: Uint8Array]>()

  write(batch: readonly StorageWrite[], done: (error: Error | undefined) => void): void {
    for (const { key, value } of batch) {
      const text = textOf(key)
      if (value === undefined) this.#entries.delete(text)
      else this.#entries.set(text, [key, value])
    }
    queueMicrotask(() => done(undefined))
  }

  load(prefix: Uint8Array): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    const start = textOf(prefix)
    const found = [...this.#entries].filter(([text]) => text.startsWith(start))
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    return Promise.resolve(found.map(([, entry]) => entry))
  }

  /** Nothing to let go of; there so that either storage can be closed. */
  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** One character for each byte, so that texts sort as their bytes do. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
