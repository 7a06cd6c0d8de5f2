import type { Contact } from '../core/contact.ts'
import { hybridTime } from '../core/hybrid-clock.ts'
import type { Envelopes } from '../core/ports.ts'
import { KV_NAMESPACE, parseRecordKey, recordKeyToText } from '../core/record-key.ts'
import type { GapReason, WatchNotice } from '../core/watch.ts'
import { openRecord } from './records.ts'

/** What a watch tells of a value. */
export interface UserWatchValue {
  /** `deleted`: a tombstone took the value's place; `value` is empty. */
  readonly type: 'value' | 'deleted'
  readonly key: Uint8Array
  /** What the writer put: without the envelope. */
  readonly value: Uint8Array
  /** Peer id text of who signed it; `undefined` for unsigned kinds. */
  readonly writer: string | undefined
  readonly version: number
  /** When it was written, milliseconds since 1970: `/kv/` values tell. */
  readonly writtenAtMs: number | undefined
  /** When it ends by its writer's word, milliseconds since 1970. */
  readonly expiresAtMs: number | undefined
  /** Who brought it first; `undefined`: this peer's own store. */
  readonly from: Contact | undefined
  /** Whether it stood before the watch began. */
  readonly initial: boolean
}

/** Between the value told last and the next one there may have been others. */
export interface UserWatchGap {
  readonly type: 'gap'
  readonly key: Uint8Array
  /** How many, where that is known. */
  readonly missed: number | undefined
  /**
   * - `sequence`: the sequence of a `/mutable/` value has jumped;
   * - `overrun`: values came faster than they could be told;
   * - `unwatched`: for a while no replica that knew all could be listened to;
   * - `slow-reader`: the events were not read for too long.
   */
  readonly reason: GapReason
}

/** An event of a watch. */
export type UserWatchEvent = UserWatchValue | UserWatchGap

/** A notice as users see it: the value out of its envelope. */
export function userWatchEvent(
  key: Uint8Array,
  notice: WatchNotice,
  envelopes: Envelopes,
): UserWatchEvent {
  if (notice.type === 'gap') {
    return { type: 'gap', key, missed: notice.missed, reason: notice.reason }
  }
  const { record, verdict, from, isInitial } = notice
  const opened = openRecord(key, record.value, envelopes)
  if (opened === undefined) {
    throw new Error(`broken invariant: a valid ${recordKeyToText(key)} does not open`)
  }
  const isKv = parseRecordKey(key)?.namespace === KV_NAMESPACE
  return {
    type: verdict.deleted ? 'deleted' : 'value',
    key,
    value: opened.value,
    writer: opened.writer,
    version: opened.version,
    writtenAtMs: isKv ? hybridTime(opened.version) : undefined,
    expiresAtMs: verdict.expiresAt,
    from,
    initial: isInitial,
  }
}
