import type { Contact } from '../../src/core/contact.ts'
import { commonPrefixLength, compareDistance } from '../../src/core/key.ts'
import { RoutingTable } from '../../src/core/routing-table.ts'
import { contactAt, keyWithPrefix, randomContact, seededRandom } from '../support/tiny.ts'

/**
 * What the table's hot paths cost. Run: `npx node --expose-gc test/bench/routing-table.bench.ts`. Prints nanoseconds for each call, the
 * median of several rounds; the table is that of a peer among 100,000 (264 contacts at k = 20).
 */

const ROUNDS = 9
const random = seededRandom(1)
const self = random.bytes(20)
const table = new RoutingTable({ self, k: 20, ipDiversity: true })
fill(table)
const contacts = [...table.contacts()]
const targets = Array.from({ length: 1024 }, () => random.bytes(20))
const near = targets.map((_, i) => keyWithPrefix(self, i % 18, random))
const strangers = targets.map(() => randomContact(random))

console.log(`table of ${table.size} contacts, depth ${table.depth}`)
measure('compareDistance', 200_000, (i) => {
  return compareDistance(pick(targets, i), pick(contacts, i).key, pick(contacts, i + 1).key)
})
measure('commonPrefixLength', 200_000, (i) => {
  return commonPrefixLength(pick(targets, i), pick(contacts, i).key)
})
measure('closest(20), random targets', 20_000, (i) => table.closest(pick(targets, i), 20).length)
measure('closest(20), near targets', 20_000, (i) => table.closest(pick(near, i), 20).length)
measure('closest(20), own key', 20_000, () => table.closest(self, 20).length)
measure('wants(stranger)', 20_000, (i) => (table.wants(pick(strangers, i), 0) ? 1 : 0))
measure('offer(known)', 50_000, (i) => table.offer(pick(contacts, i), i).type.length)
measure('get', 100_000, (i) => (table.has(pick(contacts, i).key) ? 1 : 0))
console.log(`table: ${bytesOfTables(200)} bytes, without the contacts themselves`)

/** The lists hold 128 items at least. */
function pick<Item>(items: readonly Item[], i: number): Item {
  return items[i & 127] as Item
}

function fill(into: RoutingTable): Contact[] {
  const added: Contact[] = []
  for (let prefixLength = 0; prefixLength < 18; prefixLength++) {
    const expected = Math.min(20, Math.round(100_000 / 2 ** (prefixLength + 1)))
    for (let i = 0; i < expected; i++) {
      const contact = contactAt(keyWithPrefix(into.self, prefixLength, random))
      if (into.offer(contact, i).type === 'added') added.push(contact)
    }
  }
  return added
}

function measure(name: string, calls: number, call: (i: number) => number): void {
  const nanoseconds: number[] = []
  let sum = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) sum += call(i)
    nanoseconds.push(Number(process.hrtime.bigint() - start) / calls)
  }
  nanoseconds.sort((a, b) => a - b)
  const median = nanoseconds[ROUNDS >> 1] ?? Number.NaN
  console.log(`${name.padEnd(30)} ${median.toFixed(1).padStart(9)} ns ${sum === 0.5 ? '!' : ''}`)
}

function bytesOfTables(count: number): number {
  if (globalThis.gc === undefined) return Number.NaN
  const pool = fill(new RoutingTable({ self, k: 20, ipDiversity: false }))
  const tables = Array.from(
    { length: count },
    () => new RoutingTable({ self, k: 20, ipDiversity: false }),
  )
  globalThis.gc()
  const before = process.memoryUsage().heapUsed
  for (const each of tables) for (const contact of pool) each.offer(contact, 0.5)
  globalThis.gc()
  return Math.round((process.memoryUsage().heapUsed - before) / tables.length)
}
