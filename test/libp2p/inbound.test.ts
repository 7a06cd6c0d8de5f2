import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { Inbound } from '../../src/libp2p/inbound.ts'
import {
  INBOUND_BACKLOG_BYTES_MAX,
  INBOUND_BURST,
  INBOUND_IDLE_MS,
  INBOUND_MESSAGE_MS,
  INBOUND_PARTIAL_MS,
  INBOUND_PER_STREAM_MAX,
  INBOUND_RATE_PER_S,
  INBOUND_STREAMS_MAX,
  INBOUND_TOTAL_MAX,
  SWEEP_MS,
} from '../../src/libp2p/limits.ts'
import { frame } from '../../src/wire/framing.ts'
import { encodeRequest } from '../../src/wire/message-encoder.ts'
import { plainAnswer } from '../support/endpoint.ts'
import { FakeRegistrar, type FakeStream } from '../support/fake-stream.ts'
import { tinyContact } from '../support/tiny.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { fromHex, plainContext, sha256 } from '../support/wire.ts'

const PROTOCOL = '/kadmium/kad/1.0.0'
const VALUE_BYTES_MAX = 65_536
const encoding = { framed: true, kadmium: true, timeReceived: '' }
const KEY = Uint8Array.of(1)
const target = sha256(KEY).subarray(0, 20)
const REQUEST = encodeRequest({ type: 'find-node', key: KEY, target }, encoding)
const GET_VALUE = encodeRequest({ type: 'get-value', key: KEY, target }, encoding)

let clock: VirtualClock
let libp2p: FakeRegistrar
let inbound: Inbound
/** What was asked and is not answered yet. */
let asked: { request: RpcRequest; reply: (outcome: RpcOutcome) => void }[]
/** The answer to everything, given within the call. */
let atOnce: RpcOutcome | undefined

beforeEach(async () => {
  clock = new VirtualClock()
  libp2p = new FakeRegistrar()
  asked = []
  atOnce = undefined
  inbound = new Inbound({
    registrar: libp2p.registrar,
    protocol: PROTOCOL,
    clock,
    decoding: plainContext,
    valueBytesMax: VALUE_BYTES_MAX,
    strangersContactsMax: 20,
    senderOf: () => tinyContact(1),
    answer: (_from, request, reply) => {
      if (atOnce === undefined) asked.push({ request, reply })
      else reply(atOnce)
    },
  })
  await inbound.serve(true)
})

afterEach(async () => {
  await inbound.serve(false)
  const left = [libp2p.handlers.size, inbound.openStreams, clock.alarms]
  if (left.some((count) => count > 0)) throw new Error(`left: ${left.join()}`)
})

function open(peer = 'eve'): FakeStream {
  return libp2p.open(PROTOCOL, peer)
}

/** Answers what was asked, all of it, and lets the answers leave. */
async function answerAll(): Promise<void> {
  for (const { request, reply } of asked.splice(0)) reply(plainAnswer(request))
  await clock.pass(0)
}

function many(count: number, request: Uint8Array = REQUEST): Uint8Array {
  const bytes = new Uint8Array(request.length * count)
  for (let i = 0; i < count; i++) bytes.set(request, i * request.length)
  return bytes
}

