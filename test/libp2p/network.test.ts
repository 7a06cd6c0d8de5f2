import type { Connection, Libp2pEvents, TypedEventTarget } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Contact } from '../../src/core/contact.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { Connections } from '../../src/libp2p/connections.ts'
import { ContactBook, peerIdOf } from '../../src/libp2p/contacts.ts'
import {
  ANSWER_OVERHEAD_BYTES_MAX,
  OUTBOUND_IDLE_MS,
  OUTBOUND_STREAMS_MAX,
  PIPELINE_MAX,
  STALL_MS,
  SWEEP_MS,
  WAITING_PER_PEER_MAX,
} from '../../src/libp2p/limits.ts'
import { Libp2pNetwork } from '../../src/libp2p/network.ts'
import { encodeAnswer } from '../../src/wire/message-encoder.ts'
import { writeVarint } from '../../src/wire/varint.ts'
import { FakeStream } from '../support/fake-stream.ts'
import { ip4Address } from '../support/tiny.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { sha256 } from '../support/wire.ts'

const VALUE_BYTES_MAX = 65_536
const FIND: RpcRequest = requestOf('find-node')
const PUT: RpcRequest = {
  ...requestOf('put-value'),
  type: 'put-value',
  record: { key: Uint8Array.of(1), value: Uint8Array.of(2) },
}

let clock: VirtualClock
let network: Libp2pNetwork
/** Every stream that was opened, in order. */
let streams: FakeStream[]
/** What was dialled. */
let dialled: readonly (readonly Multiaddr[])[]
/** How long a dial takes. ms. */
let dialMs: number

beforeEach(() => {
  clock = new VirtualClock()
  streams = []
  dialled = []
  dialMs = 0
  const newStream = (): Promise<unknown> => {
    const stream = new FakeStream()
    streams.push(stream)
    return Promise.resolve(stream)
  }
  const connection = { status: 'open', newStream } as unknown as Connection
  const manager = {
    openConnection: (addresses: readonly Multiaddr[]) => {
      dialled = [...dialled, addresses]
      if (dialMs === 0) return Promise.resolve(connection)
      return new Promise((resolve) => {
        clock.setAlarm(clock.now() + dialMs, () => resolve(connection))
      })
    },
  }
  network = new Libp2pNetwork({
    connectionManager: manager as unknown as ConnectionManager,
    connections: new Connections(new EventTarget() as unknown as TypedEventTarget<Libp2pEvents>),
    contacts: new ContactBook(sha256),
    clock,
    hash: sha256,
    protocol: '/kadmium/kad/1.0.0',
    valueBytesMax: VALUE_BYTES_MAX,
    onConnection: () => {},
    onUnsupported: () => {},
  })
})

afterEach(() => {
  network.close()
  const left = [clock.alarms, network.openStreams, ...streams.map(({ listeners }) => listeners)]
  if (left.some((count) => count > 0)) throw new Error(`left: ${left.join()}`)
})

function requestOf<Type extends 'find-node' | 'put-value'>(type: Type) {
  const key = Uint8Array.of(1)
  return { type, key, target: keyFromDigest(sha256(key)) } as const
}

/** A contact with a peer id that libp2p takes. */
function peer(number: number): Contact {
  const idBytes = new Uint8Array(34)
  idBytes.set([0x12, 0x20, number >> 8, number & 0xff])
  const contact = { id: '', idBytes, key: keyFromDigest(sha256(idBytes)), addresses: [] }
  return new Contact({
    ...contact,
    id: peerIdOf(new Contact(contact)).toString(),
    addresses: [ip4Address(10, 0, 0, 1)],
  })
}

/** Sends a request; the outcomes appear in the list that is returned. */
function send(request: RpcRequest, to: Contact = peer(1), timeoutMs = 1_000): RpcOutcome[] {
  const outcomes: RpcOutcome[] = []
  network.send(to, request, clock.now() + timeoutMs, (outcome) => outcomes.push(outcome))
  return outcomes
}

