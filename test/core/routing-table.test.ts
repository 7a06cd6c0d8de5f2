import { describe, expect, it } from 'vitest'
import { nearestInWaiting } from '../../src/core/bucket-walk.ts'
import type { Contact } from '../../src/core/contact.ts'
import {
  FAILURES_STALE,
  IP_GROUP_PER_BUCKET_MAX,
  PROBE_AFTER_MS,
  PROBE_LOCK_MS,
} from '../../src/core/limits.ts'
import { RoutingTable } from '../../src/core/routing-table.ts'
import { ip4Address, tinyContact } from '../support/tiny.ts'

const SELF = 0b0000_0000
const LATER = PROBE_AFTER_MS + 1_000

function make(k = 2, ipDiversity = false): RoutingTable {
  return new RoutingTable({ self: Uint8Array.of(SELF), k, ipDiversity })
}

/** Offers a contact at each of these points, all at time 0. */
function fill(table: RoutingTable, ...keys: readonly number[]): Contact[] {
  return keys.map((key) => {
    const contact = tinyContact(key)
    expect(table.offer(contact, 0)).toEqual({ type: 'added' })
    return contact
  })
}

/** A table of k = 2 whose outermost bucket is full, and who is in it; two neighbours are nearer. */
function makeFull(): { table: RoutingTable; oldest: Contact; younger: Contact } {
  const table = make()
  fill(table, 0b0000_0001, 0b0000_0010)
  const [oldest, younger] = [tinyContact(0b1000_0000), tinyContact(0b1100_0000)]
  table.offer(oldest, 0)
  table.offer(younger, 1)
  return { table, oldest, younger }
}

function failFor(table: RoutingTable, contact: Contact, times: number, now = 0): string[] {
  return Array.from({ length: times }, () => table.failed(contact.id, contact.key, now).type)
}

function keysOf(contacts: Iterable<Contact>): number[] {
  return Array.from(contacts, (contact) => contact.key[0] ?? -1)
}

const newcomer = tinyContact(0b1110_0000)

describe('offering a contact to a RoutingTable', () => {
  it('adds it to the bucket of its prefix length', () => {
    const table = make()
    fill(table, 0b1000_0000, 0b0100_0000, 0b0000_0001)
    expect([...table.buckets()].map((bucket) => bucket.prefixLength)).toEqual([0, 1, 7])
    expect([table.size, table.depth]).toEqual([3, 7])
    table.checkInvariants()
  })

  it('refuses the own key, under any id', () => {
    const table = make()
    expect(table.offer(tinyContact(SELF, { id: 'another' }), 0)).toEqual({
      type: 'rejected',
      reason: 'self',
    })
    expect(table.size).toBe(0)
  })

  it('refuses a contact without an address: nobody could be told of it', () => {
    const table = make()
    const contact = tinyContact(1, { addresses: [] })
    expect(table.offer(contact, 0)).toEqual({ type: 'rejected', reason: 'no-address' })
  })

  it('refreshes one that is known', () => {
    const { table, oldest, younger } = makeFull()
    expect(table.offer(oldest, 5)).toEqual({ type: 'refreshed' })
    const [bucket] = table.buckets()
    expect(bucket?.contacts.map((entry) => entry.contact)).toEqual([younger, oldest])
  })

  it('takes new addresses of one that is known, but not the loss of all of them', () => {
    const table = make()
    fill(table, 1)
    const moved = tinyContact(1, { addresses: [ip4Address(10, 0, 0, 2)] })
    table.offer(moved, 1)
    expect(table.get(moved.key)).toBe(moved)
    table.offer(tinyContact(1, { addresses: [] }), 2)
    expect(table.get(moved.key)).toBe(moved)
  })

  it('asks for a probe of the oldest when the bucket is full', () => {
    const { table, oldest } = makeFull()
    expect(table.offer(newcomer, LATER)).toEqual({ type: 'probe', oldest })
    expect(table.has(newcomer.key)).toBe(false)
    table.checkInvariants()
  })

  it('asks for one probe of a bucket at a time', () => {
    const { table } = makeFull()
    table.offer(newcomer, LATER)
    expect(table.offer(tinyContact(0b1111_0000), LATER)).toEqual({ type: 'cached' })
  })

  it('asks again when nobody reported the end of a probe', () => {
    const { table } = makeFull()
    table.offer(newcomer, LATER)
    expect(table.offer(newcomer, LATER + PROBE_LOCK_MS - 1).type).toBe('cached')
    expect(table.offer(newcomer, LATER + PROBE_LOCK_MS).type).toBe('probe')
  })

  it('asks for no probe of contacts that were all seen lately', () => {
    const { table } = makeFull()
    expect(table.offer(newcomer, 2)).toEqual({ type: 'cached' })
  })

  it('puts it in the place of a stale one at once', () => {
    const { table, oldest } = makeFull()
    failFor(table, oldest, FAILURES_STALE)
    expect(table.offer(newcomer, 1)).toEqual({ type: 'added' })
    expect(table.has(oldest.key)).toBe(false)
    expect(table.has(newcomer.key)).toBe(true)
    table.checkInvariants()
  })
})

