import { describe, expect, it } from 'vitest'
import type { DhtEvent } from '../../src/core/events.ts'
import type { NodeOptions } from '../../src/core/options.ts'
import type { FindNodeOptions } from '../../src/node/lookups.ts'
import { at, trueClosest } from '../support/holders.ts'
import { sha256Key } from '../support/values.ts'
import { VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

type OperationEnd = Extract<DhtEvent, { type: 'operation-end' }>

function endsOf({ events }: VirtualPeer, kind: OperationEnd['kind']): OperationEnd[] {
  return events.filter(
    (event): event is OperationEnd => event.type === 'operation-end' && event.kind === kind,
  )
}

const value = new TextEncoder().encode('some bytes')
const name = sha256Key(value)

describe('operations of a peer', () => {
  it('tells observers that an operation failed when it did not do what it was for', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(12, { k: 4 })
    const last = at(peers, 11)
    await network.clock.until(last.node.findNode(name))
    for (let i = 0; i < 11; i++) network.kill(`peer-${i}`)
    const calls = [
      last.node.put(name, value, { quorum: 3, keep: false }),
      last.node.get(sha256Key(new Uint8Array(1))),
      last.node.findProviders(name),
      last.node.findPeer({ id: 'nobody', idBytes: new TextEncoder().encode('nobody') }),
    ]
    for (const call of calls) {
      const code = await network.clock.until(
        call.then(String, (error: { code: string }) => error.code),
      )
      expect(['ERR_QUORUM', 'ERR_NO_PEERS']).toContain(code)
    }
    for (const kind of ['put', 'get', 'find-providers', 'find-peer'] as const) {
      expect(endsOf(last, kind).map(({ result }) => result)).toEqual(['failed'])
    }
    expect(endsOf(last, 'find-node').map(({ result }) => result)).toEqual(['done'])
  })

  it('counts it as done when peers answered that they have nothing', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(12, { k: 4 })
    const { node } = at(peers, 3)
    await expect(network.clock.until(node.get(name))).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
    })
    expect(endsOf(at(peers, 3), 'get').map(({ result }) => result)).toEqual(['done'])
  })

  it('asks those who wait for a place when nobody in the own table lives', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(40, { k: 2 })
    const { node } = at(peers, 3)
    const waiting = node.table.groups().flatMap(({ replacements }) => replacements)
    expect(waiting.length).toBeGreaterThan(0)
    for (const { id } of node.table.contacts()) network.kill(id)
    const { closest } = await network.clock.until(node.findNode(name))
    expect(closest.length).toBeGreaterThan(0)
    expect(closest.filter(({ id }) => !network.peers.has(id))).toEqual([])
  })

  describe('a peer that does not answer', () => {
    const meet = async (latencyMs = 10) => {
      const network = new VirtualNetwork()
      network.latencyMs = latencyMs
      const peers = await network.spawnMany(12, { k: 20 })
      const { node } = at(peers, 5)
      const find = async (): Promise<number> => {
        return (await network.clock.until(node.findNode(name, { askAll: true }))).durationMs
      }
      expect(await find()).toBe(2 * network.latencyMs)
      const [nearest = ''] = trueClosest(network, name, 2)
        .map(({ id }) => id)
        .filter((id) => id !== node.self.id)
      network.silence(nearest)
      const failuresOf = (): number => {
        const contacts = [...node.table.buckets()].flatMap((bucket) => bucket.contacts)
        return contacts.find(({ contact }) => contact.id === nearest)?.failures ?? -1
      }
      return { network, node, nearest, find, failuresOf }
    }

    it('holds up the first lookup that meets it, and hardly those that follow', async () => {
      const { find } = await meet()
      expect(await find()).toBe(1_000)
      expect(await find()).toBe(200)
      expect(await find()).toBe(200)
    })

    it('is given the time to connect to it where no connection stands', async () => {
      const connected = await meet(200)
      expect(await connected.find()).toBe(1_000)
      const { find, network, nearest } = await meet(200)
      network.disconnected.add(nearest)
      expect(await find()).toBe(4_000)
    })

    it('is waited for as before when it has refused a request meanwhile', async () => {
      const { network, nearest, find } = await meet()
      expect(await find()).toBe(1_000)
      network.peers.get(nearest)?.node.setMode('client')
      network.silence(nearest, false)
      await find()
      network.silence(nearest)
      expect(await find()).toBe(1_000)
    })

    it('fails once for all requests that were under way together', async () => {
      const { find, failuresOf } = await meet()
      await Promise.all(Array.from({ length: 7 }, find))
      expect(failuresOf()).toBe(1)
    })

    it('fails no more often than its timeouts, which double, allow, however many lookups meet it', async () => {
      const { network, find, failuresOf } = await meet()
      const startedAt = network.clock.now()
      while (network.clock.now() - startedAt < 6_500) await find()
      expect(failuresOf()).toBe(2) // 1 s and 2 s; the third, of 4 s, is under way
    })

    it('fails in the table too, when its time is over, though no lookup waited for it', async () => {
      const { network, find, failuresOf } = await meet()
      await find()
      await find()
      expect(failuresOf()).toBe(1)
      await network.clock.pass(2_000)
      expect(failuresOf()).toBe(2)
    })

    it('is asked no longer when the peer stops', async () => {
      const { network, node, find } = await meet()
      await find()
      await find()
      await network.clock.until(node.stop())
      for (const peer of network.peers.values()) await network.clock.until(peer.node.stop())
      expect(network.clock.alarms).toBe(0)
    })
  })

  describe('findNode among peers that all know one another', () => {
    const roundTripsOf = async (options: Partial<NodeOptions>, given: FindNodeOptions = {}) => {
      const network = new VirtualNetwork()
      const peers = await network.spawnMany(24, { k: 20, ...options })
      const { node } = at(peers, 5)
      expect(node.table.size).toBe(23)
      const found = await network.clock.until(node.findNode(name, given))
      const ids = found.closest.map(({ id }) => id)
      expect(ids).toEqual(
        trueClosest(network, name, 24)
          .map(({ id }) => id)
          .filter((id) => given.withoutSelf !== true || id !== node.self.id)
          .slice(0, ids.length),
      )
      return { ...found, roundTrips: found.durationMs / (2 * network.latencyMs) }
    }

    it('takes one round trip, and asks nobody in vain: not itself, one of the closest', async () => {
      const { requests, roundTrips, closest } = await roundTripsOf({})
      expect(roundTrips).toBe(1)
      expect(requests).toBe(19)
      expect(closest).toHaveLength(20)
      expect((await roundTripsOf({}, { withoutSelf: true })).requests).toBe(20)
    })

    it('asks nobody twice within a second, but for alpha', async () => {
      const network = new VirtualNetwork()
      const peers = await network.spawnMany(24, { k: 20 })
      const { node } = at(peers, 5)
      const find = async (given: FindNodeOptions = {}): Promise<[number, readonly string[]]> => {
        const { requests, closest } = await network.clock.until(node.findNode(name, given))
        return [requests, closest.map(({ id }) => id)]
      }
      await network.clock.pass(2_000)
      const [all, closest] = await find()
      expect(all).toBe(19) // and itself
      expect(await find()).toEqual([node.options.alpha, closest])
      expect(await find({ askAll: true })).toEqual([19, closest])
      await network.clock.pass(2_000)
      expect(await find()).toEqual([19, closest])
      // Who has failed since, or is no longer connected, has to answer again.
      const [nearest = '', next = '', farther = ''] = closest.filter((id) => id !== node.self.id)
      network.kill(nearest)
      const [withFailure, others] = await find()
      expect(others).not.toContain(nearest)
      expect(withFailure).toBeGreaterThan(node.options.alpha)
      network.disconnected.add(farther)
      network.kill(farther)
      expect(await find()).toMatchObject([
        expect.any(Number),
        expect.not.arrayContaining([farther]),
      ])
      expect((await find())[1]).toContain(next)
    })

    it('asks again who has refused, failed or left meanwhile', async () => {
      const network = new VirtualNetwork()
      const { node } = at(await network.spawnMany(24, { k: 20 }), 5)
      const find = async (given: FindNodeOptions = {}): Promise<string[]> => {
        const { closest } = await network.clock.until(node.findNode(name, given))
        return closest.map(({ id }) => id)
      }
      // Not among the alpha that are asked in any case.
      const [refuser = '', dead = '', leaver = ''] = (await find({ askAll: true })).slice(8)
      network.peers.get(refuser)?.node.setMode('client')
      network.kill(dead)
      const gone = [refuser, dead]
      expect(await find()).toEqual(expect.arrayContaining(gone)) // it cannot know yet
      await find({ askAll: true })
      expect(await find()).toEqual(expect.not.arrayContaining([refuser]))
      expect(await find()).toEqual(expect.not.arrayContaining([dead]))
      network.kill(leaver)
      node.left(leaver)
      expect(await find()).toEqual(expect.not.arrayContaining([leaver]))
    })

    it('keeps to alpha where it is never to widen', async () => {
      expect((await roundTripsOf({ alpha: 3, widenTo: 3 })).roundTrips).toBeGreaterThan(5)
    })

    it('asks others when one is wanted, though none may stand nearer than itself', async () => {
      const { requests, closest } = await roundTripsOf({}, { count: 1 })
      expect([requests > 0, closest.length]).toEqual([true, 1])
    })

    it('keeps to alpha where fewer than k are wanted', async () => {
      const { requests } = await roundTripsOf({ alpha: 3 }, { count: 3 })
      expect(requests).toBeLessThan(10)
    })
  })

  it('goes on from the answers where the own table knows only a few of many', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(200, { k: 4 })
    const { node, events } = at(peers, 7)
    const key = at(peers, 150).node.self.idBytes
    const before = events.length
    await network.clock.until(node.findNode(key))
    const sent = events.slice(before).filter(({ type }) => type === 'request-sent')
    const first = sent.filter((event) => event.at === sent[0]?.at)
    expect(first).toHaveLength(node.options.alpha)
  })

  it('takes back the repairs of a read when it stops', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(40, { k: 4 })
    await network.clock.until(at(peers, 1).node.put(name, value))
    const reader = at(
      peers,
      peers.findIndex(({ node }) => node.records.get(name, 0) === undefined),
    )
    // The closest of all lost its copy, so that the read leaves one there, in the background.
    const closest = network.peers.get(trueClosest(network, name, 1)[0]?.id ?? '')
    expect(closest).toBeDefined()
    network.kill(closest?.node.self.id ?? '')
    const amnesiac = await network.spawn(closest?.node.self.id ?? '', { k: 4 })
    await network.clock.until(amnesiac.node.join([at(peers, 2).node.self]))
    amnesiac.node.records.remove(name)
    await network.clock.until(reader.node.get(name))
    const started = reader.events.filter((e) => e.type === 'operation-start' && e.kind === 'repair')
    expect(started).toHaveLength(1)
    await network.clock.until(reader.node.stop())
    expect(endsOf(reader, 'repair').map(({ result }) => result)).toEqual(['aborted'])
  })
})
