import { ipGroupsOf } from './admission.ts'
import { assert } from './assert.ts'
import type { Contact } from './contact.ts'
import type { KBucket } from './k-bucket.ts'
import { commonPrefixLength, compareDistance, type Key, toHex } from './key.ts'
import { FAILURES_STALE, IP_GROUP_PER_BUCKET_MAX, IP_GROUP_PER_TABLE_MAX } from './limits.ts'

/** What the check has to know of a table besides its buckets. */
export interface CheckedTable {
  readonly self: Key
  readonly k: number
  readonly ipDiversity: boolean
  readonly size: number
}

/**
 * Checks what must always hold of a routing table:
 *
 * 1. every contact stands in the bucket of its prefix length, so never the own key; nobody stands or waits twice;
 * 2. a bucket holds at most k contacts besides neighbours, and at most k newcomers wait;
 * 3. a bucket that holds more than k holds no stale one;
 * 4. no newcomer that waits is among the k nearest live contacts of the own key, if IP diversity admits it;
 * 5. no IP group exceeds its limits;
 * 6. sizes, and times and failures of each contact, agree.
 *
 * @throws Error that names what is broken.
 */
export function checkRoutingTable(
  table: CheckedTable,
  buckets: readonly (KBucket | undefined)[],
): void {
  const known = new Set<string>()
  let size = 0
  buckets.forEach((bucket, prefixLength) => {
    if (bucket === undefined) return
    assert(bucket.prefixLength === prefixLength, `bucket ${prefixLength} stands in its place`)
    for (const contact of [...bucket.contacts, ...bucket.replacements]) {
      const shared = commonPrefixLength(table.self, contact.key)
      assert(shared === prefixLength, `contact with prefix ${shared} in bucket ${prefixLength}`)
      const key = toHex(contact.key)
      assert(!known.has(key), `${key} stands or waits twice`)
      known.add(key)
    }
    checkFacts(bucket)
    size += bucket.size
  })
  assert(size === table.size, `size ${table.size} told, ${size} counted`)
  const live = buckets.flatMap((bucket) => liveOf(bucket))
  live.sort((a, b) => compareDistance(table.self, a.key, b.key))
  const neighbours = live.slice(0, table.k)
  checkBounds(table, buckets, neighbours)
  if (table.ipDiversity) checkIpGroups(buckets)
  else checkNeighbours(table, buckets, neighbours)
}

function checkFacts(bucket: KBucket): void {
  let stale = 0
  for (let i = 0; i < bucket.size; i++) {
    assert(!Number.isNaN(bucket.seenAt(i)), `contact ${i} of ${bucket.size} has a time`)
    assert(bucket.isStale(i) === bucket.failures(i) >= FAILURES_STALE, `staleness of contact ${i}`)
    if (bucket.failures(i) > 0)
      assert(bucket.failedAt(i) > -Infinity, `contact ${i} failed at a time`)
    if (bucket.isStale(i)) stale++
  }
  assert(bucket.live === bucket.size - stale, `${bucket.live} live told of ${bucket.size}`)
}

function checkBounds(
  table: CheckedTable,
  buckets: readonly (KBucket | undefined)[],
  neighbours: readonly Contact[],
): void {
  for (const bucket of buckets) {
    if (bucket === undefined) continue
    const near = bucket.contacts.filter((contact) => neighbours.includes(contact)).length
    const name = `bucket ${bucket.prefixLength} of ${bucket.size} with ${near} neighbours`
    assert(bucket.size <= table.k + near, `${name} holds more than k = ${table.k} others`)
    assert(
      bucket.size <= table.k || bucket.live === bucket.size,
      `${name} overflows with stale ones`,
    )
    assert(bucket.replacements.length <= table.k, `${name}: ${bucket.replacements.length} wait`)
  }
}

function checkNeighbours(
  table: CheckedTable,
  buckets: readonly (KBucket | undefined)[],
  neighbours: readonly Contact[],
): void {
  const farthest = neighbours.at(-1)
  for (const bucket of buckets) {
    const waiting = bucket?.replacements ?? []
    if (waiting.length === 0) continue
    assert(
      (bucket?.size ?? 0) >= table.k,
      `newcomers wait although bucket ${bucket?.prefixLength} has room`,
    )
    assert(
      bucket?.live === bucket?.size,
      `newcomers wait in bucket ${bucket?.prefixLength} behind a stale one`,
    )
    for (const { key } of waiting) {
      const isFarther =
        neighbours.length === table.k &&
        farthest !== undefined &&
        compareDistance(table.self, farthest.key, key) < 0
      assert(isFarther, `${toHex(key)} waits although it is among the k nearest`)
    }
  }
}

function checkIpGroups(buckets: readonly (KBucket | undefined)[]): void {
  const inTable = new Map<number, number>()
  for (const bucket of buckets) {
    const inBucket = new Map<number, number>()
    for (const group of (bucket?.contacts ?? []).flatMap((contact) => ipGroupsOf(contact))) {
      inBucket.set(group, (inBucket.get(group) ?? 0) + 1)
      inTable.set(group, (inTable.get(group) ?? 0) + 1)
    }
    for (const [group, count] of inBucket) {
      assert(count <= IP_GROUP_PER_BUCKET_MAX, `${count} of IP group ${group} in a bucket`)
    }
  }
  for (const [group, count] of inTable) {
    assert(count <= IP_GROUP_PER_TABLE_MAX, `${count} of IP group ${group} in the table`)
  }
}

function liveOf(bucket: KBucket | undefined): Contact[] {
  return (bucket?.contacts ?? []).filter((_, i) => bucket?.isStale(i) === false)
}