function answerTo(request: RpcRequest, kadmium = true): Uint8Array {
  const encoding = { framed: true, kadmium, timeReceived: '' }
  const outcome: RpcOutcome =
    request.type === 'find-node'
      ? { ok: true, response: { type: 'find-node', closer: [] } }
      : { ok: true, response: { type: 'put-value' } }
  return encodeAnswer(request, outcome, encoding, kadmium)
}

function stream(index: number): FakeStream {
  const found = streams[index]
  if (found === undefined) throw new Error(`no stream ${index} was opened`)
  return found
}

const served = { ok: true, response: { type: 'find-node', closer: [] } }

describe('a peer that is asked', () => {
  it('is dialled at the addresses in hand, each with its id, and never by the bare id', async () => {
    send(FIND)
    await clock.pass(0)
    expect(dialled.map((addresses) => addresses.map(String))).toEqual([
      [`/ip4/10.0.0.1/tcp/4001/p2p/${peer(1).id}`],
    ])
  })

  it('has one stream for all requests, and gets them in one piece', async () => {
    const outcomes = Array.from({ length: 5 }, () => send(FIND))
    await clock.pass(0)
    expect(streams).toHaveLength(1)
    expect(stream(0).sent).toHaveLength(1)
    for (let i = 0; i < 5; i++) stream(0).receive(answerTo(FIND))
    expect(outcomes.flat()).toEqual(Array.from({ length: 5 }, () => served))
  })

  it('has its round trip told without the dial, which only the first request waits for', async () => {
    dialMs = 400
    const rtts: (number | undefined)[] = []
    const ask = (): void => {
      network.send(peer(1), FIND, clock.now() + 1_000, (_outcome, rttMs) => rtts.push(rttMs))
    }
    ask()
    ask()
    await clock.pass(450)
    for (let i = 0; i < 2; i++) stream(0).receive(answerTo(FIND))
    ask()
    await clock.pass(30)
    stream(0).receive(answerTo(FIND))
    expect(rtts).toEqual([50, 50, undefined])
  })

  it('gets no more at once than its pipeline takes, and the rest as it answers', async () => {
    const outcomes = Array.from({ length: PIPELINE_MAX + 5 }, () => send(FIND))
    await clock.pass(0)
    for (let i = 0; i < PIPELINE_MAX; i++) stream(0).receive(answerTo(FIND))
    expect(outcomes.flat()).toHaveLength(PIPELINE_MAX)
    await clock.pass(0)
    for (let i = 0; i < 5; i++) stream(0).receive(answerTo(FIND))
    expect(outcomes.flat()).toHaveLength(PIPELINE_MAX + 5)
  })

  it('has a bounded queue: a further request is given up at once', async () => {
    const outcomes = Array.from({ length: WAITING_PER_PEER_MAX }, () => send(FIND))
    const further = send(FIND)
    await clock.pass(0)
    expect(further).toMatchObject([{ ok: false, failure: { type: 'aborted' } }])
    expect(outcomes.flat()).toEqual([])
  })
})

