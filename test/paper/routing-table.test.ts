import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { compareDistance } from '../../src/core/key.ts'
import { FAILURES_STALE, PROBE_AFTER_MS } from '../../src/core/limits.ts'
import { RoutingTable } from '../../src/core/routing-table.ts'
import {
  contactAt,
  keyWithPrefix,
  randomContact,
  seededRandom,
  tinyContact,
} from '../support/tiny.ts'

/**
 * What "Kademlia: A Peer-to-peer Information System Based on the XOR Metric" (the final paper, LNCS 2429) says of the
 * routing table, section by section, and the mistakes that implementations are known to make with it.
 */

const SELF = Uint8Array.of(0b0000_0000)
const HOUR = 3_600_000
const LATER = PROBE_AFTER_MS + 1_000

function make(k: number): RoutingTable {
  return new RoutingTable({ self: SELF, k, ipDiversity: false })
}

function offerAll(table: RoutingTable, contacts: readonly Contact[]): void {
  contacts.forEach((contact, i) => {
    table.offer(contact, i)
  })
}

function keysOf(contacts: Iterable<Contact>): number[] {
  return Array.from(contacts, (contact) => contact.key[0] ?? -1)
}

function failOften(table: RoutingTable, contact: Contact): string {
  let last = ''
  for (let i = 0; i < FAILURES_STALE; i++) last = table.failed(contact.id, contact.key, LATER).type
  return last
}

const everyone = Array.from({ length: 255 }, (_, i) => tinyContact(i + 1))

describe('2.2 Node state', () => {
  it('a bucket covers the ids between two powers of two of distance: bits are counted, not bytes', () => {
    const table = make(1)
    offerAll(
      table,
      [128, 64, 32, 16, 8, 4, 2, 1].map((key) => tinyContact(key)),
    )
    expect([...table.buckets()].map((bucket) => bucket.prefixLength)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ])
  })

  it('the tree goes on deepening towards the own id', () => {
    const table = make(4)
    offerAll(table, everyone)
    const sizes = [...table.buckets()].map((bucket) => bucket.contacts.length)
    // Of 128, 64, 32, 16, 8, 4, 2 and 1 nodes in the rows: k of each, and the nearest rows in full.
    expect(sizes).toEqual([4, 4, 4, 4, 4, 4, 2, 1])
  })

  it('a bucket is kept in order of when its contacts were last seen, the least recently seen at the head', () => {
    const table = make(3)
    offerAll(
      table,
      [0x80, 0x90, 0xa0].map((key) => tinyContact(key)),
    )
    table.heard(tinyContact(0x80), 10)
    table.offer(tinyContact(0x90), 11)
    const [bucket] = table.buckets()
    expect(keysOf(bucket?.contacts.map((entry) => entry.contact) ?? [])).toEqual([0xa0, 0x80, 0x90])
  })

  it('when a bucket is full, the least recently seen contact is asked for a sign of life', () => {
    const table = make(2)
    offerAll(
      table,
      [1, 2, 0x80, 0x90].map((key) => tinyContact(key)),
    )
    table.heard(tinyContact(0x80), 10)
    const admission = table.offer(tinyContact(0xa0), LATER)
    expect(admission).toEqual({ type: 'probe', oldest: tinyContact(0x90) })
  })

  it('who answers is never thrown out: a flood of newcomers changes nothing', () => {
    const table = make(2)
    const old = [1, 2, 0x80, 0x90].map((key) => tinyContact(key))
    offerAll(table, old)
    let now = LATER
    for (let key = 0xa0; key <= 0xff; key++, now += LATER) {
      const newcomer = tinyContact(key)
      const admission = table.offer(newcomer, now)
      if (admission.type === 'probe') table.probed(admission.oldest, true, newcomer, now)
    }
    expect(new Set(keysOf(table.contacts()))).toEqual(new Set(keysOf(old)))
    table.checkInvariants()
  })

  it('who was only heard of does not enter (mistake 10)', () => {
    const table = make(2)
    expect(table.heard(tinyContact(7), 0)).toBe(false)
    expect(table.wants(tinyContact(7), 0)).toBe(true)
    expect(table.size).toBe(0)
  })

  it('the own id is in no bucket and in no answer (mistake 18)', () => {
    const table = make(20)
    table.offer(tinyContact(0), 0)
    offerAll(table, everyone)
    expect(keysOf(table.closest(SELF, 300))).not.toContain(0)
    expect(keysOf(table.contacts())).not.toContain(0)
  })

  it('where a contact stands depends on its id only, not on who came before (mistake 5)', () => {
    const forwards = make(300)
    const backwards = make(300)
    offerAll(forwards, everyone)
    offerAll(backwards, everyone.toReversed())
    const shape = (table: RoutingTable) =>
      [...table.buckets()].map((bucket) => [
        bucket.prefixLength,
        keysOf(bucket.contacts.map((entry) => entry.contact)).sort((a, b) => a - b),
      ])
    expect(shape(backwards)).toEqual(shape(forwards))
  })
})

