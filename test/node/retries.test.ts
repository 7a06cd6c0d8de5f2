import { describe, expect, it } from 'vitest'
import { at } from '../support/holders.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const MINUTE = 60_000

describe('a contact that failed', () => {
  it('counts as gone within minutes of its death, though nobody looks for it', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5 })
    const victim = at(peers, 7).node.self
    network.kill(victim.id)
    const { node } = at(peers, 3)
    // One lookup meets it; from then on it is asked again after ever longer pauses.
    await network.clock.until(node.findNode(victim.idBytes))
    const failures = (): number =>
      [...node.table.buckets()]
        .flatMap(({ contacts }) => contacts)
        .find(({ contact }) => contact.id === victim.id)?.failures ?? Infinity
    expect(failures()).toBe(1)
    await network.clock.pass(5 * MINUTE)
    expect(failures()).toBeGreaterThanOrEqual(5)
  })
})