describe('a probe', () => {
  it('keeps the oldest if it answers, as the one seen last', () => {
    const { table, oldest, younger } = makeFull()
    table.offer(newcomer, LATER)
    expect(table.probed(oldest, true, newcomer, LATER + 10)).toEqual({ type: 'cached' })
    const [bucket] = table.buckets()
    expect(bucket?.contacts.map((entry) => entry.contact)).toEqual([younger, oldest])
    expect(bucket?.replacements).toBe(1)
  })

  it('keeps the oldest, too, when it did not answer once', () => {
    const { table, oldest } = makeFull()
    table.offer(newcomer, LATER)
    expect(table.probed(oldest, false, newcomer, LATER + 10)).toEqual({ type: 'cached' })
    expect(table.has(oldest.key)).toBe(true)
  })

  it('lets the newcomer in when the oldest has failed often enough in a row', () => {
    const { table, oldest } = makeFull()
    let now = LATER
    let probes = 0
    for (let i = 0; i < 1_000 && table.has(oldest.key); i++, now += 1_000) {
      const admission = table.offer(newcomer, now)
      if (admission.type !== 'probe') continue
      probes++
      if (admission.oldest === oldest) table.probed(oldest, false, newcomer, now)
      else table.probed(admission.oldest, true, newcomer, now)
    }
    expect(table.has(newcomer.key)).toBe(true)
    expect(probes).toBeGreaterThanOrEqual(FAILURES_STALE)
    table.checkInvariants()
  })

  it('harms nobody if the oldest left meanwhile', () => {
    const { table, oldest } = makeFull()
    table.offer(newcomer, LATER)
    table.remove(oldest.id, oldest.key, LATER)
    expect(table.probed(oldest, false, newcomer, LATER)).toEqual({ type: 'added' })
    table.checkInvariants()
  })
})

describe('hearing from a contact', () => {
  it('refreshes it, and takes its new addresses', () => {
    const { table, oldest } = makeFull()
    const moved = tinyContact(oldest.key[0] ?? 0, { addresses: [ip4Address(10, 9, 9, 9)] })
    expect(table.heard(moved, 50)).toBe(true)
    const [bucket] = table.buckets()
    expect(bucket?.contacts.at(-1)).toMatchObject({ contact: moved, lastSeenAt: 50 })
  })

  it('does not add one that is unknown', () => {
    const table = make()
    expect(table.heard(newcomer, 0)).toBe(false)
    expect(table.size).toBe(0)
  })

  it('does not undo its failures: that it asks does not show that it answers', () => {
    const { table, oldest } = makeFull()
    failFor(table, oldest, FAILURES_STALE - 1)
    table.heard(oldest, 5)
    expect(failFor(table, oldest, 1)).toEqual(['flagged'])
  })

  it('makes it the first of those that wait', () => {
    const { table, oldest } = makeFull()
    const other = tinyContact(0b1111_0000)
    table.offer(newcomer, 2)
    table.offer(other, 3)
    expect(table.heard(newcomer, 4)).toBe(false)
    const outcomes = Array.from({ length: FAILURES_STALE }, () =>
      table.failed(oldest.id, oldest.key, 5),
    )
    expect(outcomes.at(-1)).toEqual({ type: 'replaced', removed: oldest, added: newcomer })
  })
})

