import { describe, expect, it } from 'vitest'
import {
  SUBSCRIPTIONS_PER_PEER_MAX,
  WATCH_BACKLOG_MAX,
  WATCH_LEASE_MS,
  WATCH_REQUESTS_MAX,
  WATCH_WAIT_MS,
} from '../../src/core/limits.ts'
import type { WatchCursor } from '../../src/core/message.ts'
import type { ValueRecord } from '../../src/core/record.ts'
import { Subscriptions, type WatchPollResult } from '../../src/core/subscriptions.ts'
import { seededRandom } from '../support/tiny.ts'

const KEY = Uint8Array.of(1)
const TARGET = new Uint8Array(20).fill(7)

function record(byte: number, size = 1): ValueRecord {
  return { key: KEY, value: new Uint8Array(size).fill(byte) }
}

function poll(
  subscriptions: Subscriptions,
  given: {
    watcher?: string
    target?: Uint8Array
    cursor?: WatchCursor | undefined
    now?: number
    current?: ValueRecord
  } = {},
): WatchPollResult {
  const { watcher = 'ann', target = TARGET, cursor, now = 0, current } = given
  return subscriptions.poll({ watcher, target, cursor, waitMs: WATCH_WAIT_MS, current, now })
}

function answerOf(result: WatchPollResult) {
  if (result.type !== 'answer') throw new Error(`no answer but ${result.type}`)
  return result.answer
}

/** Subscribes, and returns where the count stands. */
function subscribe(subscriptions: Subscriptions, watcher = 'ann', now = 0): WatchCursor {
  return answerOf(poll(subscriptions, { watcher, now })).cursor
}

