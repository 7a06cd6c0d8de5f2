import { afterEach, describe, expect, it } from 'vitest'
import { RemotePeer } from '../../src/api/remote-peer.ts'
import type { DhtEvent } from '../../src/core/events.ts'
import { hybridTimestamp } from '../../src/core/hybrid-clock.ts'
import { resolveOptions } from '../../src/core/options.ts'
import { kvKey } from '../../src/core/record-key.ts'
import { type HealthGiven, healthProblems, isReady } from '../../src/daemon/health.ts'
import { HealthEvidence } from '../../src/daemon/health-evidence.ts'
import { refusalKind } from '../../src/daemon/refusals.ts'
import { StoreSurveyor } from '../../src/daemon/store-survey.ts'
import { Daemons, kad, until } from '../support/kad.ts'
import { startPeer } from '../support/peers.ts'
import { validators as kinds, NOW, newStore, put } from '../support/record-stores.ts'
import { tinyContact } from '../support/tiny.ts'
import { sha256Key, signedValue } from '../support/values.ts'
import { Running, read } from './running.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('the verdict on a peer', () => {
  it('is well, for one in a network of whatever size that answers', () => {
    expect(kindsOf({})).toEqual([])
    expect(kindsOf({ contacts: 1, live: 1, networkSize: undefined })).toEqual([])
    expect(kindsOf({ contacts: 200, live: 150, networkSize: 5_000 })).toEqual([])
    // The estimate of a small network is rough.
    expect(kindsOf({ contacts: 5, live: 5, networkSize: 14 })).toEqual([])
  })

  it('is well, for the first peer of a network', () => {
    expect(kindsOf({ contacts: 0, live: 0, hasSeeds: false })).toEqual([])
  })

  it('says that no peer answers, but not while it may be joining', () => {
    expect(kindsOf({ contacts: 0, live: 0 })).toEqual(['no-peers'])
    expect(kindsOf({ contacts: 0, live: 0, uptimeMs: 10_000 })).toEqual([])
    expect(kindsOf({ contacts: 4, live: 0 })).toEqual(['no-peers'])
    expect(kindsOf({ contacts: 0, live: 0, hasSeeds: false, mode: 'client' })).toEqual(['no-peers'])
  })

  it('says that the table is thin: most do not answer, or it knows few of many', () => {
    expect(kindsOf({ contacts: 9, live: 4 })).toEqual(['thin-table'])
    expect(kindsOf({ contacts: 100, live: 10 })).toEqual([])
    expect(kindsOf({ contacts: 5, live: 5, networkSize: 1_000 })).toEqual(['thin-table'])
    expect(kindsOf({ contacts: 5, live: 5, networkSize: 1_000, uptimeMs: 10_000 })).toEqual([])
  })

  it('says that the clock is off on the word of several peers, in a tiny network of one', () => {
    expect(kindsOf({ skew: { aheadOf: 2, behind: 2 } })).toEqual([])
    expect(kindsOf({ skew: { aheadOf: 3, behind: 0 } })).toEqual(['clock-skew'])
    expect(kindsOf({ skew: { aheadOf: 0, behind: 3 } })).toEqual(['clock-skew'])
    const few = { contacts: 2, live: 2, networkSize: undefined }
    expect(kindsOf({ ...few, skew: { aheadOf: 1, behind: 0 } })).toEqual(['clock-skew'])
  })

  it('says that the store is full, by bytes or by number', () => {
    expect(kindsOf({ recordBytes: 0.96 * 2 ** 28 })).toEqual(['store-full'])
    expect(kindsOf({ records: 96_000 })).toEqual(['store-full'])
  })

  it('says that keys have too few holders, unless it knows nobody at all', () => {
    expect(kindsOf({ underReplicated: 2 })).toEqual(['under-replicated'])
    expect(kindsOf({ underReplicated: 2, contacts: 0, live: 0, hasSeeds: false })).toEqual([])
    expect(textsOf({ underReplicated: 1 })[0]).toContain('1 key has fewer holders than wanted')
  })

  it('turns a peer away for nothing but the lack of peers', () => {
    const all = healthProblems(
      given({ records: 96_000, underReplicated: 2, skew: { aheadOf: 3, behind: 3 }, live: 4 }),
    )
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(4)
    expect(isReady(all)).toBe(true)
    expect(isReady(healthProblems(given({ live: 0 })))).toBe(false)
  })
})

