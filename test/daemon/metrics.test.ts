import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiPeer } from '../../src/api/peer.ts'
import { RemotePeer } from '../../src/api/remote-peer.ts'
import { KadmiumError } from '../../src/core/errors.ts'
import type { DhtEvent } from '../../src/core/events.ts'
import type { Daemon } from '../../src/daemon/daemon.ts'
import { MeteredPeer } from '../../src/daemon/metered-peer.ts'
import { EventMetrics } from '../../src/daemon/metrics.ts'
import { Growth, type MetricsRegistrar, Tally } from '../../src/daemon/metrics-registrar.ts'
import { refusalKind } from '../../src/daemon/refusals.ts'
import { tinyContact } from '../support/tiny.ts'
import { figuresOf, Running, read } from './running.ts'

const running = new Running()
let daemon: Daemon
let token: string

beforeAll(async () => {
  daemon = await running.daemon()
  token = (await readFile(join(daemon.data, 'token'), 'utf8')).trim()
  const other = await running.peer(daemon.addresses)
  const api = new RemotePeer({ type: 'unix', path: socketOf(daemon) })
  await api.put({ key: 'greeting', value: Buffer.from('hello'), kind: 'by-key' })
  await other.put({ key: 'answer', value: Buffer.from('hello'), kind: 'by-key' })
  await api.get('greeting', {})
  await api.get('missing', {}).catch(() => {})
})

afterAll(() => running.end())