describe('wants', () => {
  it('agrees with what offer does', () => {
    const { table, oldest } = makeFull()
    expect(table.wants(tinyContact(SELF), 0)).toBe(false)
    expect(table.wants(tinyContact(0b0100_0000), 0)).toBe(true) // room
    expect(table.wants(oldest, 0)).toBe(false) // known
    expect(table.wants(newcomer, 2)).toBe(false) // all seen lately
    expect(table.wants(newcomer, LATER)).toBe(true) // causes a probe
    table.offer(newcomer, LATER)
    expect(table.wants(tinyContact(0b1111_0000), LATER)).toBe(false) // a probe is under way
    expect(table.wants(tinyContact(0b0100_0000, { addresses: [] }), 0)).toBe(false)
  })

  it('is true for a stale contact: an answer would bring it back', () => {
    const { table, oldest } = makeFull()
    failFor(table, oldest, FAILURES_STALE)
    expect(table.wants(oldest, 1)).toBe(true)
    expect(table.wants(newcomer, 1)).toBe(true)
  })

  it('changes nothing', () => {
    const { table } = makeFull()
    const before = JSON.stringify([...table.buckets()])
    table.wants(newcomer, LATER)
    table.wants(tinyContact(0b0010_0000), LATER)
    expect(JSON.stringify([...table.buckets()])).toBe(before)
  })
})

describe('a failed request', () => {
  it('means nothing for an unknown contact or another id', () => {
    const { table, oldest } = makeFull()
    expect(table.failed('x', newcomer.key, 0)).toEqual({ type: 'unknown' })
    expect(table.failed('x', Uint8Array.of(0b0001_0000), 0)).toEqual({ type: 'unknown' })
    expect(table.failed('another', oldest.key, 0)).toEqual({ type: 'unknown' })
    expect(table.failed('self', Uint8Array.of(SELF), 0)).toEqual({ type: 'unknown' })
  })

  it('of a contact that waits for a place ends its waiting', () => {
    const { table } = makeFull()
    table.offer(newcomer, 2)
    expect(table.failed(newcomer.id, newcomer.key, 3)).toEqual({ type: 'unknown' })
    const [bucket] = table.buckets()
    expect(bucket?.replacements).toBe(0)
  })

  it('lets a contact be asked again after its back-off', () => {
    const { table, oldest } = makeFull()
    expect(table.nextRetryAt()).toBe(Infinity)
    table.failed(oldest.id, oldest.key, 100)
    const at = table.nextRetryAt()
    expect(at).toBeGreaterThan(100)
    expect(table.retryDue(at - 1)).toEqual([])
    expect(table.retryDue(at)).toEqual([oldest])
    table.offer(oldest, at)
    expect(table.nextRetryAt()).toBe(Infinity)
  })
})

describe('removing a contact', () => {
  it('gives its place to the one of those waiting that was seen last', () => {
    const { table, oldest } = makeFull()
    table.offer(newcomer, 2)
    const last = tinyContact(0b1111_0000)
    table.offer(last, 3)
    expect(table.remove(oldest.id, oldest.key, 4)).toBe(true)
    expect([table.has(oldest.key), table.has(last.key), table.has(newcomer.key)]).toEqual([
      false,
      true,
      false,
    ])
    table.checkInvariants()
  })

  it('removes one that waits', () => {
    const { table, oldest } = makeFull()
    table.offer(newcomer, 2)
    expect(table.remove(newcomer.id, newcomer.key, 3)).toBe(true)
    table.remove(oldest.id, oldest.key, 4)
    expect(table.has(newcomer.key)).toBe(false)
  })

  it('says when there was nothing to remove', () => {
    const { table, oldest } = makeFull()
    expect(table.remove(newcomer.id, newcomer.key, 0)).toBe(false)
    expect(table.remove('another', oldest.key, 0)).toBe(false)
    expect(table.remove('x', Uint8Array.of(0b0001_0000), 0)).toBe(false)
  })
})