describe('2.3 Protocol: FIND_NODE', () => {
  it('answers from several buckets when one holds fewer than k (mistake 6)', () => {
    const table = make(20)
    offerAll(
      table,
      [0x80, 0x40, 0x20, 0x10].map((key) => tinyContact(key)),
    )
    expect(keysOf(table.closest(Uint8Array.of(0x81), 20))).toEqual([0x80, 0x10, 0x20, 0x40])
  })

  it('answers with fewer than k only if it knows fewer', () => {
    const table = make(4)
    offerAll(table, everyone)
    for (let target = 0; target < 256; target++) {
      for (const count of [1, 4, 5, 20, table.size]) {
        expect(table.closest(Uint8Array.of(target), count)).toHaveLength(count)
      }
      expect(table.closest(Uint8Array.of(target), 1_000)).toHaveLength(table.size)
    }
  })

  it('visits nearer rows first, for each target and each count', () => {
    const table = make(3)
    offerAll(table, everyone)
    const known = [...table.contacts()]
    for (let target = 0; target < 256; target++) {
      const sorted = keysOf(known).sort((a, b) => (a ^ target) - (b ^ target))
      for (let count = 1; count <= sorted.length; count++) {
        const found = table.closest(Uint8Array.of(target), count)
        expect(keysOf(found)).toEqual(sorted.slice(0, count))
      }
    }
  })

  it('interleaves deeper rows by the bits of the target', () => {
    const table = make(2)
    offerAll(
      table,
      [0b0100_0000, 0b0010_0000, 0b0001_0000].map((key) => tinyContact(key)),
    )
    // Row 0 is empty. Of the deeper ones the target 1010… is nearest to row 2, then to row 3, then to row 1.
    const found = table.closest(Uint8Array.of(0b1010_0000), 3)
    expect(keysOf(found)).toEqual([0b0010_0000, 0b0001_0000, 0b0100_0000])
  })

  it('names dead contacts only when it knows nobody better (mistake 11)', () => {
    const table = make(4)
    const contacts = [0x80, 0x81, 0x82, 0x40].map((key) => tinyContact(key))
    offerAll(table, contacts)
    expect(failOften(table, tinyContact(0x81))).toBe('flagged')
    expect(keysOf(table.closest(Uint8Array.of(0x81), 3))).toEqual([0x80, 0x82, 0x40])
    expect(keysOf(table.closest(Uint8Array.of(0x81), 4))).toEqual([0x80, 0x82, 0x40, 0x81])
    expect(keysOf(table.closest(SELF, 3))).toEqual([0x40, 0x80, 0x82])
  })
})

