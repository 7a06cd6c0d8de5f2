import { Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { compareKeys as compareBytes } from '../core/key.ts'
import type { Storage, StorageWrite } from '../core/ports.ts'

/** What is used of libp2p's datastore. */
export interface DatastoreLike {
  batch(): {
    put(key: Key, value: Uint8Array): void
    delete(key: Key): void
    commit(): Promise<void> | void
  }
  query(query: {
    prefix: string
  }): AsyncIterable<{ key: Key; value: Uint8Array }> | Iterable<{ key: Key; value: Uint8Array }>
}

/**
 * The storage of a peer in the datastore of its libp2p node, below a prefix. Batches are committed one after another, so that
 * they become durable in their order; whether one is atomic is up to the datastore.
 */
export class DatastoreStorage implements Storage {
  readonly #datastore: DatastoreLike
  readonly #prefix: string
  #last: Promise<void> = Promise.resolve()

  constructor(datastore: DatastoreLike, prefix: string) {
    this.#datastore = datastore
    this.#prefix = `${prefix}/kadmium/`
  }

  write(batch: readonly StorageWrite[], done: (error: Error | undefined) => void): void {
    this.#last = this.#commit(this.#last, batch, done)
  }

  async load(prefix: Uint8Array): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    const entries: (readonly [Uint8Array, Uint8Array])[] = []
    for await (const { key, value } of this.#datastore.query({ prefix: this.#prefix })) {
      const bytes = decode(key)
      if (bytes !== undefined && prefix.every((byte, i) => bytes[i] === byte))
        entries.push([bytes, value])
    }
    return entries.sort(([a], [b]) => compareBytes(a, b))
  }

  async #commit(
    previous: Promise<void>,
    writes: readonly StorageWrite[],
    done: (error: Error | undefined) => void,
  ): Promise<void> {
    await previous
    let failure: Error | undefined
    try {
      if (writes.length > 0) await this.#batchOf(writes).commit()
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    }
    done(failure)
  }

  #batchOf(writes: readonly StorageWrite[]): ReturnType<DatastoreLike['batch']> {
    const batch = this.#datastore.batch()
    for (const { key, value } of writes) {
      const name = new Key(`${this.#prefix}${base32.encode(key)}`, false)
      if (value === undefined) batch.delete(name)
      else batch.put(name, value)
    }
    return batch
  }
}

/** A foreign entry below our prefix is none of ours. */
function decode(key: Key): Uint8Array | undefined {
  try {
    return base32.decode(key.baseNamespace())
  } catch {
    return undefined
  }
}