describe('Subscriptions', () => {
  it('tell a newcomer at once what stands', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const current = record(1)
    expect(answerOf(poll(subscriptions, { current }))).toMatchObject({
      records: [current],
      missed: 0,
    })
    expect(answerOf(poll(subscriptions, { watcher: 'bob' })).records).toEqual([])
  })

  it('let the next request wait until a value lands, and tell it to all who wait', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const [ann, bob] = [subscribe(subscriptions, 'ann'), subscribe(subscriptions, 'bob')]
    expect(poll(subscriptions, { watcher: 'ann', cursor: ann }).type).toBe('wait')
    expect(poll(subscriptions, { watcher: 'bob', cursor: bob }).type).toBe('wait')
    const other = new Uint8Array(20).fill(8)
    expect(subscriptions.landed(other, record(9))).toEqual([])
    const deliveries = subscriptions.landed(TARGET, record(1))
    expect(deliveries.map(({ ticket }) => ticket.watcher)).toEqual(['ann', 'bob'])
    for (const { answer } of deliveries) {
      expect(answer).toMatchObject({ records: [record(1)], missed: 0, cursor: { serial: 1 } })
    }
    expect(subscriptions.landed(TARGET, record(2))).toEqual([])
  })

  it('keep what lands between two requests, in order', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const cursor = subscribe(subscriptions)
    for (const byte of [1, 2, 3]) subscriptions.landed(TARGET, record(byte))
    const answer = answerOf(poll(subscriptions, { cursor }))
    expect(answer.records).toEqual([record(1), record(2), record(3)])
    expect(poll(subscriptions, { cursor: answer.cursor }).type).toBe('wait')
  })

  it('count what they could not keep', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const cursor = subscribe(subscriptions)
    for (let i = 0; i < WATCH_BACKLOG_MAX + 3; i++) subscriptions.landed(TARGET, record(i))
    const answer = answerOf(poll(subscriptions, { cursor }))
    expect(answer.missed).toBe(3)
    expect(answer.records).toHaveLength(WATCH_BACKLOG_MAX)
    expect(answer.cursor.serial).toBe(WATCH_BACKLOG_MAX + 3)
  })

  it('give large values in several answers, and keep no more bytes than they may', () => {
    const subscriptions = new Subscriptions(seededRandom(1), { backlogBytes: 100_000 })
    let cursor = subscribe(subscriptions)
    for (const byte of [1, 2, 3]) subscriptions.landed(TARGET, record(byte, 40_000))
    const first = answerOf(poll(subscriptions, { cursor }))
    expect(first.missed).toBe(1) // three do not fit into 100,000 bytes
    expect(first.records.map(({ value }) => value[0])).toEqual([2])
    cursor = first.cursor
    const second = answerOf(poll(subscriptions, { cursor }))
    expect(second.records.map(({ value }) => value[0])).toEqual([3])
    expect(second.missed).toBe(0)
  })

  it('begin anew for a cursor of another epoch', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const { epoch } = subscribe(subscriptions)
    const stranger = { epoch: epoch + 1, serial: 0 }
    const answer = answerOf(poll(subscriptions, { cursor: stranger, current: record(5) }))
    expect(answer).toMatchObject({ records: [record(5)], cursor: { epoch } })
  })

  it('answer a wait that is over with nothing, and forget who asks no more', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const cursor = subscribe(subscriptions)
    poll(subscriptions, { cursor })
    expect(subscriptions.sweep(WATCH_WAIT_MS - 1)).toEqual([])
    const [delivery] = subscriptions.sweep(WATCH_WAIT_MS)
    expect(delivery?.answer).toEqual({ cursor, records: [], missed: 0 })
    expect(subscriptions.size).toBe(1)
    subscriptions.sweep(WATCH_LEASE_MS - 1)
    expect(subscriptions.size).toBe(1)
    subscriptions.sweep(WATCH_LEASE_MS)
    expect(subscriptions).toMatchObject({ size: 0, waiting: 0 })
    expect(subscriptions.nextSweepAt(0)).toBe(Number.POSITIVE_INFINITY)
  })

  it('forget a watcher who is gone at once', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const result = poll(subscriptions, { cursor: subscribe(subscriptions) })
    if (result.type !== 'wait') throw new Error('it should wait')
    subscriptions.cancel(result.ticket)
    expect(subscriptions).toMatchObject({ size: 0, waiting: 0 })
    expect(subscriptions.landed(TARGET, record(1))).toEqual([])
  })

  it('refuse a peer that watches too many keys, and take it again when it watches fewer', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const target = (i: number) => new Uint8Array(20).fill(i)
    for (let i = 0; i < SUBSCRIPTIONS_PER_PEER_MAX; i++) poll(subscriptions, { target: target(i) })
    const refused = poll(subscriptions, { target: target(200) })
    expect(refused).toEqual({
      type: 'refused',
      reason: `busy: ${SUBSCRIPTIONS_PER_PEER_MAX} subscriptions of yours stand at this peer`,
    })
    expect(poll(subscriptions, { target: target(200), watcher: 'bob' }).type).toBe('answer')
    expect(poll(subscriptions, { target: target(0) }).type).toBe('answer') // it renews
    subscriptions.sweep(WATCH_LEASE_MS)
    expect(poll(subscriptions, { target: target(200) }).type).toBe('answer')
  })

  it('refuse what is beyond the bounds of a key and of all', () => {
    const perKey = new Subscriptions(seededRandom(1), { perKey: 2 })
    for (const watcher of ['ann', 'bob']) poll(perKey, { watcher })
    expect(poll(perKey, { watcher: 'eve' })).toMatchObject({ type: 'refused' })
    const total = new Subscriptions(seededRandom(1), { total: 2 })
    for (const watcher of ['ann', 'bob']) poll(total, { watcher })
    expect(poll(total, { watcher: 'eve', target: KEY })).toMatchObject({ type: 'refused' })
  })

  it('let only a few requests of one watcher wait for one key', () => {
    const subscriptions = new Subscriptions(seededRandom(1))
    const cursor = subscribe(subscriptions)
    for (let i = 0; i < WATCH_REQUESTS_MAX; i++) {
      expect(poll(subscriptions, { cursor }).type).toBe('wait')
    }
    expect(poll(subscriptions, { cursor }).type).toBe('refused')
    expect(subscriptions.waiting).toBe(WATCH_REQUESTS_MAX)
  })
})