describe('2.3 Protocol: refreshing', () => {
  it('is due for a bucket whose range no lookup went into for an hour, and for no other (mistake 12)', () => {
    const table = make(4)
    offerAll(
      table,
      [0x80, 0x40, 0x20].map((key) => tinyContact(key)),
    )
    expect(table.refreshDue(HOUR - 1, HOUR)).toEqual([])
    table.touched(Uint8Array.of(0b0111_1111), HOUR / 2)
    expect(table.refreshDue(HOUR + 2, HOUR)).toEqual([0, 2])
    expect(table.nextRefreshAt(HOUR)).toBe(HOUR)
    table.touched(Uint8Array.of(0b1000_0000), HOUR + 2)
    table.touched(Uint8Array.of(0b0010_0000), HOUR + 2)
    expect(table.refreshDue(HOUR + 2, HOUR)).toEqual([])
    expect(table.nextRefreshAt(HOUR)).toBe(HOUR / 2 + HOUR)
    expect(table.refreshDue(HOUR / 2 + HOUR, HOUR)).toEqual([1])
  })

  it('is not put off by a message from a contact, only by a lookup', () => {
    const table = make(4)
    table.offer(tinyContact(0x80), 0)
    table.heard(tinyContact(0x80), HOUR - 1)
    table.offer(tinyContact(0x80), HOUR - 1)
    expect(table.refreshDue(HOUR, HOUR)).toEqual([0])
  })

  it('reaches down to the closest neighbour: empty rows before it count, those behind it do not (mistake 13)', () => {
    const table = make(4)
    table.offer(tinyContact(0b0000_1000), 0)
    expect(table.refreshDue(HOUR, HOUR)).toEqual([0, 1, 2, 3, 4])
    table.remove(tinyContact(0b0000_1000).id, Uint8Array.of(0b0000_1000), 1)
    expect(table.refreshDue(HOUR, HOUR)).toEqual([])
    expect(table.nextRefreshAt(HOUR)).toBe(Infinity)
  })
})

describe('2.4 Routing table: the neighbourhood', () => {
  it('knows all of the smallest subtree around itself that holds at least k nodes (mistakes 1, 9)', () => {
    const random = seededRandom(24)
    for (let round = 0; round < 20; round++) {
      const self = random.bytes(20)
      const table = new RoutingTable({ self, k: 20, ipDiversity: false })
      const network = Array.from({ length: 400 }, () => randomContact(random))
      offerAll(table, network)
      network.sort((a, b) => compareDistance(self, a.key, b.key))
      expect(table.neighbours()).toEqual(network.slice(0, 20))
      table.checkInvariants()
    }
  })

  it('knows k neighbours even if all nodes stand in the other half of the tree', () => {
    const random = seededRandom(25)
    const self = random.bytes(20)
    const table = new RoutingTable({ self, k: 4, ipDiversity: false })
    const others = Array.from({ length: 200 }, () => contactAt(keyWithPrefix(self, 0, random)))
    offerAll(table, others)
    others.sort((a, b) => compareDistance(self, a.key, b.key))
    expect(table.neighbours()).toEqual(others.slice(0, 4))
    expect(table.size).toBeLessThanOrEqual(8)
  })

  it('in a network of n the table holds about k · (log2(n / k) + 0.93) contacts', () => {
    const random = seededRandom(26)
    const sizes = Array.from({ length: 20 }, () => {
      const table = new RoutingTable({ self: random.bytes(20), k: 20, ipDiversity: false })
      for (let i = 0; i < 2_000; i++) table.offer(randomContact(random), i)
      return table.size
    })
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length
    const expected = 20 * (Math.log2(2_000 / 20) + 0.93)
    expect(Math.abs(mean - expected)).toBeLessThan(8)
  })
})

