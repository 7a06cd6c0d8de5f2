import { describe, expect, it } from 'vitest'
import { compareKeys, type Key } from '../../src/core/key.ts'
import type { Region } from '../../src/core/replicate-region.ts'
import { endOf, isInRegion, SweepDuty } from '../../src/node/sweep-duty.ts'
import { at } from '../support/holders.ts'
import { seededRandom } from '../support/tiny.ts'
import { sha256Key } from '../support/values.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

const HOUR = 3_600_000
const INTERVAL_MS = 8_000

/** A sweep over keys of one byte, in regions of `bits` bits; all keys are always due. */
class Field {
  readonly clock: VirtualClock = new VirtualClock()
  readonly regions: { at: number; first: number }[] = []
  /** What is remembered for a restart. */
  cursor: Key | undefined
  isReachable = true
  readonly duty: SweepDuty

  constructor(keys: readonly number[], bits: number, seed = 1) {
    this.duty = new SweepDuty({
      name: 'sweep',
      intervalMs: INTERVAL_MS,
      random: seededRandom(seed),
      clock: this.clock,
      source: {
        size: () => keys.length,
        firstDue: (from) => {
          const first = keys.find((key) => from === undefined || key >= (from[0] ?? 0))
          return first === undefined ? undefined : Uint8Array.of(first)
        },
        run: (first): Promise<Region | undefined> => {
          this.regions.push({ at: this.clock.now(), first: first[0] ?? -1 })
          return Promise.resolve(this.isReachable ? { key: first, bits } : undefined)
        },
        saveCursor: (cursor) => {
          this.cursor = cursor
        },
      },
    })
  }

  /** Runs the duty whenever it is due. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    for (;;) {
      const dueAt = this.duty.nextDueAt(this.clock.now())
      if (dueAt > end) break
      await this.clock.pass(Math.max(1, dueAt - this.clock.now()))
      await this.duty.run(this.clock.now())
    }
    await this.clock.pass(end - this.clock.now())
  }

  firsts(): number[] {
    return this.regions.map(({ first }) => first)
  }
}

const KEYS = [3, 5, 70, 100, 130, 200, 250]

describe('a sweep', () => {
  it('comes to each region once an interval, in order, and spreads them over it', async () => {
    const field = new Field(KEYS, 2)
    await field.pass(3 * INTERVAL_MS)
    const round = [3, 70, 130, 200]
    expect(field.firsts().slice(0, 8)).toEqual([...round, ...round])
    const [first, second, third, fourth, next] = field.regions.map((region) => region.at)
    for (const [a = 0, b = 0] of [
      [first, second],
      [second, third],
      [third, fourth],
    ]) {
      expect(b - a).toBeCloseTo((0.8 * INTERVAL_MS) / 4, -1)
    }
    expect((next ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(0.9 * INTERVAL_MS)
    expect((next ?? 0) - (first ?? 0)).toBeLessThanOrEqual(1.1 * INTERVAL_MS + 1)
  })

  it('begins at another time for each peer', async () => {
    const starts = await Promise.all(
      [1, 2, 3, 4, 5].map(async (seed) => {
        const field = new Field(KEYS, 2, seed)
        await field.pass(INTERVAL_MS)
        return field.regions[0]?.at
      }),
    )
    expect(new Set(starts).size).toBe(5)
  })

  it('goes on after a restart where it stopped', async () => {
    const field = new Field(KEYS, 2)
    while (field.regions.length < 2) await field.pass(50)
    expect(field.cursor).toEqual(Uint8Array.of(0x80))
    const again = new Field(KEYS, 2, 7)
    again.duty.resume(field.cursor ?? Uint8Array.of())
    await again.pass(0.5 * INTERVAL_MS)
    expect(again.firsts()).toEqual([130, 200])
    expect(again.cursor).toBeUndefined() // between two sweeps
  })

  it('comes back to a region of which it reached nobody', async () => {
    const field = new Field(KEYS, 2)
    field.isReachable = false
    while (field.regions.length < 2) await field.pass(50)
    field.isReachable = true
    await field.pass(INTERVAL_MS)
    expect(field.firsts().slice(0, 5)).toEqual([3, 3, 3, 70, 130])
  })
})

describe('the end of a region', () => {
  it('is the first point after it, whatever its depth', () => {
    for (let bits = 0; bits <= 8; bits++) {
      for (let key = 0; key < 256; key++) {
        const region = { key: Uint8Array.of(key), bits }
        const inside = Array.from({ length: 256 }, (_, i) => i).filter((i) =>
          isInRegion(Uint8Array.of(i), region),
        )
        const after = Math.max(...inside) + 1
        expect(endOf(region, region.key)).toEqual(after > 255 ? undefined : Uint8Array.of(after))
      }
    }
  })
})

describe('a peer that is stopped amid a sweep', () => {
  it('goes on where it stopped', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(40, { k: 4 })
    for (let i = 0; i < 120; i++) {
      const value = new TextEncoder().encode(`value ${i}`)
      await network.clock.until(
        at(peers, i % 40).node.put(sha256Key(value), value, { keep: false }),
      )
    }
    const cursorOf = ({ storage }: VirtualPeer) => storage.entries.get('m/replicate')?.value
    const isAmid = (peer: VirtualPeer): boolean => {
      const [cursor, last] = [cursorOf(peer), [...peer.node.records.range()].at(-1)]
      return cursor !== undefined && last !== undefined && compareKeys(last.target, cursor) >= 0
    }
    let index = -1
    while (index < 0) {
      await network.clock.pass(1_000)
      index = peers.findIndex(isAmid)
      expect(network.clock.now()).toBeLessThan(2 * HOUR)
    }
    const before = at(peers, index)
    const cursor = cursorOf(before) ?? Uint8Array.of()
    network.kill(`peer-${index}`)
    const again = await network.spawn(`peer-${index}`, { k: 4 }, before.storage)
    await network.clock.until(again.node.join(again.node.savedContacts()))
    await network.clock.pass(60_000)
    const [first] = again.events.flatMap((event) =>
      event.type === 'operation-start' && event.kind === 'replicate' ? [event.target] : [],
    )
    expect(compareKeys(first ?? Uint8Array.of(), cursor)).toBeGreaterThanOrEqual(0)
  }, 60_000)
})
