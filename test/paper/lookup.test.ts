import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { commonPrefixLength } from '../../src/core/key.ts'
import { Lookup } from '../../src/core/lookup.ts'
import type { LookupInit } from '../../src/core/lookup-init.ts'
import { at, ids, trueClosest } from '../support/holders.ts'
import {
  delayed,
  honest,
  honestNetwork,
  nearest,
  runScripted,
  type Script,
} from '../support/scripted-network.ts'
import { randomContact, seededRandom, tinyContact } from '../support/tiny.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/**
 * What "Kademlia: A Peer-to-peer Information System Based on the XOR Metric" (the final paper, LNCS 2429) says of lookups and
 * of joining, and the mistakes that implementations are known to make with them (numbers as in routing-table.test.ts).
 */

const SELF = tinyContact(0xff)
const TARGET = Uint8Array.of(0)
const K = 4

function lookup(init: Partial<LookupInit> & Pick<LookupInit, 'seeds'>): Lookup {
  return new Lookup({
    target: TARGET,
    self: SELF,
    request: { type: 'find-node', key: TARGET, target: TARGET },
    k: K,
    alpha: 3,
    widenTo: K,
    answersWanted: K,
    timing: { timeoutMs: () => 1_000, slowAfterMs: () => 1_000, giveUpAfterMs: () => Infinity },
    deadline: 60_000,
    ...init,
  })
}

const at8 = (...keys: number[]): Contact[] => keys.map((key) => tinyContact(key))

function hex(key: number): string {
  return key.toString(16).padStart(2, '0')
}

function keysOf(contacts: readonly Contact[]): number[] {
  return contacts.map(({ key }) => key[0] as number)
}

const everyone = Array.from({ length: 254 }, (_, i) => tinyContact(i + 1))

/** What a peer knows that has heard of the network's peers in this order: `perRow` in each row, and the k nearest. */
function tableOf(peer: Contact, network: readonly Contact[], perRow: number): Contact[] {
  const counts = new Map<number, number>()
  const inRows = network.filter((other) => {
    const row = commonPrefixLength(peer.key, other.key)
    const count = counts.get(row) ?? 0
    counts.set(row, count + 1)
    return count < perRow
  })
  const known = new Set([...nearest(network, peer.key, K + 1), ...inRows])
  known.delete(peer)
  return [...known]
}

