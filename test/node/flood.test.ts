import { describe, expect, it } from 'vitest'
import { compareDistance, type Key, keyFromDigest } from '../../src/core/key.ts'
import { at } from '../support/holders.ts'
import { sha256Key } from '../support/values.ts'
import { sha256, VirtualNetwork } from '../support/virtual-network.ts'

interface Item {
  readonly key: Uint8Array
  readonly target: Key
  readonly value: Uint8Array
}

function item(text: string): Item {
  const value = new TextEncoder().encode(text)
  const key = sha256Key(value)
  return { key, target: keyFromDigest(sha256(key)), value }
}

describe('a store that is flooded', () => {
  it('gives up cached copies first, then the farthest replicas, and never the peer’s own values', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(24, { k: 2, storeRecordsMax: 12, replicateIntervalMs: 0 })
    const { node } = at(peers, 5)
    // What a peer takes for its place among the closest is what it sees.
    const rank = ({ target }: Item) => node.table.nearerThanSelf(target)
    const items = Array.from({ length: 400 }, (_, n) => item(`item ${n}`))
    const near = items.filter((it) => rank(it) < 3)
    const far = items.filter((it) => rank(it) > 8)
    const give = ({ key, target, value }: Item): string => {
      let answer = 'none'
      const request = { type: 'put-value', key, target, record: { key, value } } as const
      node.answer(at(peers, 9).node.self, request, (outcome) => {
        answer = outcome.ok ? 'stored' : (outcome.failure.reason ?? '')
      })
      return answer
    }
    const origins = (origin: string) =>
      [...node.records.range()].filter((held) => held.origin === origin)
    const own = far.slice(0, 2)
    for (const { key, value } of own) await network.clock.until(node.put(key, value))
    for (const it of far.slice(2, 12)) give(it)
    expect([origins('owner').length, origins('cached').length]).toEqual([2, 10])
    for (const it of near.slice(0, 10)) give(it)
    expect([origins('cached').length, origins('replica').length]).toEqual([0, 10])
    const answers = near.slice(10).map(give)
    await network.clock.pass(1_000)
    const kept = origins('replica').map(({ target }) => target.join())
    const nearest = near
      .map(({ target }) => target)
      .sort((a, b) => compareDistance(node.self.key, a, b))
      .slice(0, 10)
    expect(new Set(kept)).toEqual(new Set(nearest.map((target) => target.join())))
    // 'none': not yet answered, as the write is under way.
    const starts = answers.map((answer) => answer.replace(/:.*:.*/, ''))
    expect(new Set(starts)).toEqual(new Set(['none', 'full']))
    expect(new Set(origins('owner').map(({ target }) => target.join()))).toEqual(
      new Set(own.map(({ target }) => target.join())),
    )
    // A cached copy displaces nothing.
    expect(give(far[20] ?? item('none'))).toMatch(/^full: /)
  })
})
