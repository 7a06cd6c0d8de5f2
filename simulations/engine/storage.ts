import { compareKeys, toHex } from '../../src/core/key.ts'
import type { Storage, StorageWrite } from '../../src/core/ports.ts'

/** What a simulated disk is like; shared by the peers of a simulation. */
export interface DiskModel {
  /** From a write to its being durable. ms. */
  readonly writeMs: number
  /** Whether the contacts that peers save are kept; without restarts nobody reads them, and they fill the memory. */
  readonly keepsContacts: boolean
}

/** What a storage needs of the simulation. */
export interface DiskHost {
  readonly disk: DiskModel
  /** How many times slower than the model this disk is. */
  readonly diskSlowness: number
  /** Calls `fire` after `ms`, unless the peer has crashed meanwhile. */
  after(ms: number, fire: () => void): void
}

type Entry = readonly [key: Uint8Array, value: Uint8Array]

const CONTACTS_PREFIX = 0x63 // 'c', as in persistence.ts

/**
 * The disk of one simulated peer. A batch becomes durable a while after it was written, in order, and a crash in between
 * loses it whole: what survives is exactly what was reported durable.
 */
export class SimStorage implements Storage {
  readonly #host: DiskHost
  /** Made with the first write: most peers of a large network hold nothing. */
  #entries: Map<string, Entry> | undefined
  /** Every write fails with this. */
  error: Error | undefined

  constructor(host: DiskHost) {
    this.#host = host
  }

  /** Durable entries. */
  get size(): number {
    return this.#entries?.size ?? 0
  }

  write(batch: readonly StorageWrite[], done: (error: Error | undefined) => void): void {
    const { disk, diskSlowness } = this.#host
    this.#host.after(disk.writeMs * diskSlowness, () => {
      const { error } = this
      if (error === undefined) for (const write of batch) this.#apply(write)
      done(error)
    })
  }

  load(prefix: Uint8Array): Promise<readonly Entry[]> {
    const wanted = toHex(prefix)
    const found: Entry[] = []
    for (const [key, entry] of this.#entries ?? []) if (key.startsWith(wanted)) found.push(entry)
    found.sort(([a], [b]) => compareKeys(a, b))
    return Promise.resolve(found)
  }

  /** The disk is lost with all that was on it. */
  wipe(): void {
    this.#entries = undefined
  }

  #apply({ key, value }: StorageWrite): void {
    if (key[0] === CONTACTS_PREFIX && !this.#host.disk.keepsContacts) return
    this.#entries ??= new Map()
    if (value === undefined) this.#entries.delete(toHex(key))
    else this.#entries.set(toHex(key), [key, value])
  }
}
