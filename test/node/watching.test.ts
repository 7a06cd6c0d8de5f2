import { describe, expect, it } from 'vitest'
import { keyFromDigest } from '../../src/core/key.ts'
import {
  SUBSCRIPTIONS_PER_PEER_MAX,
  WATCH_EVENTS_MAX,
  WATCH_LEASE_MS,
} from '../../src/core/limits.ts'
import type { RpcOutcome } from '../../src/core/message.ts'
import type { WatchNotice } from '../../src/core/watch.ts'
import { at, trueClosest } from '../support/holders.ts'
import { signedValue } from '../support/values.ts'
import { sha256, VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

const SECOND = 1_000
const NAME = new TextEncoder().encode('/kv/news')

/** What a reader has been told so far. */
interface Reader {
  readonly notices: WatchNotice[]
  readonly versions: number[]
  readonly gaps: WatchNotice[]
  /** Why it ended. */
  error: unknown
  readonly ended: Promise<void>
  stop(): void
}

function watch(peer: VirtualPeer, name: Uint8Array = NAME, replicas?: number): Reader {
  const ending = new AbortController()
  const reader: Reader = {
    notices: [],
    versions: [],
    gaps: [],
    error: undefined,
    ended: Promise.resolve(),
    stop: () => ending.abort(new Error('enough')),
  }
  const read = async (): Promise<void> => {
    try {
      for await (const notice of peer.node.watch(name, { signal: ending.signal, replicas })) {
        reader.notices.push(notice)
        if (notice.type === 'value') reader.versions.push(notice.verdict.version)
        else reader.gaps.push(notice)
      }
    } catch (error) {
      reader.error = error
    }
  }
  return Object.assign(reader, { ended: read() })
}

function version(number: number, name: Uint8Array = NAME, writer = 'writer'): Uint8Array {
  return signedValue(name, writer, { value: `value ${number}`, version: number })
}

/** A peer that is none of the `count` closest. */
function outsider(network: VirtualNetwork, count: number): VirtualPeer {
  const near = new Set(trueClosest(network, NAME, count).map(({ id }) => id))
  const found = [...network.peers.values()].find(({ node }) => !near.has(node.self.id))
  if (found === undefined) throw new Error('everyone is near')
  return found
}

function subscriptionsIn(network: VirtualNetwork): number {
  return [...network.peers.values()].reduce((sum, { node }) => sum + node.status().subscriptions, 0)
}

describe('a watch', () => {
  it('tells what stands, then every value as it lands, once and without a gap', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(30, { k: 6 })
    await network.clock.until(at(peers, 1).node.put(NAME, version(1)))
    const reader = watch(outsider(network, 6))
    await network.clock.pass(5 * SECOND)
    expect(reader.versions).toEqual([1])
    expect(reader.notices[0]).toMatchObject({ type: 'value', isInitial: true })
    for (let i = 2; i <= 20; i++) {
      await network.clock.until(at(peers, i).node.put(NAME, version(i)))
    }
    await network.clock.pass(SECOND)
    expect(reader.versions).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(reader.gaps).toEqual([])
    reader.stop()
    await reader.ended
    expect(reader.error).toEqual(new Error('enough'))
  })

  it('tells of a key that nobody has written yet, and of its deletion', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5 })
    const reader = watch(outsider(network, 5))
    await network.clock.pass(5 * SECOND)
    expect(reader.notices).toEqual([])
    await network.clock.until(at(peers, 3).node.put(NAME, version(1)))
    const tombstone = signedValue(NAME, 'writer', { value: '', version: 2, deleted: true })
    await network.clock.until(at(peers, 3).node.put(NAME, tombstone))
    await network.clock.pass(SECOND)
    expect(reader.notices).toMatchObject([
      { type: 'value', isInitial: false, verdict: { version: 1, deleted: false } },
      { type: 'value', isInitial: false, verdict: { version: 2, deleted: true } },
    ])
  })

  it('hears of what lands in its own store though nobody tells it', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(4, { k: 8 })
    const reader = watch(at(peers, 0))
    await network.clock.pass(5 * SECOND)
    network.kill('peer-1')
    network.kill('peer-2')
    await network.clock.until(at(peers, 3).node.put(NAME, version(1)))
    await network.clock.pass(SECOND)
    expect(reader.versions).toEqual([1])
  })

  it('gives readers of one key the same subscriptions, and each what stands', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(20, { k: 5 })
    const peer = outsider(network, 5)
    const first = watch(peer)
    await network.clock.pass(5 * SECOND)
    await network.clock.until(at(peers, 1).node.put(NAME, version(1)))
    const second = watch(peer)
    await network.clock.pass(5 * SECOND)
    expect(first.versions).toEqual([1])
    expect(second.notices).toMatchObject([{ type: 'value', isInitial: true }])
    expect(peer.node.status().watches).toBe(1)
    expect(subscriptionsIn(network)).toBe(4)
    first.stop()
    await first.ended
    await network.clock.until(at(peers, 1).node.put(NAME, version(2)))
    await network.clock.pass(SECOND)
    expect(second.versions).toEqual([1, 2])
  })

  it('says a gap when every replica that it listened to was lost, and goes on with others', async () => {
    const network = new VirtualNetwork()
    await network.spawnMany(30, { k: 8 })
    const peer = outsider(network, 12)
    const writer = outsider(network, 13)
    await network.clock.until(writer.node.put(NAME, version(1), { keep: false }))
    const reader = watch(peer)
    await network.clock.pass(5 * SECOND)
    for (const { id } of trueClosest(network, NAME, 4)) network.kill(id)
    for (const i of [2, 3]) {
      await network.clock.until(writer.node.put(NAME, version(i), { keep: false }))
    }
    await network.clock.pass(180 * SECOND) // a peer that died in silence is missed when its answer is due
    expect(reader.notices.slice(1)).toMatchObject([
      { type: 'gap', reason: 'unwatched' },
      { type: 'value', verdict: { version: 3 } },
    ])
    await network.clock.until(writer.node.put(NAME, version(4), { keep: false }))
    await network.clock.pass(SECOND)
    expect(reader.versions).toEqual([1, 3, 4])
    expect(reader.gaps).toHaveLength(1)
  })

  it('says how many values it missed where versions count by one', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(10, { k: 4 })
    const name = new TextEncoder().encode('/mutable/owner/news')
    const write = (i: number): Promise<unknown> =>
      network.clock.until(at(peers, 1).node.put(name, version(i, name, 'owner')))
    await write(1)
    const reader = watch(at(peers, 5), name)
    await network.clock.pass(5 * SECOND)
    await write(2)
    await write(5)
    await network.clock.pass(5 * SECOND)
    expect(reader.versions).toEqual([1, 2, 5])
    expect(reader.gaps).toEqual([{ type: 'gap', missed: 2, reason: 'sequence' }])
  })

  it('drops the oldest for a slow reader, and says so', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(3, { k: 4 })
    const watching = at(peers, 0).node.watch(NAME)
    const first = watching.next()
    for (let i = 1; i <= WATCH_EVENTS_MAX + 3; i++) {
      await network.clock.until(at(peers, 1).node.put(NAME, version(i)))
    }
    expect(await first).toMatchObject({ value: { verdict: { version: 1 } } })
    const gap = { type: 'gap', missed: 2, reason: 'slow-reader' }
    expect(await watching.next()).toEqual({ done: false, value: gap })
    expect(await watching.next()).toMatchObject({ value: { verdict: { version: 4 } } })
    await watching.return(undefined as never)
    expect(at(peers, 0).node.status().watches).toBe(0)
  })

  it('turns to the next replica when one refuses, for it serves too many watchers', async () => {
    const network = new VirtualNetwork()
    await network.spawnMany(12, { k: 8 })
    const [nearest] = trueClosest(network, NAME, 1)
    const peer = outsider(network, 8)
    const busy = network.peers.get(nearest?.id ?? '')
    if (busy === undefined) throw new Error('no peer')
    for (let i = 0; i < SUBSCRIPTIONS_PER_PEER_MAX; i++) {
      const key = new TextEncoder().encode(`/kv/other-${i}`)
      const target = keyFromDigest(sha256(key))
      const request = { type: 'watch', key, target, waitMs: 0 } as const
      busy.node.answer(peer.node.self, request, ({ ok }) => expect(ok).toBe(true))
    }
    const outcomes: RpcOutcome[] = []
    const target = keyFromDigest(sha256(NAME))
    const request = { type: 'watch', key: NAME, target, waitMs: 0 } as const
    busy.node.answer(peer.node.self, request, (outcome) => outcomes.push(outcome))
    const reason = `busy: ${SUBSCRIPTIONS_PER_PEER_MAX} subscriptions of yours stand at this peer`
    expect(outcomes).toEqual([{ ok: false, failure: { type: 'refused', reason } }])
    const reader = watch(peer)
    await network.clock.pass(5 * SECOND)
    const near = trueClosest(network, NAME, 5).slice(1)
    for (const { id } of near) expect(network.peers.get(id)?.node.status().subscriptions).toBe(1)
    reader.stop()
  })

  it('ends subscriptions of a watcher that is gone without a word, when their lease is over', async () => {
    const network = new VirtualNetwork()
    await network.spawnMany(12, { k: 6 })
    const peer = outsider(network, 6)
    watch(peer)
    await network.clock.pass(5 * SECOND)
    expect(subscriptionsIn(network)).toBe(4)
    await network.clock.pass(10 * WATCH_LEASE_MS)
    expect(subscriptionsIn(network)).toBe(4) // renewed all the time
    network.kill(peer.node.self.id)
    await network.clock.pass(2 * WATCH_LEASE_MS)
    expect(subscriptionsIn(network)).toBe(0)
  })

  it('leaves nothing behind when the peer stops, and tells its reader and its watchers', async () => {
    const network = new VirtualNetwork()
    const peers = await network.spawnMany(2, { k: 6 })
    const [own, other] = [watch(at(peers, 0)), watch(at(peers, 1))]
    await network.clock.pass(5 * SECOND)
    expect(at(peers, 0).node.status()).toMatchObject({ watches: 1, subscriptions: 1 })
    await network.clock.until(at(peers, 0).node.stop())
    await own.ended
    expect(own.error).toMatchObject({ code: 'ERR_CLOSED' })
    expect(at(peers, 0).node.status()).toMatchObject({ watches: 0, subscriptions: 0 })
    await network.clock.until(at(peers, 1).node.stop())
    await other.ended
    await network.clock.pass(60 * SECOND)
    expect(network.clock.alarms).toBe(0)
  })

  it('refuses a key of no known kind, and a number of replicas beyond k', async () => {
    const network = new VirtualNetwork()
    const { node } = await network.spawn('alone', { k: 6 })
    expect(() => node.watch(new TextEncoder().encode('/unknown/x'))).toThrow('no validator')
    expect(() => node.watch(NAME, { replicas: 7 })).toThrow('a whole number in 1…6 (k), got 7')
  })

  it('tells 1,000 updates by many writers in order while replicas come and go', async () => {
    const network = new VirtualNetwork()
    await network.spawnMany(40, { k: 8 })
    const watcher = outsider(network, 16)
    const own = watcher.node.self.id
    const reader = watch(watcher)
    await network.clock.pass(5 * SECOND)
    let newcomers = 0
    let killed = 0
    for (let i = 1; i <= 1_000; i++) {
      if (i % 25 === 0) {
        const [nearest] = trueClosest(network, NAME, 3).filter(({ id }) => id !== own)
        if (nearest !== undefined && i % 50 === 0) {
          network.kill(nearest.id)
          killed += 1
        }
        const peer = await network.spawn(`newcomer-${newcomers++}`, { k: 8 })
        await network.clock.until(peer.node.join([watcher.node.self]))
      }
      const living = [...network.peers.values()].filter(({ node }) => node.self.id !== own)
      const writer = at(living, (i * 7) % living.length)
      await network.clock.until(writer.node.put(NAME, version(i), { keep: false }))
      if (i % 10 === 0) await network.clock.pass(300 * SECOND)
    }
    await network.clock.pass(5 * SECOND)
    expect(killed).toBe(20)
    const { versions } = reader
    expect(versions.at(-1)).toBe(1_000)
    expect(versions.filter((later, index) => later <= (versions[index - 1] ?? 0))).toEqual([])
    // A put may pass by all replicas that are listened to, when its writer's view of the closest is old.
    expect(versions.length).toBeGreaterThanOrEqual(990)
  }, 60_000)
})
