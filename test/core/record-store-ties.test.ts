import { describe, expect, it } from 'vitest'
import { keyFromDigest } from '../../src/core/key.ts'
import { resolveOptions } from '../../src/core/options.ts'
import { RecordStore } from '../../src/core/record-store.ts'
import { type Validator, Validators } from '../../src/core/validators.ts'
import { NOW, put, sha256 } from '../support/record-stores.ts'
import { utf8 } from '../support/wire.ts'

const HOUR_MS = 3_600_000
const key = utf8('/any/key')

/** Takes every value and calls none better. */
const careless: Validator = {
  immutable: false,
  validate: () => ({
    valid: true,
    expiresAt: undefined,
    version: 0,
    writer: undefined,
    deleted: false,
  }),
  select: () => 0,
}

describe('of values of which neither is better', () => {
  const newStore = (): RecordStore =>
    new RecordStore({
      options: resolveOptions({ recordLifetimeMs: 48 * HOUR_MS }),
      validators: new Validators(new Map([['any', careless]])),
      self: keyFromDigest(sha256(utf8('self'))),
      hash: sha256,
    })
  const heldValue = (store: RecordStore): string =>
    Buffer.from(store.get(key, NOW)?.record.value ?? []).toString()

  it('a store keeps the one put last', () => {
    const store = newStore()
    for (const [i, value] of ['b', 'a', 'c'].entries()) {
      expect(put(store, key, utf8(value), { now: NOW + i }).type).toBe('stored')
      expect(heldValue(store)).toBe(value)
    }
  })

  it('a copy of the older one does not come back by replication', () => {
    const store = newStore()
    put(store, key, utf8('newer'), { now: NOW + HOUR_MS })
    const older = put(store, key, utf8('older'), { now: NOW + 2 * HOUR_MS, ttlMs: 46 * HOUR_MS })
    expect(older).toMatchObject({ type: 'refused', code: 'stale' })
    expect(heldValue(store)).toBe('newer')
  })
})