describe('4.1 Optimized contact accounting', () => {
  it('one lost packet throws nobody out, failures in a row do (mistake 3)', () => {
    const table = make(2)
    offerAll(
      table,
      [1, 2, 0x80, 0x90, 0xa0].map((key) => tinyContact(key)),
    )
    const dead = tinyContact(0x80)
    for (let i = 1; i < FAILURES_STALE; i++) {
      expect(table.failed(dead.id, dead.key, LATER)).toEqual({ type: 'kept' })
    }
    expect(table.failed(dead.id, dead.key, LATER)).toEqual({
      type: 'replaced',
      removed: tinyContact(0x80),
      added: tinyContact(0xa0),
    })
    table.checkInvariants()
  })

  it('one answer makes up for all failures', () => {
    const table = make(2)
    offerAll(
      table,
      [1, 2, 0x80, 0x90, 0xa0].map((key) => tinyContact(key)),
    )
    const flaky = tinyContact(0x80)
    for (let i = 0; i < 50; i++) {
      for (let j = 1; j < FAILURES_STALE; j++) table.failed(flaky.id, flaky.key, i)
      table.offer(flaky, i)
    }
    expect(table.has(flaky.key)).toBe(true)
  })

  it('the most recently seen of those that wait goes first (mistake 4)', () => {
    const table = make(3)
    offerAll(
      table,
      [1, 2, 3, 0x80, 0x90, 0xa0].map((key) => tinyContact(key)),
    )
    offerAll(
      table,
      [0xb0, 0xc0, 0xd0, 0xb0].map((key) => tinyContact(key)),
    )
    failOften(table, tinyContact(0x80))
    failOften(table, tinyContact(0x90))
    failOften(table, tinyContact(0xa0))
    const [bucket] = table.buckets()
    expect(keysOf(bucket?.contacts.map((entry) => entry.contact) ?? [])).toEqual([0xb0, 0xd0, 0xc0])
  })

  it('at most k newcomers wait', () => {
    const table = make(3)
    offerAll(
      table,
      [1, 2, 3].map((key) => tinyContact(key)),
    )
    for (let key = 0x80; key <= 0xff; key++) table.offer(tinyContact(key), key)
    const [bucket] = table.buckets()
    expect(bucket?.replacements).toBe(3)
    table.checkInvariants()
  })

  it('without anybody to replace it a stale contact is only flagged: a lost link voids no table (mistake 2)', () => {
    const table = make(4)
    offerAll(table, everyone.slice(0, 10))
    const known = [...table.contacts()]
    const before = table.size
    for (let round = 0; round < 3; round++) for (const contact of known) failOften(table, contact)
    expect(table.size).toBe(before)
    expect(table.closest(SELF, 4)).toHaveLength(4)
    for (const contact of known) table.offer(contact, LATER)
    expect(keysOf(table.neighbours())).toEqual([1, 2, 3, 4])
    table.checkInvariants()
  })

  it('a flagged contact is forgotten after an hour of silence while others answer, and the last is not', () => {
    const table = make(4)
    offerAll(table, [tinyContact(1), tinyContact(0x80)])
    const silent = tinyContact(0x80)
    let silentMs = 0
    table.failed(silent.id, silent.key, silentMs)
    while (table.has(silent.key)) {
      silentMs = table.nextRetryAt()
      table.failed(silent.id, silent.key, silentMs)
    }
    expect(silentMs).toBeGreaterThan(HOUR)
    expect(silentMs).toBeLessThan(1.5 * HOUR)
    const last = tinyContact(1)
    for (let i = 0; i < 100; i++) table.failed(last.id, last.key, LATER)
    expect(keysOf(table.contacts())).toEqual([1])
    table.checkInvariants()
  })

  it('a flagged contact makes room for the next newcomer', () => {
    const table = make(2)
    offerAll(
      table,
      [1, 2, 0x80, 0x90].map((key) => tinyContact(key)),
    )
    expect(failOften(table, tinyContact(0x90))).toBe('flagged')
    expect(table.offer(tinyContact(0xf0), LATER)).toEqual({ type: 'added' })
    expect(table.has(Uint8Array.of(0x90))).toBe(false)
  })

  it('who fails is left alone for a time that doubles', () => {
    const table = make(2)
    table.offer(tinyContact(1), 0)
    const waits = Array.from({ length: 4 }, () => {
      table.failed(tinyContact(1).id, Uint8Array.of(1), 0)
      return table.nextRetryAt()
    })
    expect(waits.map((wait) => wait / (waits[0] ?? 1))).toEqual([1, 2, 4, 8])
  })
})