describe('the neighbours', () => {
  it('enter even if their bucket is full, and nobody has to go for them', () => {
    const table = make(2)
    const first = fill(table, 0b1111_0000, 0b1110_0000)
    const near = tinyContact(0b1000_0001)
    expect(table.isNeighbour(near.key)).toBe(true)
    expect(table.offer(near, 1)).toEqual({ type: 'added' })
    expect(keysOf(table.neighbours())).toEqual([0b1000_0001, 0b1110_0000])
    for (const contact of first) expect(table.has(contact.key)).toBe(true)
    table.checkInvariants()
  })

  it('swell a bucket to 2k at most; beyond that whoever is no neighbour and came last waits', () => {
    const table = make(2)
    const old = fill(table, 0b1111_0000, 0b1110_0000)
    for (let key = 0b1010_0000; key >= 0b1000_0000; key--) table.offer(tinyContact(key), 1)
    expect(table.size).toBe(4)
    expect(keysOf(table.neighbours())).toEqual([0b1000_0000, 0b1000_0001])
    for (const contact of old) expect(table.has(contact.key)).toBe(true)
    table.checkInvariants()
  })

  it('leave an overfull bucket at k again when nearer ones are known', () => {
    const table = make(2)
    fill(table, 0b1111_0000, 0b1110_0000, 0b1000_0001)
    fill(table, 0b0000_0001, 0b0000_0010)
    const [outermost] = table.buckets()
    expect(outermost?.contacts.map((entry) => entry.contact.key[0])).toEqual([
      0b1111_0000, 0b1110_0000,
    ])
    expect(outermost?.replacements).toBe(1)
    table.checkInvariants()
  })

  it('are made up from those waiting when one of them leaves', () => {
    const table = make(2)
    fill(table, 0b1111_0000, 0b1110_0000, 0b1000_0001)
    const [nearest] = fill(table, 0b0000_0001, 0b0000_0010)
    expect(table.has(Uint8Array.of(0b1000_0001))).toBe(false)
    table.remove(nearest?.id ?? '', Uint8Array.of(0b0000_0001), 5)
    expect(keysOf(table.neighbours())).toEqual([0b0000_0010, 0b1000_0001])
    table.checkInvariants()
  })

  it('are made up from those waiting when one of them turns stale', () => {
    const table = make(2)
    fill(table, 0b1111_0000, 0b1110_0000, 0b1000_0001, 0b0000_0001, 0b0000_0010)
    expect(failFor(table, tinyContact(0b0000_0001), FAILURES_STALE).at(-1)).toBe('flagged')
    expect(keysOf(table.neighbours())).toEqual([0b0000_0010, 0b1000_0001])
    table.checkInvariants()
  })

  it('are live: a stale one does not keep others out', () => {
    const table = make(2)
    const [dead] = fill(table, 0b0000_0001, 0b1111_0000, 0b1110_0000)
    fill(table, 0b1000_0001) // second nearest
    expect(table.isNeighbour(Uint8Array.of(0b1000_1000))).toBe(false)
    if (dead !== undefined) failFor(table, dead, FAILURES_STALE)
    expect(table.isNeighbour(Uint8Array.of(0b1000_1000))).toBe(true)
    fill(table, 0b1000_1000)
    expect(keysOf(table.neighbours())).toEqual([0b1000_0001, 0b1000_1000])
    table.checkInvariants()
  })

  it('in an overfull bucket are dropped when they turn stale', () => {
    const table = make(2)
    fill(table, 0b1111_0000, 0b1110_0000)
    fill(table, 0b1000_0001)
    const outcomes = failFor(table, tinyContact(0b1000_0001), FAILURES_STALE)
    expect(outcomes.at(-1)).toBe('removed')
    expect(table.size).toBe(2)
    table.checkInvariants()
  })
})