describe('the metrics of a daemon', () => {
  it("show libp2p's figures, those of the process and Kadmium's own on one page", async () => {
    const { status, type, body } = await read(socketOf(daemon), '/metrics')
    expect(status).toBe(200)
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
    const figures = figuresOf(body)
    expect(
      figures.get('libp2p_data_transfer_bytes_total{protocol="/kadmium/kad/1.0.0 received"}'),
    ).toBeGreaterThan(0)
    expect(figures.get('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(figures.get('kadmium_contacts{state="live"}')).toBe(1)
    expect(figures.get('kadmium_records{origin="owner"}')).toBe(1)
    expect(figures.get('kadmium_records{origin="replica"}')).toBe(1)
    expect(figures.get('kadmium_store_bytes')).toBeGreaterThan(500)
    expect(figures.get('kadmium_streams_open{direction="inbound"}')).toBe(1)
    expect(figures.get('kadmium_streams_opened_total{direction="outbound"}')).toBe(1)
    expect(figures.get('kadmium_mode{mode="server"}')).toBe(1)
    expect(figures.get('kadmium_health_problem{problem="no-peers"}')).toBe(0)
  })

  it('count requests by type and direction, operations by kind, and calls of the API', async () => {
    const figures = figuresOf((await read(socketOf(daemon), '/metrics')).body)
    expect(figures.get('kadmium_outbound_requests_total{type="put-value"}')).toBe(1)
    expect(figures.get('kadmium_outbound_requests_answered_total{type="put-value"}')).toBe(1)
    expect(figures.get('kadmium_outbound_requests_failed_total{type="put-value"}')).toBe(0)
    expect(figures.get('kadmium_inbound_requests_total{type="put-value"}')).toBe(1)
    expect(figures.get('kadmium_inbound_requests_refused_total{reason="clock-skew"}')).toBe(0)
    expect(figures.get('kadmium_round_trip_seconds_count{type="put-value"}')).toBe(1)
    expect(figures.get('kadmium_operations_done_total{kind="put"}')).toBe(1)
    expect(figures.get('kadmium_operation_duration_seconds_count{kind="put"}')).toBe(1)
    expect(figures.get('kadmium_api_calls_total{method="put"}')).toBe(1)
    expect(figures.get('kadmium_api_calls_total{method="get"}')).toBe(2)
    expect(figures.get('kadmium_api_errors_total{code="ERR_NOT_FOUND"}')).toBe(1)
  })

  it('lose nothing to a second reader', async () => {
    const name = 'kadmium_outbound_requests_total{type="put-value"}'
    const pages = await Promise.all([1, 2, 3].map(() => read(socketOf(daemon), '/metrics')))
    expect(pages.map(({ body }) => figuresOf(body).get(name))).toEqual([1, 1, 1])
  })

  it('say in words what each of Kadmium’s figures is', async () => {
    const { body } = await read(socketOf(daemon), '/metrics')
    const help = body.split('\n').filter((line) => line.startsWith('# HELP kadmium_'))
    expect(help.length).toBeGreaterThan(30)
    expect(help.filter((line) => !/^# HELP \w+ [A-Z1].+ .+\.$|kad status/.test(line))).toEqual([])
  })

  it('are written as Prometheus reads them: each series once, below its type', async () => {
    const { body } = await read(socketOf(daemon), '/metrics')
    expect(faultsOf(body)).toEqual([])
    expect(faultsOf('up 1\n# TYPE up gauge\nup 1\nup 2\nup{a=1} 1\nup{a="1"} x\n')).toEqual([
      'before its type: up 1',
      'twice: up 1',
      'twice: up 2',
      'no series: up{a=1} 1',
      'no series: up{a="1"} x',
    ])
  })

  it('want the token over TCP, as calls do, and count whoever has none', async () => {
    const [, tcp = ''] = daemon.apis
    const count = async (): Promise<number | undefined> =>
      figuresOf((await read(socketOf(daemon), '/metrics')).body).get(
        'kadmium_api_unauthenticated_total',
      )
    expect(await count()).toBe(0)
    expect((await read(tcp, '/metrics')).status).toBe(401)
    expect((await read(tcp, '/metrics', bearing('wrong'))).status).toBe(401)
    expect((await read(tcp, '/metrics', bearing(token))).status).toBe(200)
    const call = await fetch(`http://${tcp}/kadmium.v1.Kadmium/Status`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer wrong' },
      body: '{}',
    })
    expect(call.status).toBe(401)
    expect(await count()).toBe(3)
  })

  it('are read and not written', async () => {
    const answer = await fetch(`http://${daemon.apis[1]}/metrics`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    })
    expect(answer.status).toBe(405)
  })
})

describe('what is counted of events', () => {
  it('leaves the waiting of watchers out of the round trips', () => {
    const metrics = new EventMetrics()
    const observed: object[] = []
    metrics.register(registrar((name, values) => observed.push({ name, ...values })))
    metrics.observe(answered('watch', 60_000))
    metrics.observe(answered('ping', 2))
    expect(observed).toEqual([{ name: 'kadmium_round_trip_seconds', ping: 0.002 }])
  })

  it('tells records pushed by upkeep from those that were put, and regions from newcomers', () => {
    const metrics = new EventMetrics()
    const counters = new Map<string, () => Readonly<Record<string, number>>>()
    metrics.register(registrar(() => {}, counters))
    const start = { type: 'operation-start', at: 0, operation: 1, kind: 'replicate' } as const
    metrics.observe({ ...start, target: Uint8Array.of(1) })
    metrics.observe({ ...start, target: undefined })
    metrics.observe({ ...start, target: undefined })
    metrics.observe({ ...answered('put-value', 1), kind: 'replicate' })
    metrics.observe({ ...answered('put-value', 1), kind: 'put' })
    expect(counters.get('kadmium_replication_runs_total')?.()).toEqual({
      regions: 1,
      'hand-overs': 2,
    })
    expect(counters.get('kadmium_replication_pushes_total')?.()).toEqual({ stored: 1, failed: 0 })
  })

  it('names refusals by few words, whatever their text', () => {
    const kinds = [
      ['full: the writer 12D3 has used up his share', 'full'],
      ['stale: version 3 is older than version 4, which is held', 'stale'],
      [
        "invalid: the timestamp lies 400000 ms ahead of this peer's clock, 300000 ms are allowed",
        'clock-skew',
      ],
      ['invalid: the value has another digest than its key', 'invalid'],
      ['a key of 1 to 512 bytes is needed', 'bad-key'],
      ['busy: 128 subscriptions of yours stand at this peer', 'too-many'],
      ['4 requests of yours wait for this key', 'too-many'],
      ['this peer answers no requests', 'not-serving'],
      ['anything: at all', 'other'],
      ['', 'other'],
    ]
    expect(kinds.map(([text = '']) => [text, refusalKind(text)])).toEqual(kinds)
  })
})

describe('the calls of the API', () => {
  it('are told of with what became of them; a watch when its reader leaves it', async () => {
    const heard: unknown[][] = []
    const peer: Pick<ApiPeer, 'status' | 'get' | 'watch'> = {
      status: () => Promise.reject(new Error('the caller has left')),
      get: () => Promise.reject(new KadmiumError('ERR_NOT_FOUND', 'nobody holds it')),
      watch: async function* () {
        yield await Promise.resolve({
          type: 'gap',
          key: 'k',
          missed: 1,
          reason: 'overrun',
        } as const)
        yield await Promise.resolve({
          type: 'gap',
          key: 'k',
          missed: 2,
          reason: 'overrun',
        } as const)
      },
    }
    // The part that is called here.
    const metered = new MeteredPeer(peer as ApiPeer, (...call) => heard.push(call))
    await expect(metered.get('k', {})).rejects.toThrow('nobody holds it')
    await expect(metered.status()).rejects.toThrow('has left')
    for await (const event of metered.watch('k', {})) {
      expect(event).toMatchObject({ missed: 1 })
      expect(heard).toHaveLength(2)
      break
    }
    expect(heard).toEqual([
      ['get', 'ERR_NOT_FOUND'],
      ['status', 'ABORTED'],
      ['watch', undefined],
    ])
  })
})

describe('a tally', () => {
  it('tells of each thing once, and of what did not happen as zero', () => {
    const tally = new Tally<'a' | 'b'>(['a', 'b'])
    tally.add('a', 2)
    expect([tally.take(), tally.take()]).toEqual([
      { a: 2, b: 0 },
      { a: 0, b: 0 },
    ])
  })

  it('of another’s total begins anew where that does', () => {
    const growth = new Growth()
    expect([5, 7, 7, 3].map((total) => growth.by(total))).toEqual([5, 2, 0, 3])
  })
})

/** What Prometheus would not take of a page. */
function faultsOf(page: string): string[] {
  const families = new Set<string>()
  const seen = new Set<string>()
  return page.split('\n').flatMap((line) => {
    const [, typed] = /^# TYPE (\w+) (?:counter|gauge|histogram|summary)$/.exec(line) ?? []
    if (typed !== undefined) families.add(typed)
    if (typed !== undefined || line === '' || line.startsWith('# HELP ')) return []
    const [, series, name = ''] = SERIES.exec(line) ?? []
    if (series === undefined) return [`no series: ${line}`]
    const isTwice = seen.has(series)
    seen.add(series)
    if (isTwice) return [`twice: ${line}`]
    const family = name.replace(/_(bucket|sum|count)$/, '')
    return families.has(name) || families.has(family) ? [] : [`before its type: ${line}`]
  })
}

/** A line of the page: a series, which begins with its name, and a number. */
const SERIES =
  /^((\w+)(?:\{\w+="[^"\\]*"(?:,\w+="[^"\\]*")*\})?) -?(?:[\d.]+(?:e[+-]?\d+)?|\+?Inf|NaN)$/i

function bearing(given: string): Record<string, string> {
  return { authorization: `Bearer ${given}` }
}

function socketOf({ apis }: Daemon): string {
  return apis[0] ?? ''
}

function answered(
  request: 'watch' | 'ping' | 'put-value',
  rttMs: number,
): DhtEvent & { type: 'request-answered' } {
  return {
    type: 'request-answered',
    at: 0,
    operation: 1,
    kind: 'get',
    from: tinyContact(1),
    request,
    rttMs,
    closer: [],
    found: false,
    response: { type: 'ping' },
  }
}

/** A registrar that hands durations to `observed` and collects the groups of counters. */
function registrar(
  observed: (name: string, values: Partial<Record<string, number>>) => void,
  counters = new Map<string, () => Readonly<Record<string, number>>>(),
): MetricsRegistrar {
  const fake: Pick<MetricsRegistrar, 'counter' | 'counters' | 'durations'> = {
    counter: () => {},
    counters: (name, _label, _help, grown) => void counters.set(name, grown),
    durations: (name) => ({
      observe: (values) => observed(name, values),
      reset: () => {},
      timer: () => () => {},
    }),
  }
  return fake as MetricsRegistrar // the part that registering events uses
}
