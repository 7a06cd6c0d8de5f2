import { createHash } from 'node:crypto'
import { type Key, keyFromDigest } from '../../src/core/key.ts'
import { type NodeOptions, resolveOptions } from '../../src/core/options.ts'
import type { Envelopes, Hash, UnixMs } from '../../src/core/ports.ts'
import { type PutInput, RecordStore } from '../../src/core/record-store.ts'
import type { StorePutResult } from '../../src/core/store-put-result.ts'
import { defaultValidators, type Validators } from '../../src/core/validators.ts'

/** The wall clock at the start of these tests. */
export const NOW: UnixMs = Date.UTC(2026, 0, 1)

export const sha256: Hash = (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest())

/** Envelopes that anyone can make: signer, NUL, payload (test/support/values.ts seals them). */
export const openEnvelopes: Envelopes = {
  open(bytes) {
    const end = bytes.indexOf(0)
    if (end < 1) return undefined
    return { signer: Buffer.from(bytes.subarray(0, end)).toString(), payload: bytes.slice(end + 1) }
  },
}

export const validators: Validators = defaultValidators({ hash: sha256, envelopes: openEnvelopes })

/** A store of a peer that stands at 0, the least point of the keyspace, unless told otherwise. */
export function newStore(
  options: Partial<NodeOptions> = {},
  self: Key = new Uint8Array(20),
): RecordStore {
  return new RecordStore({ options: resolveOptions(options), validators, self, hash: sha256 })
}

/** Puts a value as a replica that arrives at `NOW` without a ttl, unless told otherwise. */
export function put(
  store: RecordStore,
  key: Uint8Array,
  value: Uint8Array,
  given: Partial<Omit<PutInput, 'record'>> & { ttlMs?: number } = {},
): StorePutResult {
  const { ttlMs, ...rest } = given
  return store.put({
    record: ttlMs === undefined ? { key, value } : { key, value, ttlMs },
    target: keyFromDigest(sha256(key)),
    origin: 'replica',
    now: NOW,
    ...rest,
  })
}
