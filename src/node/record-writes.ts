import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Ports, StorageWrite } from '../core/ports.ts'
import type { ValueRecord } from '../core/record.ts'
import type { RecordStore } from '../core/record-store.ts'

/** What a write of a record needs of its peer. */
export interface RecordWriteInit {
  readonly ports: Ports
  readonly records: RecordStore
}

/**
 * Makes what the store took in durable; `done` hears when it is, or why it is not. The store holds the value either way, so
 * that the same value, when it comes again, looks like a repetition with nothing to write: what the disk has refused is
 * remembered there, written again, and acknowledged no sooner.
 */
export function writeRecord(
  { ports, records }: RecordWriteInit,
  record: ValueRecord,
  batch: readonly StorageWrite[],
  done: (error: Error | undefined) => void,
): void {
  ports.storage.write(batch, (error) => {
    if (error !== undefined) records.unwritten(record)
    // A repetition waited for the write before it, which may have failed.
    const isLost = error === undefined && records.isUnwritten(record.key)
    done(isLost ? new Error('the disk refused the same value just before') : error)
  })
}

/** Gives an answer when what it acknowledges is durable, or says that the disk has refused it. */
export function replyWhenDurable(
  init: RecordWriteInit,
  request: RpcRequest,
  { outcome, write }: { readonly outcome: RpcOutcome; readonly write: readonly StorageWrite[] },
  reply: (outcome: RpcOutcome) => void,
): void {
  const { storage, observer, clock } = init.ports
  const done = (error: Error | undefined): void => {
    if (error !== undefined) observer?.observe({ type: 'storage-failed', at: clock.now(), error })
    reply(error === undefined ? outcome : NOT_STORED)
  }
  if (request.type === 'put-value') writeRecord(init, request.record, write, done)
  else storage.write(write, done)
}

const NOT_STORED: RpcOutcome = {
  ok: false,
  failure: { type: 'refused', reason: 'the disk refused to store it' },
}