describe('a stream that another peer opened', () => {
  it.each([
    ['a length over the limit, before the message has come', 'ffff7f'],
    ['a length that does not end', 'ffffffffff'],
    ['a message of unknown type', '02087f'],
    ['a request without a key', '020804'],
    ['a field that is longer than its message', '0312ff01'],
    ['bytes that are no message', '0407070707'],
  ])('is reset for %s, and no other stream is', async (_what, hex) => {
    const good = open('alice')
    const bad = open('eve')
    bad.receive(fromHex(hex))
    expect(bad.error).toBeDefined()
    expect(bad.listeners).toBe(0)
    expect(inbound.counters.malformed).toBe(1)
    good.receive(REQUEST)
    await answerAll()
    expect(good.status).toBe('open')
    expect(good.sent).toHaveLength(1)
  })

  it('is reset when a message does not go on', async () => {
    const slow = open()
    slow.receive(REQUEST.subarray(0, 3))
    await clock.pass(INBOUND_PARTIAL_MS - SWEEP_MS)
    expect(slow.status).toBe('open')
    await clock.pass(2 * SWEEP_MS)
    expect(slow.error?.message).toBe('a message that does not go on')
  })

  it('is reset when a message comes in drips, but not when many messages do', async () => {
    const drip = open('eve')
    const steady = open('alice')
    const large = frame(new Uint8Array(VALUE_BYTES_MAX))
    drip.receive(large.subarray(0, 4))
    steady.receive(REQUEST.subarray(0, 3))
    let at = 4
    for (let ms = 0; ms < INBOUND_MESSAGE_MS + 2 * SWEEP_MS; ms += 1_000) {
      await clock.pass(1_000)
      if (drip.status === 'open') drip.receive(large.subarray(at, ++at))
      // The end of one request and the beginning of the next.
      steady.receive(REQUEST.subarray(3))
      steady.receive(REQUEST.subarray(0, 3))
      await answerAll()
    }
    expect(drip.error?.message).toBe('a message that does not go on')
    expect(steady.status).toBe('open')
  })

  it('is reset when its peer does not read its answers', async () => {
    const deaf = open()
    deaf.writableNeedsDrain = true
    deaf.receive(REQUEST)
    await answerAll()
    await clock.pass(INBOUND_PARTIAL_MS + SWEEP_MS)
    expect(deaf.error).toBeDefined()
  })

  it('is read no faster than it is answered, and nothing is lost for that', async () => {
    const eager = open()
    eager.receive(many(3 * INBOUND_PER_STREAM_MAX))
    expect(asked).toHaveLength(INBOUND_PER_STREAM_MAX)
    expect(eager.readStatus).toBe('paused')
    for (let i = 0; i < 3; i++) await answerAll()
    expect(inbound.counters.requests).toBe(3 * INBOUND_PER_STREAM_MAX)
    expect(eager.readStatus).toBe('readable')
  })

  it('is not read while its answers wait to be sent, so that they stay within a bound', async () => {
    const deaf = open()
    const record = { key: Uint8Array.of(1), value: new Uint8Array(VALUE_BYTES_MAX) }
    atOnce = { ok: true, response: { type: 'get-value', record, closer: [] } }
    deaf.sendLimit = 1 // what it has taken is not read
    deaf.receive(many(INBOUND_PER_STREAM_MAX, GET_VALUE))
    await clock.pass(0)
    expect(deaf.readStatus).toBe('paused')
    expect(deaf.sent).toHaveLength(1)
    expect(inbound.counters.requests * VALUE_BYTES_MAX).toBeLessThanOrEqual(
      INBOUND_BACKLOG_BYTES_MAX + 2 * VALUE_BYTES_MAX,
    )
    deaf.sendLimit = Number.POSITIVE_INFINITY
    deaf.drain()
    await clock.pass(0)
    expect(inbound.counters.requests).toBe(INBOUND_PER_STREAM_MAX)
    expect(deaf.readStatus).toBe('readable')
  })

  it('waits for its peer’s rate, and goes on with time', async () => {
    const greedy = open()
    for (let i = 0; i < INBOUND_BURST / 50; i++) {
      greedy.receive(many(50))
      await answerAll()
    }
    greedy.receive(many(50))
    expect(asked).toHaveLength(0)
    expect(greedy.readStatus).toBe('paused')
    expect(inbound.counters.throttled).toBe(1)
    // Another stream of the same peer has the same rate; another peer has its own.
    const second = open()
    second.receive(REQUEST)
    expect(asked).toHaveLength(0)
    open('alice').receive(REQUEST)
    expect(asked).toHaveLength(1)
    await clock.pass((1_000 * 100) / INBOUND_RATE_PER_S)
    expect(asked.length).toBeGreaterThan(40)
    await answerAll()
  })

  it('grants its peer nothing while it waits, also after it has gone on once', async () => {
    atOnce = plainAnswer({ type: 'find-node', key: KEY, target })
    const greedy = open()
    greedy.receive(many(INBOUND_BURST + 1))
    expect([greedy.readStatus, greedy.isGranting]).toEqual(['paused', false])
    for (let i = 0; i < 20; i++) greedy.receive(many(100))
    let waits = 0
    for (let i = 0; i < 50; i++) {
      await clock.pass(20)
      if (greedy.readStatus === 'readable') continue
      waits += 1
      expect(greedy.isGranting).toBe(false)
    }
    expect(waits).toBeGreaterThan(5)
  })

  it('is closed when it was silent for long, and nothing is left to do then', async () => {
    const idle = open()
    idle.receive(REQUEST)
    await answerAll()
    await clock.pass(INBOUND_IDLE_MS - SWEEP_MS)
    expect(idle.status).toBe('open')
    await clock.pass(2 * SWEEP_MS)
    expect(idle.status).toBe('closed')
    // It does not close its own side: then it is reset in the end.
    await clock.pass(INBOUND_IDLE_MS + SWEEP_MS)
    expect(inbound.openStreams).toBe(0)
    expect(clock.alarms).toBe(0)
  })

  it('ends in good order when its peer has said all', async () => {
    const brief = open()
    brief.receive(REQUEST)
    brief.endOfRemote()
    await answerAll()
    expect(brief.sent).toHaveLength(1)
    expect(brief.status).toBe('closed')
    expect(brief.listeners).toBe(0)
    expect(inbound.openStreams).toBe(0)
  })
})

