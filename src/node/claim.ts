import type { Key } from '../core/key.ts'
import type { Ports } from '../core/ports.ts'
import type { ValueRecord } from '../core/record.ts'
import type { RecordStore } from '../core/record-store.ts'
import type { ClaimResult } from '../core/store-at-closest.ts'
import { writeRecord } from './record-writes.ts'

/** What a claim needs. */
export interface ClaimInit {
  readonly ports: Ports
  readonly records: RecordStore
  readonly record: ValueRecord
  readonly target: Key
  readonly ifVersion: number
}

/**
 * A conditional write of this peer to its own store, as it would be to another peer's: for when this peer is itself the one
 * nearest to the key, which decides between writers (see `StoreAtClosest`).
 */
export class Claim {
  readonly #init: ClaimInit
  #durable: Promise<Error | undefined> = Promise.resolve(undefined)
  #refusal: { readonly reason: string; readonly heldVersion: number } | undefined

  constructor(init: ClaimInit) {
    this.#init = init
  }

  /** Why the own store refused it: what it holds instead. */
  get refusal(): { readonly reason: string; readonly heldVersion: number } | undefined {
    return this.#refusal
  }

  take(): ClaimResult {
    const { ports, records, record, target, ifVersion } = this.#init
    const now = ports.clock.wallClock()
    const result = records.put({ record, target, origin: 'replica', now, ifVersion })
    if (result.type === 'refused') {
      const { code, reason, heldVersion = 0 } = result
      if (code !== 'stale') return 'full'
      this.#refusal = { reason, heldVersion }
      return 'stale'
    }
    const write = result.type === 'stored' ? result.write : []
    this.#durable = new Promise((resolve) => writeRecord(this.#init, record, write, resolve))
    return 'held'
  }

  /** When what was taken is on the disk; with the error if it is not. */
  durable(): Promise<Error | undefined> {
    return this.#durable
  }
}
