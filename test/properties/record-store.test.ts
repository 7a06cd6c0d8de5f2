import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HELD_RECORD_OVERHEAD_BYTES } from '../../src/core/held-records.ts'
import { hybridTimestamp } from '../../src/core/hybrid-clock.ts'
import { compareDistance, compareKeys, keyFromDigest } from '../../src/core/key.ts'
import type { RecordOrigin, StoredRecord } from '../../src/core/record.ts'
import { kvKey, mutableKey } from '../../src/core/record-key.ts'
import type { RecordStore } from '../../src/core/record-store.ts'
import { NOW, newStore, put, sha256, validators } from '../support/record-stores.ts'
import { sha256Key, signedValue } from '../support/values.ts'

const LIFE = 48 * 3_600_000
const RANK: Readonly<Record<RecordOrigin, number>> = { cached: 0, replica: 1, owner: 2 }

interface Arrival {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const writers = fc.constantFrom('Ann', 'Bob', 'Eve')
const signed = fc.record({
  value: fc.constantFrom('', 'a', 'ab', 'b'),
  version: fc.integer({ min: 1, max: 5 }),
  deleted: fc.boolean(),
})

/** Valid values of a few keys of all three kinds. */
const arrivals: fc.Arbitrary<Arrival> = fc.oneof(
  fc.constantFrom('x', 'y').map((text) => {
    const value = new TextEncoder().encode(text)
    return { key: sha256Key(value), value }
  }),
  fc.tuple(fc.constantFrom('m', 'n'), signed).map(([name, of]) => {
    const key = mutableKey('Bob', name)
    return { key, value: signedValue(key, 'Bob', withoutValue(of)) }
  }),
  fc.tuple(fc.constantFrom('m', 'n'), writers, signed).map(([name, writer, of]) => {
    const key = kvKey(name)
    const version = hybridTimestamp(NOW) + of.version
    return { key, value: signedValue(key, writer, { ...withoutValue(of), version }) }
  }),
)

const origins = fc.constantFrom<RecordOrigin>('cached', 'replica', 'owner')
const puts = fc.record({
  arrival: arrivals,
  origin: origins,
  ttlMs: fc.option(fc.integer({ min: 0, max: 2 * LIFE }), { nil: undefined }),
  passedMs: fc.nat(LIFE / 8),
})

describe('a record store, over random histories', () => {
  it('ends with the same winners in whatever order values arrive', () => {
    const shuffled = fc
      .array(arrivals, { maxLength: 12 })
      .chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
      )
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        const [one, two] = [newStore(), newStore()]
        for (const { key, value } of list) put(one, key, value)
        for (const { key, value } of other) put(two, key, value)
        expect(contents(two)).toEqual(contents(one))
      }),
    )
  })

  it('never lets an older value take the place of a newer one', () => {
    fc.assert(
      fc.property(fc.array(arrivals, { maxLength: 30 }), (list) => {
        const store = newStore()
        for (const { key, value } of list) {
          const before = store.get(key, NOW)?.record.value ?? value
          const { type } = put(store, key, value)
          const after = store.get(key, NOW)?.record.value ?? before
          expect(validators.select(key, after, before)).toBeGreaterThanOrEqual(0)
          expect(type === 'refused').toBe(validators.select(key, value, before) < 0)
        }
      }),
    )
  })

  it('agrees with a naive model that keeps every record in one list', () => {
    fc.assert(
      fc.property(fc.array(puts, { maxLength: 40 }), fc.nat(9), (history, sweepEvery) => {
        const store = newStore({ storeWriterSharePercent: 100 })
        const model = new Map<string, StoredRecord>()
        let now = NOW
        for (const [i, { arrival, origin, ttlMs, passedMs }] of history.entries()) {
          now += passedMs
          const { key, value } = arrival
          put(store, key, value, { origin, now, ...(ttlMs === undefined ? {} : { ttlMs }) })
          naivePut(model, arrival, origin, ttlMs ?? LIFE, now)
          if (i % 10 === sweepEvery) store.sweep(now, 100)
          const alive = [...model.values()].filter(({ expiresAt }) => expiresAt > now)
          const held = [...store.range()].filter(({ expiresAt }) => expiresAt > now)
          expect(held.map(essence).sort()).toEqual(alive.map(essence).sort())
          checkInvariants(store)
        }
        store.sweep(now + 2 * LIFE, 1_000)
        expect(store).toMatchObject({ size: 0, bytes: 0 })
      }),
    )
  })

  it('never lets replicas that copy to one another prolong a life', () => {
    const exchanges = fc.array(
      fc.record({
        from: fc.nat(3),
        to: fc.nat(3),
        passedMs: fc.nat(LIFE / 20),
        delayMs: fc.nat(4_000),
      }),
      { maxLength: 100 },
    )
    fc.assert(
      fc.property(exchanges, (history) => {
        const stores = [newStore(), newStore(), newStore(), newStore()]
        const value = new TextEncoder().encode('x')
        const key = sha256Key(value)
        let now = NOW
        for (const store of stores) put(store, key, value)
        for (const { from, to, passedMs, delayMs } of history) {
          now += passedMs
          const sent = stores[from]?.get(key, now)
          if (sent === undefined || stores[to]?.get(key, now) === undefined) continue
          put(stores[to], key, value, { ttlMs: sent.expiresAt - now, now: now + delayMs })
        }
        for (const store of stores) {
          for (const { expiresAt } of store.range()) expect(expiresAt).toBe(NOW + LIFE)
        }
      }),
    )
  })

  it('never exceeds its quotas, never evicts the owner’s and evicts in order', () => {
    const sized = fc.record({
      size: fc.integer({ min: 0, max: 20_000 }),
      id: fc.nat(60),
      origin: origins,
    })
    const limits = fc.record({
      storeRecordsMax: fc.integer({ min: 1, max: 12 }),
      storeBytesMax: fc.integer({ min: 1 << 16, max: 1 << 17 }),
    })
    fc.assert(
      fc.property(limits, fc.array(sized, { maxLength: 60 }), (quota, list) => {
        const self = keyFromDigest(sha256(new Uint8Array(0)))
        const store = newStore(quota, self)
        for (const { size, id, origin } of list) {
          const value = new Uint8Array(size).fill(id)
          const target = keyFromDigest(sha256(sha256Key(value)))
          const result = put(store, sha256Key(value), value, { origin })
          expect(store.size).toBeLessThanOrEqual(quota.storeRecordsMax)
          expect(store.bytes).toBeLessThanOrEqual(quota.storeBytesMax)
          checkInvariants(store)
          const evicted = result.type === 'stored' ? result.evicted : []
          const others = [...store.range()].filter((one) => compareKeys(one.target, target) !== 0)
          for (const victim of evicted) {
            expect(victim.origin).not.toBe('owner')
            expect(RANK[victim.origin]).toBeLessThanOrEqual(RANK[origin])
            const from = keyFromDigest(sha256(victim.record.key))
            const nearer = others
              .filter((one) => one.origin === victim.origin)
              .map((one) => one.target)
            if (victim.origin === origin) nearer.push(target)
            expect(nearer.every((one) => compareDistance(self, from, one) > 0)).toBe(true)
          }
        }
      }),
    )
  })

  it('comes back from the disk with all that its writes said', () => {
    fc.assert(
      fc.property(fc.array(puts, { maxLength: 40 }), (history) => {
        const store = newStore()
        const disk = new Map<string, readonly [Uint8Array, Uint8Array]>()
        let now = NOW
        for (const { arrival, origin, ttlMs, passedMs } of history) {
          now += passedMs
          const given = { origin, now, ...(ttlMs === undefined ? {} : { ttlMs }) }
          const result = put(store, arrival.key, arrival.value, given)
          const swept = store.sweep(now, 2).write
          for (const { key, value } of [
            ...(result.type === 'stored' ? result.write : []),
            ...swept,
          ]) {
            const text = Buffer.from(key).toString('hex')
            if (value === undefined) disk.delete(text)
            else disk.set(text, [key, value])
          }
        }
        const restored = newStore()
        const { dropped } = restored.load(disk.values(), now)
        store.sweep(now, 100)
        expect([...restored.range()].map(essence)).toEqual([...store.range()].map(essence))
        expect(dropped.length + restored.size).toBe(disk.size)
        checkInvariants(restored)
      }),
    )
  })
})