describe('2.3 Node lookup', () => {
  it('starts with the alpha closest it knows, whatever buckets they are from', () => {
    const first = lookup({ seeds: at8(0x80, 0x40, 0x20, 0x10, 0x08) })
    const asked = [first.next(0), first.next(0), first.next(0)]
    expect(asked.map((step) => step.type === 'send' && step.to.key[0])).toEqual([0x08, 0x10, 0x20])
    expect(first.next(0).type).toBe('wait')
  })

  it('goes on to peers it hears of before all alpha have answered: no rounds in step (mistake 7)', () => {
    const peers = at8(0x80, 0x40, 0x20, 0x01, 0x02, 0x03)
    const scripts = new Map<string, Script>(
      peers.map((peer) => [hex(peer.key[0] as number), honest(peers)]),
    )
    scripts.set('40', delayed(honest(peers), 500))
    const run = runScripted(lookup({ seeds: at8(0x80, 0x40, 0x20) }), scripts)
    const near = run.sent.filter(({ to }) => (to.key[0] as number) < 4)
    expect(near).toHaveLength(3)
    for (const { at: sentAt } of near) expect(sentAt).toBeLessThan(100)
  })

  it('asks the nearest of those it has heard of, not those it heard of first', () => {
    const scripts = honestNetwork(everyone, (peer) => tableOf(peer, everyone, 2), K)
    const run = runScripted(lookup({ seeds: at8(0x80) }), scripts)
    const distances = run.sent.map(({ to }) => to.key[0] as number)
    expect(distances[1]).toBeLessThan(0x40) // the first answer named nearer rows
    expect(keysOf(run.result.closest)).toEqual([1, 2, 3, 4])
  })

  it('asks all of the k closest not asked yet when a round brought nobody nearer', () => {
    // The nearest is known from the start: no answer can bring progress.
    const seeds = at8(1, 2, 3, 4, 5, 6, 7, 8)
    const scripts = honestNetwork(seeds, () => seeds, 8)
    const run = runScripted(lookup({ seeds, k: 8, widenTo: 8, answersWanted: 8 }), scripts)
    expect(run.sent.slice(0, 3).every((sent) => sent.at === 0)).toBe(true)
    expect(run.sent.slice(3).map((sent) => sent.at)).toEqual([10, 10, 10, 10, 10])
    expect(run.sent).toHaveLength(8)
  })

  it('ends when the k closest have answered, not when there is no progress (mistake 8)', () => {
    // Peer 1 is heard of at once; peers 2 to 4 only from those that bring nobody nearer than it.
    const scripts = new Map<string, Script>([
      ['08', honest(at8(1, 9, 10, 11))],
      ['01', honest([])],
      ['09', honest(at8(1))],
      ['0a', honest(at8(1, 2))],
      ['0b', honest(at8(1))],
      ['02', honest(at8(3))],
      ['03', honest(at8(4))],
      ['04', honest([])],
    ])
    const run = runScripted(lookup({ seeds: at8(8), alpha: 1 }), scripts)
    expect(keysOf(run.result.closest)).toEqual([1, 2, 3, 4])
  })

  it('does not go on until it has asked everybody (mistake 8, the contrary)', () => {
    const scripts = honestNetwork(everyone, (peer) => tableOf(peer, everyone, 2), K)
    const run = runScripted(lookup({ seeds: at8(0x80, 0x40, 0x20) }), scripts)
    expect(keysOf(run.result.closest)).toEqual([1, 2, 3, 4])
    expect(run.sent.length).toBeLessThan(20)
  })

  it('removes who does not answer from consideration, and takes the next closest', () => {
    const peers = at8(1, 2, 3, 4, 5, 6)
    const scripts = honestNetwork(peers, () => peers)
    scripts.delete('01')
    scripts.delete('03')
    const run = runScripted(lookup({ seeds: peers }), scripts)
    expect(keysOf(run.result.closest)).toEqual([2, 4, 5, 6])
    expect(run.result.complete).toBe(true)
  })

  it('takes who is late back in when he answers after all, and whom he names (mistake 19)', () => {
    const timing = { timeoutMs: () => 1_000, slowAfterMs: () => 50, giveUpAfterMs: () => Infinity }
    const others = at8(0x10, 0x11, 0x12)
    const scripts = honestNetwork(others, () => others)
    for (const key of ['10', '11', '12']) {
      const answer = scripts.get(key)
      if (answer !== undefined) scripts.set(key, delayed(answer, 400))
    }
    scripts.set('08', delayed(honest(at8(1)), 300))
    scripts.set('01', honest([]))
    const run = runScripted(lookup({ seeds: [...at8(8), ...others], timing, alpha: 1 }), scripts)
    expect(keysOf(run.result.closest)).toEqual([1, 8, 0x10, 0x11])
  })

  it('may be steered by round trips: a peer slower than its usual holds up no other (footnote 1)', () => {
    const peers = at8(1, 2, 3, 4)
    const scripts = honestNetwork(peers, () => peers)
    scripts.set('01', delayed(honest(peers), 900))
    const timing = {
      timeoutMs: () => 1_000,
      slowAfterMs: ({ key }: Contact) => (key[0] === 1 ? 20 : 1_000),
      giveUpAfterMs: () => Infinity,
    }
    const run = runScripted(lookup({ seeds: peers, alpha: 1, widenTo: 1, timing }), scripts)
    expect(run.sent.at(-1)?.at).toBeLessThan(100)
  })

  it('never asks the one that looks, though others name it (mistake 18)', () => {
    const peers = [...at8(1, 2, 3), tinyContact(0xff)]
    const scripts = honestNetwork(peers, () => peers)
    const run = runScripted(lookup({ seeds: at8(1) }), scripts)
    expect(keysOf(run.sent.map(({ to }) => to))).not.toContain(0xff)
    expect(keysOf(run.result.closest)).toEqual([1, 2, 3])
  })

  it('takes some log2(n) / 5 hops, not log2(n), for k of 20: a row of k takes off more than one bit', () => {
    const random = seededRandom(230)
    const network = Array.from({ length: 1_000 }, () => randomContact(random))
    const tables = new Map<Contact, readonly Contact[]>()
    const knows = (peer: Contact): readonly Contact[] => {
      const start = random.below(network.length)
      const order = [...network.slice(start), ...network.slice(0, start)]
      const table = tables.get(peer) ?? tableOf(peer, order, 20)
      tables.set(peer, table)
      return table
    }
    const scripts = honestNetwork(network, knows)
    const hops = Array.from({ length: 20 }, () => {
      const target = random.bytes(20)
      const origin = network[random.below(network.length)] as Contact // below the length
      const run = runScripted(
        lookup({
          target,
          self: origin,
          request: { type: 'find-node', key: target, target },
          seeds: nearest(knows(origin), target, 20),
          k: 20,
          widenTo: 20,
          answersWanted: 20,
        }),
        scripts,
      )
      expect(run.result.closest).toEqual(
        nearest(
          network.filter((peer) => peer !== origin),
          target,
          20,
        ),
      )
      return run.result.hops
    })
    const mean = hops.reduce((sum, count) => sum + count, 0) / hops.length
    expect(mean).toBeLessThan(Math.log2(1_000) / 5 + 1)
  })
})

