import { describe, expect, it } from 'vitest'
import { KBucket, retryAt } from '../../src/core/k-bucket.ts'
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, FAILURES_STALE } from '../../src/core/limits.ts'
import { tinyContact } from '../support/tiny.ts'

const a = tinyContact(0b1000_0001)
const b = tinyContact(0b1000_0010)
const c = tinyContact(0b1000_0100)
const self = Uint8Array.of(0)

function bucketOf(...contacts: readonly (typeof a)[]): KBucket {
  const bucket = new KBucket(0)
  contacts.forEach((contact, i) => {
    bucket.add(contact, i)
  })
  return bucket
}

function fail(bucket: KBucket, index: number, times: number, at = 0): void {
  for (let i = 0; i < times; i++) bucket.failed(index, at)
}

describe('KBucket', () => {
  it('finds a contact by its key, not by the object', () => {
    const bucket = bucketOf(a, b)
    expect(bucket.indexOf(Uint8Array.of(0b1000_0010))).toBe(1)
    expect(bucket.indexOf(c.key)).toBe(-1)
  })

  it('shows the least recently seen contact first', () => {
    const bucket = bucketOf(a, b, c)
    bucket.seen(0, a, 10)
    expect(bucket.view().contacts.map((entry) => entry.contact)).toEqual([b, c, a])
    expect(bucket.view().contacts.map((entry) => entry.lastSeenAt)).toEqual([1, 2, 10])
  })

  it('keeps the contacts in the order in which they came in, whoever was seen since', () => {
    const bucket = bucketOf(a, b, c)
    bucket.seen(0, a, 10)
    expect(bucket.contacts).toEqual([a, b, c])
  })

  it('holds the new contact when a peer showed up with new addresses', () => {
    const bucket = bucketOf(a, b)
    const moved = tinyContact(0b1000_0001, { addresses: [] })
    bucket.seen(0, moved, 5)
    expect(bucket.at(0)).toBe(moved)
  })

  it('keeps times and failures with their contact when another one leaves', () => {
    const bucket = bucketOf(a, b, c)
    bucket.failed(2, 7)
    expect(bucket.removeAt(0)).toBe(a)
    expect(bucket.contacts).toEqual([b, c])
    expect([bucket.failures(0), bucket.failures(1)]).toEqual([0, 1])
    expect([bucket.seenAt(0), bucket.seenAt(1)]).toEqual([1, 2])
    expect(bucket.failedAt(1)).toBe(7)
    bucket.add(a, 9)
    expect([bucket.failures(2), bucket.seenAt(2)]).toEqual([0, 9])
  })

  it(`takes a contact for stale after ${FAILURES_STALE} failures in a row, and one answer resets them`, () => {
    const bucket = bucketOf(a, b)
    fail(bucket, 0, FAILURES_STALE - 1)
    expect(bucket.isStale(0)).toBe(false)
    bucket.answered(0)
    fail(bucket, 0, FAILURES_STALE - 1)
    expect([bucket.isStale(0), bucket.live]).toEqual([false, 2])
    fail(bucket, 0, 1)
    expect([bucket.isStale(0), bucket.live]).toEqual([true, 1])
    fail(bucket, 0, 1)
    expect(bucket.live).toBe(1)
    bucket.answered(0)
    expect([bucket.isStale(0), bucket.live]).toEqual([false, 2])
  })

  it('counts a stale contact that leaves as gone', () => {
    const bucket = bucketOf(a, b)
    fail(bucket, 1, FAILURES_STALE)
    bucket.removeAt(1)
    expect([bucket.size, bucket.live, bucket.worstStale()]).toEqual([1, 1, -1])
  })

  it('gives up first the stale contact that failed most often', () => {
    const bucket = bucketOf(a, b, c)
    expect(bucket.worstStale()).toBe(-1)
    fail(bucket, 0, FAILURES_STALE)
    fail(bucket, 2, FAILURES_STALE + 1)
    expect(bucket.worstStale()).toBe(2)
  })

  it('drops what it knows of failures when the last of them is forgotten', () => {
    const bucket = bucketOf(a, b)
    bucket.failed(1, 3)
    expect(bucket.hasFailures).toBe(true)
    bucket.answered(1)
    expect(bucket.hasFailures).toBe(false)
  })
})