describe('the evidence', () => {
  it('of a skewed clock is the very text with which a peer refuses a value from the future', () => {
    const key = kvKey('n')
    const version = hybridTimestamp(NOW + HOUR)
    const value = signedValue(key, 'Bob', { value: 'v', version })
    const verdict = kinds.validate(key, value, NOW)
    expect(verdict).toMatchObject({ valid: false })
    expect(refusalKind(`invalid: ${verdict.valid ? '' : verdict.reason}`)).toBe('clock-skew')
  })

  it('of a skewed clock counts each peer once, and lapses', () => {
    const evidence = new HealthEvidence()
    for (const peer of [1, 1, 2]) evidence.observe(refusedFor(SKEWED, peer, 0))
    evidence.observe(refusedFor('invalid: the value has another digest than its key', 3, 0))
    evidence.observe(receivedFrom(SKEWED, 4, MINUTE))
    expect(evidence.skew(MINUTE)).toEqual({ aheadOf: 2, behind: 1 })
    expect(evidence.skew(10.5 * MINUTE)).toEqual({ aheadOf: 0, behind: 1 })
    expect(evidence.skew(HOUR)).toEqual({ aheadOf: 0, behind: 0 })
  })

  it('of skewed clocks is bounded, whoever sends it', () => {
    const evidence = new HealthEvidence()
    for (let peer = 0; peer < 1_000; peer++) evidence.observe(receivedFrom(SKEWED, peer, 0))
    expect(evidence.skew(0).behind).toBe(256)
  })

  it('of a key with too few holders stands until it is put to all, copied, or gone', () => {
    const evidence = new HealthEvidence()
    const store = newStore()
    const hold = (text: string, now = NOW): Uint8Array => {
      const key = sha256Key(Buffer.from(text))
      put(store, key, Buffer.from(text), { origin: 'owner', now })
      return key
    }
    const [again, copied, gone, fine] = [hold('again'), hold('copied'), hold('gone'), hold('fine')]
    for (const key of [again, copied, gone]) evidence.put(key, 3, 5, NOW)
    evidence.put(fine, 5, 5, NOW)
    expect(evidence.thinKeys(store, NOW + 1)).toBe(3)
    evidence.put(again, 5, 5, NOW + 1)
    expect(evidence.thinKeys(store, NOW + 1)).toBe(2)
    hold('copied', NOW + HOUR)
    expect(evidence.thinKeys(store, NOW + HOUR)).toBe(1)
    store.remove(gone)
    expect(evidence.thinKeys(store, NOW + HOUR)).toBe(0)
  })

  it('of records that nobody could be reached for is their age since the start of the peer', () => {
    const records = newStore()
    const hold = (text: string, origin: 'owner' | 'replica' | 'cached'): void =>
      void put(records, sha256Key(Buffer.from(text)), Buffer.from(text), { origin })
    hold('a', 'owner')
    hold('b', 'replica')
    hold('c', 'cached')
    const node = { records, options: resolveOptions(), mode: 'server' as const }
    const at = (startedAt: number, now: number): unknown =>
      new StoreSurveyor(startedAt).survey(node, now)
    const byOrigin = { owner: 1, replica: 1, cached: 1 }
    expect(at(NOW, NOW + 1.9 * HOUR)).toEqual({ byOrigin, overdue: 0 })
    expect(at(NOW, NOW + 2 * HOUR)).toEqual({ byOrigin, overdue: 2 })
    expect(at(NOW + 20 * HOUR, NOW + 21 * HOUR)).toEqual({ byOrigin, overdue: 0 })
    node.options = resolveOptions({ replicateIntervalMs: 0 })
    expect(at(NOW, NOW + 20 * HOUR)).toEqual({ byOrigin, overdue: 0 })
  })
})