describe('2.3 Joining', () => {
  it('looks up the own id, and then into every row farther than the closest neighbour (mistake 13)', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(40, { k: 4 })
    const joined = await network.spawn('newcomer', { k: 4 })
    await network.clock.until(joined.node.join([at(peers, 7).node.self]))
    const { table, self } = joined.node
    const targets = joined.events.flatMap((event) =>
      event.type === 'operation-start' && event.target !== undefined ? [event.target] : [],
    )
    expect(targets[0]).toEqual(self.key)
    const rows = targets.slice(1).map((target) => commonPrefixLength(self.key, target))
    const farthestNeighbour = table.neighbours().at(-1) as Contact // it knows somebody
    const farther = commonPrefixLength(self.key, farthestNeighbour.key)
    expect(rows).toEqual(Array.from({ length: farther + 1 }, (_, row) => row))
  })

  it('makes the newcomer known to its neighbours: they hear of it by its asking', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(40, { k: 4 })
    const joined = await network.spawn('newcomer', { k: 4 })
    await network.clock.until(joined.node.join([at(peers, 7).node.self]))
    await network.clock.pass(1_000)
    const { self } = joined.node
    for (const { id } of trueClosest(network, self.idBytes, 5).slice(1, 3)) {
      expect(network.peers.get(id)?.node.table.has(self.key)).toBe(true)
    }
  })
})

describe('lookups from two places', () => {
  it('find the same peers: what one stores the other finds (mistake 20)', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(80, { k: 6 })
    const random = seededRandom(20)
    for (let i = 0; i < 40; i++) {
      const key = random.bytes(8)
      const [one, two] = await Promise.all(
        [random.below(80), random.below(80)].map((index) =>
          network.clock.until(at(peers, index).node.findNode(key)),
        ),
      )
      expect(ids(one?.closest ?? [])).toEqual(ids(trueClosest(network, key, 6)))
      expect(ids(two?.closest ?? [])).toEqual(ids(one?.closest ?? []))
    }
  })
})