describe('the contact of a KBucket to probe', () => {
  it('is the least recently seen one', () => {
    const bucket = bucketOf(a, b, c)
    bucket.seen(0, a, 10)
    expect(bucket.probeCandidate(10, 10)).toBe(1)
  })

  it('does not exist while all were seen lately', () => {
    const bucket = bucketOf(a, b)
    expect(bucket.probeCandidate(100, -1)).toBe(-1)
    expect(bucket.probeCandidate(100, 0)).toBe(0)
  })

  it('is rather one that failed, once its back-off is over', () => {
    const bucket = bucketOf(a, b, c)
    bucket.failed(2, 100)
    expect(bucket.probeCandidate(101, 100)).toBe(0)
    expect(bucket.probeCandidate(100 + BACKOFF_FIRST_MS, 100)).toBe(2)
  })

  it('is never one whose back-off is not over', () => {
    const bucket = bucketOf(a)
    bucket.failed(0, 100)
    expect(bucket.probeCandidate(101, 101)).toBe(-1)
  })
})

describe('the newcomers that wait for a place in a KBucket', () => {
  it('stand with the most recently seen last, each once', () => {
    const bucket = bucketOf()
    for (const contact of [a, b, c, a]) bucket.addReplacement(contact, 3)
    expect(bucket.replacements).toEqual([b, c, a])
  })

  it('are bounded: the one seen longest ago is dropped', () => {
    const bucket = bucketOf()
    for (const contact of [a, b, c]) bucket.addReplacement(contact, 2)
    expect(bucket.replacements).toEqual([b, c])
  })

  it('can be taken out', () => {
    const bucket = bucketOf()
    bucket.addReplacement(a, 2)
    expect(bucket.removeReplacement(b.key)).toBe(false)
    expect(bucket.removeReplacement(a.key)).toBe(true)
    expect(bucket.replacements).toEqual([])
  })
})

describe('distances within a KBucket', () => {
  it('nearer counts live contacts only', () => {
    const bucket = bucketOf(a, b, c)
    expect(bucket.nearer(c.key, self)).toBe(2)
    fail(bucket, 0, FAILURES_STALE)
    expect(bucket.nearer(c.key, self)).toBe(1)
  })

  it('newestBeyond is who came last among those that are not neighbours', () => {
    const bucket = bucketOf(c, b, a) // a is nearest, c farthest
    expect(bucket.newestBeyond(0, self)).toBe(2)
    expect(bucket.newestBeyond(1, self)).toBe(1)
    expect(bucket.newestBeyond(2, self)).toBe(0)
    expect(bucket.newestBeyond(3, self)).toBe(-1)
  })
})

describe('retryAt', () => {
  it('doubles the pause with each failure in a row, up to a bound', () => {
    expect(retryAt(1_000, 0)).toBe(-Infinity)
    expect(retryAt(1_000, 1)).toBe(1_000 + BACKOFF_FIRST_MS)
    expect(retryAt(1_000, 2)).toBe(1_000 + 2 * BACKOFF_FIRST_MS)
    expect(retryAt(1_000, 3)).toBe(1_000 + 4 * BACKOFF_FIRST_MS)
    expect(retryAt(1_000, 5_000)).toBe(1_000 + BACKOFF_MAX_MS)
  })

  it('counts requests that were under way together as one failure', () => {
    const bucket = bucketOf(a)
    expect(bucket.failed(0, 100, 40)).toBe(true)
    expect(bucket.failed(0, 100, 40)).toBe(false)
    expect(bucket.failed(0, 130, 99)).toBe(false)
    expect([bucket.failures(0), bucket.failedAt(0)]).toEqual([1, 100])
    expect(bucket.failed(0, 200, 100)).toBe(true)
    bucket.answered(0)
    expect(bucket.failed(0, 210, 150)).toBe(true)
    expect(bucket.failures(0)).toBe(1)
  })

  it('is told of each contact that failed, and of none other', () => {
    const bucket = bucketOf(a, b, c)
    expect(bucket.nextRetryAt()).toBe(Infinity)
    bucket.failed(0, 50)
    bucket.failed(2, 20)
    expect(bucket.nextRetryAt()).toBe(20 + BACKOFF_FIRST_MS)
    expect(bucket.retryDue(20 + BACKOFF_FIRST_MS)).toEqual([c])
    expect(bucket.retryDue(50 + BACKOFF_FIRST_MS)).toEqual([a, c])
  })
})