describe('IP diversity', () => {
  const from = (key: number, ...ip: [number, number, number, number]) =>
    tinyContact(key, { addresses: [ip4Address(...ip)] })

  it(`admits ${IP_GROUP_PER_BUCKET_MAX} of a group to a bucket and 3 to the table`, () => {
    const table = make(8, true)
    expect(table.offer(from(0b1000_0000, 8, 8, 0, 1), 0).type).toBe('added')
    expect(table.offer(from(0b1000_0001, 8, 8, 1, 1), 0).type).toBe('added')
    expect(table.offer(from(0b1000_0010, 8, 8, 2, 1), 0)).toEqual({
      type: 'rejected',
      reason: 'ip-group',
    })
    expect(table.offer(from(0b0100_0000, 8, 8, 3, 1), 0).type).toBe('added')
    expect(table.offer(from(0b0010_0000, 8, 8, 4, 1), 0).type).toBe('rejected')
    expect(table.wants(from(0b0010_0000, 8, 8, 4, 1), 0)).toBe(false)
    expect(table.offer(from(0b1000_0010, 8, 9, 0, 1), 0).type).toBe('added')
    table.checkInvariants()
  })

  it('counts a contact for every group that it has an address in', () => {
    const table = make(8, true)
    const both = tinyContact(0b1000_0000, {
      addresses: [ip4Address(8, 8, 0, 1), ip4Address(9, 9, 0, 1)],
    })
    table.offer(both, 0)
    table.offer(from(0b1000_0001, 9, 9, 0, 2), 0)
    expect(table.offer(from(0b1000_0010, 9, 9, 0, 3), 0).type).toBe('rejected')
    expect(table.offer(from(0b1000_0010, 8, 8, 0, 3), 0).type).toBe('added')
  })

  it('holds for the nearest neighbours too: that is where hostile ids are', () => {
    const table = make(8, true)
    const near = [1, 2, 3, 4, 5, 6].map((key) => table.offer(from(key, 8, 8, key, 1), 0).type)
    expect(near.filter((type) => type === 'added')).toHaveLength(3)
  })

  it('exempts private addresses', () => {
    const table = make(8, true)
    for (let key = 0b1000_0000; key < 0b1000_1000; key++) {
      expect(table.offer(from(key, 192, 168, 0, key & 7), 0).type).toBe('added')
    }
  })

  it('cannot be passed by changing addresses once inside', () => {
    const table = make(8, true)
    table.offer(from(0b1000_0000, 8, 8, 0, 1), 0)
    table.offer(from(0b1000_0001, 8, 8, 0, 2), 0)
    const inside = from(0b1000_0010, 7, 7, 0, 1)
    table.offer(inside, 0)
    expect(table.offer(from(0b1000_0010, 8, 8, 0, 3), 1).type).toBe('refreshed')
    expect(table.get(inside.key)).toBe(inside)
    const [bucket] = table.buckets()
    expect(bucket?.contacts.at(-1)).toMatchObject({ contact: inside, lastSeenAt: 1 })
    table.checkInvariants()
  })

  it('lets a contact change addresses within its own group', () => {
    const table = make(8, true)
    table.offer(from(0b1000_0000, 8, 8, 0, 1), 0)
    table.offer(from(0b1000_0001, 8, 8, 0, 2), 0)
    const moved = from(0b1000_0001, 8, 8, 0, 9)
    table.offer(moved, 1)
    expect(table.get(moved.key)).toBe(moved)
  })

  it('does not give the place of one that leaves to one of a full group', () => {
    const table = make(2, true)
    fill(table, 0b0000_0001, 0b0000_0010)
    const leaving = from(0b1000_0000, 7, 7, 0, 1)
    table.offer(leaving, 0)
    table.offer(from(0b1000_0001, 8, 8, 0, 1), 0)
    expect(table.offer(from(0b1000_0010, 8, 8, 0, 2), 1).type).toBe('cached')
    table.offer(from(0b0100_0000, 8, 8, 0, 3), 2)
    table.offer(from(0b0010_0000, 8, 8, 0, 4), 2)
    table.remove(leaving.id, leaving.key, 3)
    expect(table.has(Uint8Array.of(0b1000_0010))).toBe(false)
    table.checkInvariants()
  })

  it('can be switched off', () => {
    const table = make(8, false)
    for (let key = 0b1000_0000; key < 0b1000_1000; key++) {
      expect(table.offer(from(key, 8, 8, 0, key & 7), 0).type).toBe('added')
    }
  })
})

