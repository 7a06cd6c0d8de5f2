import type { RecordOutput } from '../api/peer.ts'
import type { HeldRecord } from '../core/held-records.ts'
import { toHex } from '../core/key.ts'
import { recordKeyToText } from '../core/record-key.ts'
import type { RecordStore } from '../core/record-store.ts'

/** The records of a store in the order of their points in the keyspace, or an even choice of `limit` of them. */
export function heldRecords(
  store: RecordStore,
  limit: number,
): { records: readonly RecordOutput[]; total: number } {
  const total = store.size
  const wanted = Math.min(limit, total)
  const records: RecordOutput[] = []
  let index = 0
  for (const held of store.range()) {
    // The n-th that is told of is the first at or after n/wanted of the way.
    if (index * wanted >= records.length * total) records.push(recordOutput(held))
    index += 1
    if (records.length === wanted) break
  }
  return { records, total }
}

function recordOutput({
  record,
  target,
  origin,
  writer,
  expiresAt,
  deleted,
}: HeldRecord): RecordOutput {
  return {
    key: recordKeyToText(record.key),
    target: toHex(target),
    origin,
    valueBytes: record.value.length,
    writer,
    expiresAtMs: expiresAt,
    deleted,
  }
}
