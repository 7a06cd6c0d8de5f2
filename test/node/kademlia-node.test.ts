import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import type { RpcOutcome } from '../../src/core/message.ts'
import { at, holders, ids, trueClosest } from '../support/holders.ts'
import { sha256Key, signedValue } from '../support/values.ts'
import { sha256, VirtualNetwork } from '../support/virtual-network.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

function key(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

describe('KademliaNode', () => {
  it('finds exactly the k closest of all peers, itself among them, from every peer', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(60, { k: 8 })
    for (const [i, { node }] of peers.entries()) {
      const wanted = key(`anything ${i}`)
      const found = await network.clock.until(node.findNode(wanted))
      expect(ids(found.closest)).toEqual(ids(trueClosest(network, wanted, 8)))
      expect(found.complete).toBe(true)
    }
  })

  it('ends a lookup of fewer than k sooner, with the closest of all', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(24, { k: 8 })
    const { node } = at(peers, 3)
    const wanted = key('near here')
    const all = await network.clock.until(node.findNode(wanted))
    const few = await network.clock.until(node.findNode(wanted, { count: 2 }))
    expect(ids(few.closest)).toEqual(ids(all.closest).slice(0, 2))
    expect(few.requests).toBeLessThan(all.requests)
    await expect(node.findNode(wanted, { count: 9 })).rejects.toThrow('`count` must be 1 to k')
  })

  it('knows its k nearest neighbours after joining', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(60, { k: 8 })
    await network.clock.pass(2 * HOUR)
    for (const { node } of peers) {
      const nearest = trueClosest(network, node.self.idBytes, 9).slice(1)
      expect(ids(node.table.neighbours())).toEqual(ids(nearest))
    }
  })

  it('puts a value to the k closest, and any other peer gets it', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(40, { k: 8 })
    const value = key('some bytes')
    const name = sha256Key(value)
    const put = await network.clock.until(at(peers, 3).node.put(name, value))
    expect(ids(put.stored).sort()).toEqual(ids(trueClosest(network, name, 8)).sort())
    expect(put).toMatchObject({ failed: [], target: 8 })
    for (const { node } of peers) {
      expect((await network.clock.until(node.get(name))).value).toEqual(value)
    }
  })

  it('gets a value while any holder lives, the putter gone', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(30, { k: 5 })
    const value = key('some bytes')
    const name = sha256Key(value)
    await network.clock.until(at(peers, 0).node.put(name, value))
    const last = trueClosest(network, name, 5).find(({ id }) => id !== 'peer-0')
    for (const id of holders(network, name)) if (id !== last?.id) network.kill(id)
    const reader = [...network.peers.values()].find(({ node }) => node.self.id !== last?.id)
    const got = await network.clock.until(reader?.node.get(name) ?? Promise.reject(new Error()))
    expect(got.value).toEqual(value)
    expect(got.from?.id).toBe(last?.id)
  })

  it('gives the newer of two values, and repairs the holder of the older one', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(12, { k: 4 })
    const name = key('/kv/greeting')
    const old = signedValue(name, 'writer', { value: 'old', version: 1 })
    const recent = signedValue(name, 'writer', { value: 'recent', version: 2 })
    await network.clock.until(at(peers, 1).node.put(name, recent))
    const [victim] = trueClosest(network, name, 1)
    const stale = network.peers.get(victim?.id ?? '')
    const target = keyFromDigest(sha256(name))
    const now = network.clock.wallClock()
    if (stale === undefined) throw new Error('no victim')
    for (const write of stale.node.records.remove(name)) expect(write.value).toBeUndefined()
    stale.node.records.put({ record: { key: name, value: old }, target, origin: 'replica', now })
    const reader = peers.find(({ node }) => !holders(network, name).includes(node.self.id))
    const got = await network.clock.until(
      reader?.node.get(name, { quorum: 4 }) ?? Promise.reject(new Error()),
    )
    expect(got.value).toEqual(recent)
    await network.clock.pass(1_000)
    expect(stale.node.records.get(name, network.clock.wallClock())?.record.value).toEqual(recent)
  })

  it('never gives out a record that was tampered with in a store', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(10, { k: 3 })
    const value = key('the truth')
    const name = sha256Key(value)
    await network.clock.until(at(peers, 0).node.put(name, value))
    const reader = peers.find(({ node }) => !holders(network, name).includes(node.self.id))
    const lie: RpcOutcome = {
      ok: true,
      response: { type: 'get-value', record: { key: name, value: key('a lie') }, closer: [] },
    }
    for (const id of holders(network, name)) {
      const peer = network.peers.get(id)
      if (peer !== undefined) peer.node.answer = (_from, _request, reply) => reply(lie)
    }
    await expect(
      network.clock.until(reader?.node.get(name) ?? Promise.reject(new Error())),
    ).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
    })
  })

  it('refuses to store a forged record, and a record of another key', async () => {
    const network = new VirtualNetwork()
    const [first, second] = await network.spawnMany(2)
    const name = sha256Key(key('a'))
    const target = keyFromDigest(sha256(name))
    const outcomes: RpcOutcome[] = []
    for (const record of [
      { key: name, value: key('b') },
      { key: sha256Key(key('c')), value: key('c') },
      { key: key('no namespace'), value: key('c') },
    ]) {
      const from = second?.node.self as Contact
      first?.node.answer(from, { type: 'put-value', key: name, target, record }, (outcome) =>
        outcomes.push(outcome),
      )
    }
    expect(outcomes.map((outcome) => outcome.ok)).toEqual([false, false, false])
    expect(first?.node.records.size).toBe(0)
  })

  it('puts, though all of the closest peers it knows have died, as long as one lives farther off', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(30, { k: 3 })
    const { node } = at(peers, 4)
    const value = key('survivor')
    const found = sha256Key(value)
    const known = node.table.closest(keyFromDigest(sha256(found)), 100)
    expect(known.length).toBeGreaterThan(8)
    for (const { id } of known.slice(0, -1)) network.kill(id)
    const result = await network.clock.until(node.put(found, value))
    expect(result.stored.some(({ id }) => id !== node.self.id)).toBe(true)
  })

  it('keeps a value alone, and says that it is its only holder', async () => {
    const network = new VirtualNetwork()
    const peer = await network.spawn('alone')
    const value = key('v')
    const put = await network.clock.until(peer.node.put(sha256Key(value), value))
    expect(ids(put.stored)).toEqual(['alone'])
    expect((await network.clock.until(peer.node.get(sha256Key(value)))).value).toEqual(value)
  })

  it('says that nothing was found, and that nobody is known, as different errors', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(5)
    const client = await network.spawn('client', { mode: 'client' })
    const name = sha256Key(key('missing'))
    await expect(network.clock.until(at(peers, 0).node.get(name))).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
    })
    await expect(network.clock.until(client.node.get(name))).rejects.toMatchObject({
      code: 'ERR_NO_PEERS',
    })
    await expect(network.clock.until(client.node.put(name, key('missing')))).rejects.toMatchObject({
      code: 'ERR_NO_PEERS',
    })
  })

  it('fails a put whose quorum is not met, and says how many hold the value', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(4)
    for (const { node } of peers.slice(1)) network.silence(node.self.id)
    const value = key('v')
    await expect(
      network.clock.until(at(peers, 0).node.put(sha256Key(value), value, { quorum: 3 })),
    ).rejects.toMatchObject({ code: 'ERR_QUORUM', details: { stored: 1, quorum: 3 } })
  })

  it('leaves out of an answer whom the asker knows, but for the nearest', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 8 })
    const [asked, asker] = [at(peers, 0).node, at(peers, 1).node.self]
    const name = key('somewhere')
    const target = keyFromDigest(sha256(name))
    const closerFor = (known?: readonly number[]): readonly Contact[] => {
      const outcomes: RpcOutcome[] = []
      const request = { type: 'find-node', key: name, target, ...(known && { known }) } as const
      asked.answer(asker, request, (outcome) => outcomes.push(outcome))
      const [outcome] = outcomes
      return outcome?.ok === true && 'closer' in outcome.response
        ? (outcome.response.closer ?? [])
        : []
    }
    const all = closerFor()
    expect(all).toHaveLength(16)
    const half = all.filter((_, i) => i % 2 === 0)
    expect(ids(closerFor(half.map(({ head }) => head)))).toEqual(
      ids(all.filter((_, i) => i === 0 || i % 2 === 1)),
    )
    expect(ids(closerFor(all.map(({ head }) => head)))).toEqual(ids(all.slice(0, 1)))
  })

  it('answers nothing as a client, and nobody keeps it in a table', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(5)
    const client = await network.spawn('client', { mode: 'client' })
    await network.clock.until(client.node.join([at(peers, 0).node.self]))
    const found = await network.clock.until(client.node.findNode(key('x')))
    expect(ids(found.closest).sort()).toEqual(ids(peers.map(({ node }) => node.self)).sort())
    for (const { node } of peers) expect(ids([...node.table.contacts()])).not.toContain('client')
    const outcomes: RpcOutcome[] = []
    client.node.answer(at(peers, 0).node.self, { type: 'ping' }, (outcome) =>
      outcomes.push(outcome),
    )
    expect(outcomes).toMatchObject([{ ok: false, failure: { type: 'refused' } }])
  })

  it('acknowledges a put only when it is durable, and refuses it when the disk does', async () => {
    const network = new VirtualNetwork()
    const [first, second] = await network.spawnMany(2)
    const value = key('v')
    const name = sha256Key(value)
    const target = keyFromDigest(sha256(name))
    const outcomes: RpcOutcome[] = []
    const request = { type: 'put-value', key: name, target, record: { key: name, value } } as const
    const from = second?.node.self as Contact
    first?.node.answer(from, request, (outcome) => outcomes.push(outcome))
    expect(outcomes).toEqual([])
    await network.clock.pass(2)
    expect(outcomes).toEqual([{ ok: true, response: { type: 'put-value' } }])
    expect(
      [...(first?.storage.entries.keys() ?? [])].filter((k) => k.startsWith('r/')),
    ).toHaveLength(1)
    if (second !== undefined) second.storage.error = new Error('disk full')
    second?.node.answer(first?.node.self as Contact, request, (outcome) => outcomes.push(outcome))
    await network.clock.pass(2)
    expect(outcomes[1]).toMatchObject({ ok: false, failure: { type: 'refused' } })
    expect(second?.events.some(({ type }) => type === 'storage-failed')).toBe(true)
  })

  it('acknowledges a value that the disk has refused only when it has taken it', async () => {
    const network = new VirtualNetwork()
    const [peer, other] = await network.spawnMany(2)
    const value = key('v')
    const name = sha256Key(value)
    const target = keyFromDigest(sha256(name))
    const request = { type: 'put-value', key: name, target, record: { key: name, value } } as const
    const outcomes: boolean[] = []
    const put = () => {
      peer?.node.answer(other?.node.self as Contact, request, ({ ok }) => outcomes.push(ok))
    }
    const onDisk = () =>
      [...(peer?.storage.entries.keys() ?? [])].filter((entry) => entry.startsWith('r/')).length
    if (peer !== undefined) peer.storage.error = new Error('disk full')
    put()
    put() // while the first is under way
    await network.clock.pass(2)
    put()
    await network.clock.pass(2)
    const own = network.clock.until(Promise.resolve(peer?.node.put(name, value)))
    await expect(own).rejects.toMatchObject({ code: 'ERR_STORAGE' })
    expect([outcomes, onDisk()]).toEqual([[false, false, false], 0])
    if (peer !== undefined) peer.storage.error = undefined
    put()
    await network.clock.pass(2)
    expect([outcomes.at(-1), onDisk()]).toEqual([true, 1])
    put()
    await network.clock.pass(2)
    expect([outcomes.at(-1), onDisk()]).toEqual([true, 1])
  })

  it('remembers its records and contacts over a restart, and joins again without a bootstrap peer', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(8)
    const value = key('v')
    const name = sha256Key(value)
    await network.clock.until(at(peers, 7).node.put(name, value))
    await network.clock.pass(HOUR)
    network.kill('peer-7') // without a farewell
    const again = await network.spawn('peer-7', {}, at(peers, 7).storage)
    expect(again.node.savedContacts().length).toBe(7)
    expect(again.node.records.get(name, network.clock.wallClock())?.record.value).toEqual(value)
    const joined = await network.clock.until(again.node.join(again.node.savedContacts()))
    expect(joined).toMatchObject({ contacts: 7, answered: 7 })
  })

  it('remembers whom it met, though it is killed within a second of joining', async () => {
    const network = new VirtualNetwork()
    const [first] = await network.spawnMany(3)
    const joined = await network.spawn('hasty')
    await network.clock.until(joined.node.join([first?.node.self as Contact]))
    await network.clock.pass(200)
    network.kill('hasty')
    const again = await network.spawn('hasty', {}, joined.storage)
    expect(ids(again.node.savedContacts()).sort()).toEqual(['peer-0', 'peer-1', 'peer-2'])
  })

  it('refreshes buckets that no lookup touched, and its own neighbourhood', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(30, { k: 4, refreshIntervalMs: 10 * MINUTE })
    for (const { events } of peers) events.length = 0
    await network.clock.pass(11 * MINUTE)
    for (const { events, node } of peers) {
      const refreshes = events.filter(
        (event) => event.type === 'operation-start' && event.kind === 'refresh',
      )
      expect(refreshes.length).toBeGreaterThanOrEqual(2)
      expect(refreshes.length).toBeLessThan(40)
      expect(node.table.refreshDue(network.clock.now(), 10 * MINUTE)).toEqual([])
    }
  })

  it('forgets dead peers once others can take their place, and finds the living meanwhile', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(40, { k: 6, refreshIntervalMs: 10 * MINUTE })
    for (let i = 10; i < 30; i++) network.kill(`peer-${i}`)
    await network.clock.pass(HOUR)
    for (const { node } of [...network.peers.values()].slice(0, 8)) {
      const found = await network.clock.until(node.findNode(key('somewhere')))
      expect(ids(found.closest)).toEqual(ids(trueClosest(network, key('somewhere'), 6)))
    }
    expect(at(peers, 0).node.table.size).toBeGreaterThan(0)
  })

  it('ends what is under way when it stops, and leaves no alarm behind', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(6)
    const { node } = at(peers, 2)
    const pending = node.findNode(key('x'))
    const stopped = node.stop()
    await expect(pending).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await network.clock.until(stopped)
    await expect(node.get(sha256Key(key('y')))).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    for (const peer of network.peers.values()) await network.clock.until(peer.node.stop())
    await network.clock.pass(MINUTE)
    expect(network.clock.alarms).toBe(0)
  })

  it('rejects with the reason of the signal, before and during an operation', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(6)
    const { node } = at(peers, 2)
    const reason = new Error('the user left')
    await expect(node.findNode(key('x'), { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
    const controller = new AbortController()
    const pending = node.findNode(key('x'), { signal: controller.signal })
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
    expect(node.status().operations).toBe(0)
  })

  it('refuses more operations than its bound', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(3, { operationsMax: 2 })
    const { node } = at(peers, 1)
    const running = [node.findNode(key('a')), node.findNode(key('b'))]
    await expect(node.findNode(key('c'))).rejects.toMatchObject({ code: 'ERR_BUSY' })
    await network.clock.until(Promise.all(running))
  })

  it('estimates how many peers there are', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(100, { k: 10 })
    const { node } = at(peers, 50)
    for (let i = 0; i < 16; i++) await network.clock.until(node.findNode(key(`sample ${i}`)))
    const estimate = node.networkSize() ?? 0
    expect(estimate).toBeGreaterThan(60)
    expect(estimate).toBeLessThan(160)
  })

  it('tells an observer of one operation its requests only', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(10)
    const heard: string[] = []
    const observer = { observe: (event: { type: string }) => heard.push(event.type) }
    const { node } = at(peers, 4)
    const other = node.findNode(key('other'))
    const found = await network.clock.until(node.findNode(key('this'), { observer }))
    await network.clock.until(other)
    expect(heard[0]).toBe('operation-start')
    expect(heard.at(-1)).toBe('operation-end')
    expect(heard.filter((type) => type === 'request-sent')).toHaveLength(found.requests)
    expect(heard.filter((type) => type === 'request-answered')).toHaveLength(found.requests)
  })

  it('shortens the life of a copy left at a peer far from the key', async () => {
    const network = new VirtualNetwork()
    await network.spawnMany(40, { k: 2 })
    const value = key('v')
    const name = sha256Key(value)
    const farthest = trueClosest(network, name, 40).at(-1)
    const peer = network.peers.get(farthest?.id ?? '')
    const target = keyFromDigest(sha256(name))
    peer?.node.answer(
      trueClosest(network, name, 1)[0] as Contact,
      { type: 'put-value', key: name, target, record: { key: name, value } },
      () => undefined,
    )
    const stored = peer?.node.records.get(name, network.clock.wallClock())
    expect(stored?.origin).toBe('cached')
    const lifeMs = (stored?.expiresAt ?? 0) - network.clock.wallClock()
    expect(lifeMs).toBeLessThan(48 * HOUR * 2 ** -1)
    expect(lifeMs).toBeGreaterThan(0)
  })
})