describe('the streams that others open', () => {
  it('are so many at most: the one silent for longest makes room', async () => {
    const first = open('first')
    await clock.pass(1)
    const others = Array.from({ length: INBOUND_STREAMS_MAX - 1 }, (_, i) => open(`peer ${i}`))
    await clock.pass(1)
    first.receive(REQUEST) // it is in use
    const last = open('last')
    expect(last.status).toBe('open')
    expect(first.status).toBe('open')
    expect(others.filter(({ status }) => status === 'aborted')).toHaveLength(1)
    expect(inbound.openStreams).toBe(INBOUND_STREAMS_MAX)
    await answerAll()
  })

  it('are not all for those who take many: each newcomer finds room, at their cost', async () => {
    const friends = Array.from({ length: 10 }, (_, i) => open(`friend ${i}`))
    const greedy = Array.from({ length: INBOUND_STREAMS_MAX - 10 }, (_, i) => open(`eve ${i % 64}`))
    for (const stream of greedy) stream.receive(REQUEST.subarray(0, 2)) // none of them is idle
    const newcomers = Array.from({ length: 100 }, (_, i) => open(`newcomer ${i}`))
    expect([...friends, ...newcomers].every(({ status }) => status === 'open')).toBe(true)
    expect(greedy.filter(({ status }) => status === 'aborted')).toHaveLength(100)
    // Those who take more again take it from one another.
    for (let i = 0; i < 200; i++) open(`eve ${i % 64}`).receive(REQUEST.subarray(0, 2))
    expect([...friends, ...newcomers].every(({ status }) => status === 'open')).toBe(true)
    expect(inbound.openStreams).toBeLessThanOrEqual(INBOUND_STREAMS_MAX)
    for (const stream of newcomers) stream.receive(REQUEST)
    await answerAll()
    expect(newcomers.every(({ sent }) => sent.length === 1)).toBe(true)
  })

  it('are refused when all are in use, of as many peers', () => {
    const used = Array.from({ length: INBOUND_STREAMS_MAX }, (_, i) => open(`peer ${i}`))
    for (const stream of used) stream.receive(REQUEST.subarray(0, 2))
    expect(open('last').error?.message).toBe('too many streams')
    expect(used.every(({ status }) => status === 'open')).toBe(true)
  })

  it('have so many requests answered at once, of all peers together', async () => {
    const streams = Array.from({ length: INBOUND_TOTAL_MAX / 32 + 10 }, (_, i) => open(`${i}`))
    for (const stream of streams) stream.receive(many(32))
    expect(asked).toHaveLength(INBOUND_TOTAL_MAX)
    await answerAll()
    await answerAll()
    expect(inbound.counters.requests).toBe(32 * streams.length)
    expect(streams.every(({ readStatus }) => readStatus === 'readable')).toBe(true)
  })

  it('end with the serving', async () => {
    const stream = open()
    stream.receive(REQUEST)
    await inbound.serve(false)
    expect(stream.error?.message).toBe('no longer serving')
    await answerAll() // an answer that comes too late harms nobody
    expect(stream.sent).toHaveLength(0)
  })
})
