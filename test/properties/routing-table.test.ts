import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { bytesEqual, commonPrefixLength, compareDistance, toHex } from '../../src/core/key.ts'
import { FAILURES_STALE } from '../../src/core/limits.ts'
import type { Random } from '../../src/core/ports.ts'
import { RoutingTable } from '../../src/core/routing-table.ts'
import {
  contactAt,
  ip4Address,
  keyWithPrefix,
  randomContact,
  seededRandom,
} from '../support/tiny.ts'

/** A routing table against brute force, over random tables and random histories. */

const seed = fc.integer({ min: 0, max: 2 ** 31 - 1 })

describe('closest', () => {
  it('is what sorting all contacts would give, live ones before stale ones', () => {
    const setup = fc.record({
      seed,
      k: fc.integer({ min: 1, max: 20 }),
      keyBytes: fc.constantFrom(1, 2, 20),
      offered: fc.nat(300),
      staleShare: fc.constantFrom(0, 0, 0.2, 0.9),
    })
    fc.assert(
      fc.property(setup, ({ seed, k, keyBytes, offered, staleShare }) => {
        const random = seededRandom(seed)
        const self = random.bytes(keyBytes)
        const table = new RoutingTable({ self, k, ipDiversity: false })
        for (let i = 0; i < offered; i++) table.offer(someContact(self, random), i)
        const stale = new Set<string>()
        for (const contact of [...table.contacts()]) {
          if (random.fraction() >= staleShare) continue
          for (let i = 0; i < FAILURES_STALE; i++) table.failed(contact.id, contact.key, offered)
          stale.add(contact.id)
        }
        const known = [...table.contacts()]
        for (let i = 0; i < 8; i++) {
          const target = i === 0 ? self : someKey(self, random)
          const exclude = known[random.below(known.length + 1)]
          const count = random.below(known.length + 3)
          const sorted = known
            .filter((contact) => contact.id !== exclude?.id)
            .toSorted(
              (a, b) =>
                Number(stale.has(a.id)) - Number(stale.has(b.id)) ||
                compareDistance(target, a.key, b.key),
            )
          const { contacts: found, heads } = table.nearest(target, count, exclude)
          expect(idsOf(found)).toEqual(idsOf(sorted.slice(0, count)))
          expect(heads).toEqual(found.map(({ head }) => head))
          const nearer = known.filter(
            ({ id, key }) => !stale.has(id) && compareDistance(target, key, self) < 0,
          )
          expect(table.nearerThanSelf(target)).toBe(nearer.length)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a table to which contacts are offered', () => {
  const network = fc.record({
    seed,
    k: fc.integer({ min: 1, max: 12 }),
    keyBytes: fc.constantFrom(1, 20),
    size: fc.nat(200),
  })

  it('knows the k nearest of all of them, and enough of every row, in whatever order they come', () => {
    fc.assert(
      fc.property(network, ({ seed, k, keyBytes, size }) => {
        const random = seededRandom(seed)
        const self = random.bytes(keyBytes)
        const table = new RoutingTable({ self, k, ipDiversity: false })
        const offered = distinct(
          Array.from({ length: size }, () => someContact(self, random)),
        ).filter((contact) => !bytesEqual(contact.key, self))
        offered.forEach((contact, i) => {
          expect(table.isNeighbour(contact.key)).toBe(rankOf(contact, table, self) < k)
          table.offer(contact, i)
        })
        offered.sort((a, b) => compareDistance(self, a.key, b.key))
        expect(idsOf(table.neighbours())).toEqual(idsOf(offered.slice(0, k)))
        for (const bucket of table.buckets()) {
          const inRange = offered.filter(
            (contact) => commonPrefixLength(self, contact.key) === bucket.prefixLength,
          )
          expect(bucket.contacts.length).toBeGreaterThanOrEqual(Math.min(k, inRange.length))
        }
        table.checkInvariants()
      }),
      { numRuns: 1_000 },
    )
  })

  it('finds the exact k closest to each key near its own', () => {
    fc.assert(
      fc.property(network, ({ seed, k, size }) => {
        const random = seededRandom(seed)
        const self = random.bytes(20)
        const table = new RoutingTable({ self, k, ipDiversity: false })
        const offered = Array.from({ length: size }, () => randomContact(random))
        offered.forEach((contact, i) => {
          table.offer(contact, i)
        })
        // A target so near that everything among its k closest is among our own k nearest.
        const target = keyWithPrefix(self, 100, random)
        offered.sort((a, b) => compareDistance(target, a.key, b.key))
        expect(idsOf(table.closest(target, k))).toEqual(idsOf(offered.slice(0, k)))
      }),
      { numRuns: 300 },
    )
  })
})

describe('a table with a history', () => {
  const history = fc.record({
    seed,
    k: fc.integer({ min: 1, max: 6 }),
    keyBytes: fc.constantFrom(1, 1, 2, 20),
    peers: fc.integer({ min: 1, max: 60 }),
    ipDiversity: fc.boolean(),
    probeAfterMs: fc.constantFrom(0, 20, 1_000),
    failing: fc.constantFrom(0.1, 0.5, 0.9),
    offering: fc.constantFrom(0.1, 0.2, 0.45, 0.7),
  })

  it('keeps its invariants, and throws out only who failed in a row, left, or overflowed', () => {
    fc.assert(
      fc.property(history, (setup) => {
        const model = new Model(setup)
        expect(() => {
          for (let step = 0; step < 300; step++) {
            model.step(step * 7)
            model.check()
          }
        }).not.toThrow()
      }),
      { numRuns: 300 },
    )
  })
})

interface Setup {
  readonly seed: number
  readonly k: number
  readonly keyBytes: number
  readonly peers: number
  readonly ipDiversity: boolean
  readonly probeAfterMs: number
  readonly failing: number
  readonly offering: number
}

/** A table, and beside it what the table's answers and its listener say of it. */
class Model {
  readonly #random: Random
  readonly #setup: Setup
  readonly #table: RoutingTable
  readonly #peers: Contact[]
  readonly #present = new Map<string, Contact>()
  readonly #failuresInARow = new Map<string, number>()
  #leaving: string | undefined

  constructor(setup: Setup) {
    this.#setup = setup
    this.#random = seededRandom(setup.seed)
    const self = this.#random.bytes(setup.keyBytes)
    this.#peers = distinct(
      Array.from({ length: setup.peers }, () => someContact(self, this.#random)),
    )
    this.#table = new RoutingTable({
      self,
      k: setup.k,
      ipDiversity: setup.ipDiversity,
      probeAfterMs: setup.probeAfterMs,
      listener: {
        contactAdded: (contact) => {
          equal(this.#present.has(contact.id), false)
          this.#present.set(contact.id, contact)
          this.#failuresInARow.delete(contact.id)
        },
        contactRemoved: (contact, reason) => {
          equal(this.#present.delete(contact.id), true)
          const failures = this.#failuresInARow.get(contact.id) ?? 0
          if (reason === 'stale') ok(failures >= FAILURES_STALE)
          if (reason === 'left') equal(contact.id, this.#leaving)
          if (reason === 'replaced') this.#checkOverflow(contact)
        },
      },
    })
  }

  step(now: number): void {
    const peer = this.#peers[this.#random.below(this.#peers.length)]
    if (peer === undefined) return
    const what = this.#random.fraction()
    const { offering } = this.#setup
    if (what < offering) this.#offer(peer, now)
    else if (what < offering + 0.1) this.#heard(peer, now)
    else if (what < 0.95) this.#failed(peer, now)
    else this.#remove(peer, now)
  }

  check(): void {
    const table = this.#table
    table.checkInvariants()
    equal(table.size, this.#present.size)
    deepEqual(idsOf([...table.contacts()]).toSorted(), [...this.#present.keys()].toSorted())
  }

  #offer(peer: Contact, now: number): void {
    const { failing } = this.#setup
    const isWanted = this.#table.wants(peer, now)
    const wasPresent = this.#present.has(peer.id)
    const wasStale = (this.#failuresInARow.get(peer.id) ?? 0) >= FAILURES_STALE
    if (wasPresent) this.#failuresInARow.delete(peer.id)
    const admission = this.#table.offer(peer, now)
    if (wasPresent) equal(admission.type, 'refreshed')
    equal(isWanted, wasPresent ? wasStale : ['added', 'probe'].includes(admission.type))
    if (admission.type !== 'probe' || this.#random.below(8) === 0) return // else the end is not reported
    const { oldest } = admission
    const alive = this.#random.fraction() >= failing
    if (alive) this.#failuresInARow.delete(oldest.id)
    else this.#count(oldest)
    const end = this.#table.probed(oldest, alive, peer, now)
    equal(end.type, this.#present.has(peer.id) ? 'added' : 'cached')
    if (alive) ok(this.#present.has(oldest.id))
  }

  #heard(peer: Contact, now: number): void {
    const known = this.#table.get(peer.key)
    equal(this.#table.heard(peer, now), known !== undefined)
  }

  #failed(peer: Contact, now: number): void {
    if (this.#random.fraction() >= this.#setup.failing) return
    const wasPresent = this.#present.has(peer.id)
    if (wasPresent) this.#count(peer)
    const demotion = this.#table.failed(peer.id, peer.key, now)
    if (!wasPresent) equal(demotion.type, 'unknown')
    else if ((this.#failuresInARow.get(peer.id) ?? 0) < FAILURES_STALE) {
      equal(demotion.type, 'kept')
    }
    if (demotion.type === 'replaced') ok(this.#present.has(demotion.added.id))
  }

  #remove(peer: Contact, now: number): void {
    this.#leaving = peer.id
    this.#table.remove(peer.id, peer.key, now)
    this.#leaving = undefined
    equal(this.#present.has(peer.id), false)
  }

  #count(peer: Contact): void {
    if (!this.#present.has(peer.id)) return
    this.#failuresInARow.set(peer.id, (this.#failuresInARow.get(peer.id) ?? 0) + 1)
  }

  /** Who goes because nearer ones came is no neighbour, and leaves more than k others behind in its bucket. */
  #checkOverflow(contact: Contact): void {
    const { self } = this.#table
    const row = commonPrefixLength(self, contact.key)
    const inRow = [...this.#present.values()].filter(
      (other) => commonPrefixLength(self, other.key) === row,
    )
    ok(inRow.length >= this.#setup.k)
    const nearer = [...this.#present.values()].filter(
      (other) =>
        (this.#failuresInARow.get(other.id) ?? 0) < FAILURES_STALE &&
        compareDistance(self, other.key, contact.key) < 0,
    )
    ok(nearer.length >= this.#setup.k)
  }
}

/** Contacts crowd near the own key and in a few networks, where the rules bite. */
function someContact(self: Uint8Array, random: Random): Contact {
  const key = someKey(self, random)
  const network = random.below(8)
  const addresses = [network < 4 ? ip4Address(10, 0, 0, 1) : ip4Address(8, network, 0, 1)]
  if (network === 7) addresses.push(ip4Address(8, 4, 0, 1))
  return contactAt(key, { addresses })
}

function someKey(self: Uint8Array, random: Random): Uint8Array {
  if (random.below(2) === 0) return random.bytes(self.length)
  return keyWithPrefix(self, random.below(Math.min(12, self.length * 8)), random)
}

function distinct(contacts: readonly Contact[]): Contact[] {
  return [...new Map(contacts.map((contact) => [toHex(contact.key), contact])).values()]
}

function rankOf(contact: Contact, table: RoutingTable, self: Uint8Array): number {
  let rank = 0
  for (const other of table.contacts()) {
    if (compareDistance(self, other.key, contact.key) < 0) rank++
  }
  return rank
}

function idsOf(contacts: readonly Contact[]): string[] {
  return contacts.map((contact) => contact.id)
}