describe('closest', () => {
  it('leaves out whom it is told to', () => {
    const table = make(4)
    fill(table, 1, 2, 4)
    expect(keysOf(table.closest(Uint8Array.of(1), 2))).toEqual([1, 2])
    expect(keysOf(table.closest(Uint8Array.of(1), 2, tinyContact(1)))).toEqual([2, 4])
  })

  it('gives nothing for a count of 0 or from an empty table', () => {
    const table = make()
    expect(table.closest(Uint8Array.of(1), 5)).toEqual([])
    fill(table, 1)
    expect(table.closest(Uint8Array.of(1), 0)).toEqual([])
  })

  it('gives an array that the caller may change', () => {
    const table = make()
    fill(table, 1)
    table.closest(Uint8Array.of(1), 1).pop()
    expect(table.closest(Uint8Array.of(1), 1)).toHaveLength(1)
  })
})

describe('nearestInWaiting', () => {
  it('gives those who wait for a place in any bucket, nearest to the target first', () => {
    const table = make()
    fill(table, 1, 2, 0xf0, 0xe0, 0x70, 0x60)
    for (const key of [0x81, 0x82, 0x41, 0x42]) table.offer(tinyContact(key), 0)
    const waiting = (target: number, count: number): number[] =>
      keysOf(nearestInWaiting(table.groups(), Uint8Array.of(target), count))
    expect(waiting(0x43, 9)).toEqual([0x42, 0x41, 0x82, 0x81])
    expect(waiting(0x80, 3)).toEqual([0x81, 0x82, 0x41])
    expect(waiting(0x80, 0)).toEqual([])
  })
})

describe('the listener', () => {
  it('hears of all who enter and leave, with the cause', () => {
    const heard: string[] = []
    const table = new RoutingTable({
      self: Uint8Array.of(SELF),
      k: 2,
      ipDiversity: false,
      listener: {
        contactAdded: (contact) => heard.push(`+${contact.key[0]}`),
        contactRemoved: (contact, reason) => heard.push(`-${contact.key[0]} ${reason}`),
      },
    })
    fill(table, 0xf0, 0xe0, 0x81, 1)
    expect(heard.splice(0)).toEqual(['+240', '+224', '+129', '+1'])
    fill(table, 2)
    expect(heard.splice(0)).toEqual(['+2', '-129 replaced'])
    table.remove(tinyContact(1).id, Uint8Array.of(1), 1)
    expect(heard.splice(0)).toEqual(['-1 left', '+129'])
    failFor(table, tinyContact(0xf0), FAILURES_STALE)
    expect(heard.splice(0)).toEqual(['-240 stale'])
  })
})

describe('checkInvariants', () => {
  it('finds a contact that was changed behind the table', () => {
    const table = make()
    const [contact] = fill(table, 0b1000_0000)
    table.checkInvariants()
    contact?.key.set([0b0000_0001])
    expect(() => table.checkInvariants()).toThrow(/broken invariant: contact with prefix 7/)
  })
})

describe('a challenge', () => {
  it('names the oldest contact once somebody who has answered waits, and one at a time', () => {
    const { table, oldest } = makeFull()
    expect(table.challenge(newcomer, LATER)).toBeUndefined() // nobody could take the place yet
    table.offer(newcomer, 2) // waits: all have been seen lately
    expect(table.challenge(newcomer, 2)).toBeUndefined()
    expect(table.challenge(newcomer, LATER)).toBe(oldest)
    expect(table.challenge(newcomer, LATER)).toBeUndefined() // the probe is under way
    expect(table.probed(oldest, true, newcomer, LATER)).toEqual({ type: 'cached' })
    expect(table.challenge(tinyContact(SELF ^ 1), LATER)).toBeUndefined() // no bucket, or room
  })
})