describe('a peer that answers badly', () => {
  it('loses its stream for an answer that nobody asked for', async () => {
    const first = send(FIND)
    await clock.pass(0)
    stream(0).receive(answerTo(FIND))
    stream(0).receive(answerTo(FIND))
    expect(first).toEqual([served])
    expect(stream(0).status).toBe('aborted')
  })

  it.each([
    ['of another type', answerTo(PUT)],
    ['longer than is allowed', lengthOf(VALUE_BYTES_MAX + ANSWER_OVERHEAD_BYTES_MAX + 1)],
    ['that is none', Uint8Array.of(2, 0xff, 0xff)],
  ])(
    'fails the request for an answer %s; those behind it go to a fresh stream',
    async (_what, bytes) => {
      const first = send(FIND)
      const second = send(FIND)
      await clock.pass(0)
      stream(0).receive(bytes)
      expect(first).toMatchObject([{ ok: false, failure: { type: 'malformed' } }])
      expect(stream(0).status).toBe('aborted')
      await clock.pass(0)
      stream(1).receive(answerTo(FIND))
      expect(second).toEqual([served])
      expect(network.counters.malformedAnswers).toBe(1)
    },
  )

  it('is given up at the deadline when it is silent, and loses its stream when it stays so', async () => {
    const first = send(FIND)
    await clock.pass(1_000)
    expect(first).toMatchObject([{ ok: false, failure: { type: 'timeout' } }])
    const second = send(FIND, peer(1), 60_000)
    await clock.pass(STALL_MS + SWEEP_MS)
    expect(stream(0).status).toBe('aborted')
    stream(1).receive(answerTo(FIND))
    expect(second).toEqual([served])
  })

  it('may answer after the deadline: the answer is not taken for that of the next request', async () => {
    const first = send(FIND)
    await clock.pass(1_000)
    const second = send(PUT)
    await clock.pass(0)
    stream(0).receive(answerTo(FIND))
    expect(second).toEqual([])
    stream(0).receive(answerTo(PUT))
    expect(first).toHaveLength(1)
    expect(second).toMatchObject([{ ok: true }])
  })

  it('that resets a stream which has served is asked once more on a fresh one, and no more', async () => {
    const first = send(FIND)
    await clock.pass(0)
    stream(0).receive(answerTo(FIND))
    expect(first).toEqual([served])
    const second = send(PUT)
    await clock.pass(0)
    stream(0).abort(new Error('reset'))
    await clock.pass(0)
    expect(second).toEqual([])
    stream(1).abort(new Error('reset'))
    expect(second).toMatchObject([{ ok: false, failure: { type: 'refused' } }])
    await clock.pass(0)
    expect(streams).toHaveLength(2)
  })

  it('that answers ADD_PROVIDER, as most do not, does not shift the answers behind it', async () => {
    const provide: RpcRequest = { ...requestOf('find-node'), type: 'add-provider', providers: [] }
    const provided = send(provide)
    const found = send(FIND)
    await clock.pass(0)
    expect(provided).toMatchObject([{ ok: true }])
    stream(0).receive(Uint8Array.of(2, 8, 2)) // its echo
    expect(found).toEqual([])
    stream(0).receive(answerTo(FIND))
    expect(found).toEqual([served])
  })
})

describe('the streams that stand open', () => {
  it('are so many at most: the one least recently used is closed', async () => {
    for (let i = 0; i < OUTBOUND_STREAMS_MAX + 3; i++) {
      send(FIND, peer(i))
      await clock.pass(1)
      stream(i).receive(answerTo(FIND))
    }
    expect(network.openStreams).toBe(OUTBOUND_STREAMS_MAX)
    expect(streams.slice(0, 4).map(({ status }) => status)).toEqual([
      'closed',
      'closed',
      'closed',
      'open',
    ])
  })

  it('are closed when they were not used for long, and nothing is left to do then', async () => {
    send(FIND)
    await clock.pass(0)
    stream(0).receive(answerTo(FIND))
    await clock.pass(OUTBOUND_IDLE_MS - SWEEP_MS)
    expect(stream(0).status).toBe('open')
    await clock.pass(2 * SWEEP_MS)
    expect(stream(0).status).toBe('closed')
    expect(clock.alarms).toBe(0)
  })

  it('end with the network, and what is under way with them', async () => {
    const first = send(FIND)
    await clock.pass(0)
    network.close()
    expect(first).toMatchObject([{ ok: false, failure: { type: 'aborted' } }])
    expect(stream(0).status).toBe('aborted')
    const second = send(FIND)
    await clock.pass(0)
    expect(second).toMatchObject([{ ok: false, failure: { type: 'aborted' } }])
  })
})

/** The beginning of a message of this length. */
function lengthOf(length: number): Uint8Array {
  const bytes = new Uint8Array(4)
  return bytes.subarray(0, writeVarint(bytes, 0, length))
}