/** The rules in the shortest way to write them, with a list for everything. */
function naivePut(
  model: Map<string, StoredRecord>,
  { key, value }: Arrival,
  origin: RecordOrigin,
  ttlMs: number,
  now: number,
): void {
  const id = Buffer.from(key).toString('hex')
  const old = model.get(id)
  const current = old !== undefined && old.expiresAt > now ? old : undefined
  const verdict = validators.validate(key, value, now)
  const granted = now + Math.min(ttlMs, LIFE)
  if (!verdict.valid) return
  const same = current !== undefined && Buffer.compare(current.record.value, value) === 0
  if (current === undefined || !same) {
    if (current !== undefined && validators.select(key, value, current.record.value) < 0) return
    const expiresAt = verdict.deleted ? Math.max(granted, current?.expiresAt ?? 0) : granted
    if (expiresAt <= now) return
    const duty = current === undefined || current.origin === 'cached' ? 'cached' : 'replica'
    const higher = RANK[duty] > RANK[origin] ? duty : origin
    model.set(id, { record: { key, value }, origin: higher, receivedAt: now, expiresAt })
    return
  }
  const prolongs = granted - current.expiresAt >= (origin === 'owner' ? 1 : 5_000)
  model.set(id, {
    record: { key, value },
    origin: RANK[origin] > RANK[current.origin] ? origin : current.origin,
    receivedAt: now,
    expiresAt: prolongs ? granted : current.expiresAt,
  })
}

function checkInvariants(store: RecordStore): void {
  const held = [...store.range()]
  expect(held).toHaveLength(store.size)
  expect(held.map(({ target }) => target)).toEqual(
    held.map(({ target }) => target).toSorted(compareKeys),
  )
  const sizes = held.map(({ record }) => record.key.length + record.value.length)
  expect(store.bytes).toBe(sizes.reduce((sum, size) => sum + size + HELD_RECORD_OVERHEAD_BYTES, 0))
  const ends = held.map(({ expiresAt }) => expiresAt)
  expect(store.nextExpiryAt()).toBe(ends.length === 0 ? undefined : Math.min(...ends))
  for (const writer of ['Ann', 'Bob', 'Eve']) {
    expect(store.usage(writer).records).toBe(held.filter((one) => one.writer === writer).length)
  }
}

function essence({ record, origin, expiresAt }: StoredRecord): string {
  const { key, value } = record
  return [Buffer.from(key).toString(), Buffer.from(value).toString('hex'), origin, expiresAt].join(
    ' ',
  )
}

function contents(store: RecordStore): string[] {
  return [...store.range()].map(({ record }) => Buffer.from(record.value).toString('hex'))
}

function withoutValue<Signed extends { value: string; deleted: boolean }>(of: Signed): Signed {
  return of.deleted ? { ...of, value: '' } : of
}