describe('a running daemon', () => {
  const running = new Running()
  const daemons = new Daemons()
  afterEach(async () => {
    await running.end()
    await daemons.close()
  })

  it('says at /healthz and /readyz that it is well', async () => {
    const daemon = await running.daemon()
    for (const api of daemon.apis) {
      const [health, ready] = [await read(api, '/healthz'), await read(api, '/readyz')]
      expect([health.status, ready.status]).toEqual([200, 200])
      expect(JSON.parse(health.body)).toEqual({ alive: true, healthy: true, problems: [] })
      expect(JSON.parse(ready.body)).toEqual({ ready: true, healthy: true, problems: [] })
    }
    expect((await read(daemon.apis[0] ?? '', '/nothing')).status).toBe(404)
  })

  it('says how many keys others do not hold, as long as they do not', async () => {
    const daemon = await running.daemon()
    const [socket = ''] = daemon.apis
    const api = new RemotePeer({ type: 'unix', path: socket })
    // One that holds small values only: what is larger has one holder of two.
    const small = await startPeer({ bootstrap: daemon.addresses, valueBytesMax: 8 })
    try {
      await small.dht.join()
      const immutable = (text: string) =>
        api.put({ key: undefined, value: Buffer.from(text), kind: 'immutable' })
      expect(await immutable('small')).toMatchObject({ stored: { length: 2 } })
      expect((await api.status()).problems).toEqual([])
      expect(await immutable('not that small')).toMatchObject({ stored: { length: 1 }, target: 2 })
      expect((await api.status()).problems[0]).toContain('under-replicated: 1 key has fewer')
      const value = Buffer.alloc(4_000)
      const quorum = api.put({ key: 'large', value, kind: 'by-key', quorum: 2 })
      await expect(quorum).rejects.toMatchObject({ code: 'ERR_QUORUM' })
      const { problems } = await api.status()
      expect(problems).toHaveLength(1)
      expect(problems[0]).toContain('under-replicated: 2 keys have fewer')
      expect((await read(socket, '/readyz')).status).toBe(200)
      await api.put({ key: 'large', value: Buffer.from('less'), kind: 'by-key', quorum: 2 })
      expect((await api.status()).problems[0]).toContain('1 key has fewer')
    } finally {
      await small.libp2p.stop()
    }
  })

  it('whose clock is ten minutes ahead says so, and so does whoever refuses its values', async () => {
    const right = await daemons.start('right')
    const ahead = await withNodeOptions(AHEAD, () =>
      daemons.start('ahead', { bootstrap: [right.address] }),
    )
    await until('they know one another', async () => {
      const { stdout } = await kad(['status', '--json', '--api', ahead.api])
      return (JSON.parse(stdout.toString()) as { contacts: number }).contacts === 1
    })
    const refused = await kad(['put', 'greeting', 'hello', '--api', ahead.api])
    expect(refused.stderr).toContain("ahead of this peer's clock")
    const [here, there] = [await verdict(ahead.api), await verdict(right.api)]
    expect(here.code).toBe(1)
    expect(here.health).toContain("this machine's clock is ahead, set it by NTP")
    expect(there.health).toContain("this machine's clock is behind, or theirs are ahead")
    const ready = await read(ahead.api, '/readyz')
    expect(ready.status).toBe(200)
    expect(JSON.parse(ready.body)).toMatchObject({ healthy: false })
    const { body } = await read(right.api, '/metrics')
    expect(body).toContain('kadmium_health_problem{problem="clock-skew"} 1')
    expect(body).toContain('kadmium_inbound_requests_refused_total{reason="clock-skew"} 1')
  })

  /** What `kad status` says of a daemon's health. */
  async function verdict(api: string): Promise<{ code: number | null; health: string }> {
    const { code, stdout } = await kad(['status', '--api', api])
    return { code, health: stdout.toString().split('\npeer ')[0] ?? '' }
  }
})

const SKEWED =
  "invalid: the timestamp lies 600000 ms ahead of this peer's clock, 300000 ms are allowed"

/** A program that makes the wall clock of its process ten minutes fast. */
const AHEAD = '--import=data:text/javascript,const{now}=Date;Date.now=()=>now.call(Date)+600000'

async function withNodeOptions<Result>(
  options: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const before = process.env.NODE_OPTIONS
  process.env.NODE_OPTIONS = options
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
  }
}

type Overrides = Partial<Omit<HealthGiven, 'status' | 'options'>> & Partial<HealthGiven['status']>

/** A peer that is well, in a network of twelve; what is given differs. */
function given(overrides: Overrides): HealthGiven {
  const { live = 11, uptimeMs = HOUR, hasSeeds = true, underReplicated = 0, ...rest } = overrides
  const { skew = { aheadOf: 0, behind: 0 }, ...status } = rest
  return {
    status: {
      mode: 'server',
      contacts: 11,
      buckets: 4,
      records: 100,
      recordBytes: 50_000,
      providerKeys: 0,
      publications: 0,
      watches: 0,
      subscriptions: 0,
      operations: 0,
      networkSize: 12,
      ...status,
    },
    options: resolveOptions(),
    live,
    uptimeMs,
    hasSeeds,
    underReplicated,
    skew,
  }
}

function kindsOf(overrides: Overrides): string[] {
  return healthProblems(given(overrides)).map(({ kind }) => kind)
}

function textsOf(overrides: Overrides): string[] {
  return healthProblems(given(overrides)).map(({ text }) => text)
}

function refusedFor(reason: string, peer: number, at: number): DhtEvent {
  return {
    type: 'request-failed',
    at,
    operation: 1,
    kind: 'put',
    from: tinyContact(peer & 255, { id: `peer-${peer}` }),
    request: 'put-value',
    failure: { type: 'refused', reason },
    afterMs: 1,
  }
}

function receivedFrom(refusal: string, peer: number, at: number): DhtEvent {
  const from = tinyContact(peer & 255, { id: `peer-${peer}` })
  return { type: 'request-received', at, from, request: 'put-value', refusal }
}
