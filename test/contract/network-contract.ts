import { base58btc } from 'multiformats/bases/base58'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest, RpcResponse } from '../../src/core/message.ts'
import type { Clock, Network } from '../../src/core/ports.ts'
import { sha256, utf8 } from '../support/wire.ts'

/** A network under test, and a peer behind it whose answers the test chooses. */
export interface NetworkSubject {
  readonly network: Network
  /** The clock of the deadlines. */
  readonly clock: Clock
  /** A peer that answers by `answer`. */
  readonly peer: Contact
  /** Chooses how the peer answers from now on. */
  answerBy(answer: (request: RpcRequest, reply: (outcome: RpcOutcome) => void) => void): void
  /** A contact that nobody stands behind. */
  readonly unreachable: Contact
  /** A peer that answers with bytes that break the protocol; `undefined` where there are no bytes. */
  readonly malformed: Contact | undefined
  /** Waits for a promise, moving virtual time where it is virtual. */
  until<Result>(promise: Promise<Result>): Promise<Result>
  close(): Promise<void>
}

/** What a network promises (core/ports.ts); every implementation passes it. */
export function runNetworkContract(given: {
  readonly name: string
  readonly create: () => Promise<NetworkSubject>
}): void {
  describe(`${given.name} as a network`, () => {
    let subject: NetworkSubject
    beforeEach(async () => {
      subject = await given.create()
    })
    afterEach(() => subject.close())

    const send = (
      request: RpcRequest,
      to: Contact = subject.peer,
      withinMs = 20_000,
    ): Promise<RpcOutcome> =>
      subject.until(
        new Promise((resolve) => {
          subject.network.send(to, request, subject.clock.now() + withinMs, resolve)
        }),
      )

    it.each(EXCHANGES)('delivers $request.type and its answer', async ({ request, response }) => {
      const received: RpcRequest[] = []
      subject.answerBy((request, reply) => {
        received.push(request)
        reply({ ok: true, response })
      })
      const outcome = await send(request)
      expect(withoutEncoded(received)).toEqual(withoutEncoded([request]))
      expect(withoutEncoded(outcome)).toEqual(withoutEncoded({ ok: true, response }))
    })

    it.each([
      ['empty', new Uint8Array(0)],
      ['of all bytes', Uint8Array.from({ length: 256 }, (_, i) => i)],
      ['of 64 KiB', Uint8Array.from({ length: 65_536 }, (_, i) => (i * 7) % 251)],
    ])('carries a value %s there and back', async (_, value) => {
      let stored: Uint8Array | undefined
      subject.answerBy((request, reply) => {
        if (request.type !== 'put-value') return
        stored = request.record.value
        reply({ ok: true, response: { type: 'put-value' } })
      })
      const record = { key: KEY, value, timeReceived: '' }
      const put = await send({ type: 'put-value', key: KEY, target: TARGET, record })
      expect(put.ok).toBe(true)
      expect(stored).toEqual(value)
      subject.answerBy((_, reply) =>
        reply({ ok: true, response: { type: 'get-value', record, closer: [] } }),
      )
      const got = await send({ type: 'get-value', key: KEY, target: TARGET })
      expect(got).toMatchObject({ response: { record: { value } } })
    })

    it('times out at the deadline, not before, and only once', async () => {
      const replies: ((outcome: RpcOutcome) => void)[] = []
      subject.answerBy((_, reply) => {
        replies.push(reply)
      })
      const outcomes: RpcOutcome[] = []
      const deadline = subject.clock.now() + 300
      const endedAt = await subject.until(
        new Promise<number>((resolve) => {
          subject.network.send(subject.peer, PING, deadline, (outcome) => {
            outcomes.push(outcome)
            resolve(subject.clock.now())
          })
        }),
      )
      expect(outcomes).toEqual([{ ok: false, failure: { type: 'timeout' } }])
      expect(endedAt).toBeGreaterThanOrEqual(deadline)
      // The late answer changes nothing, and the next request gets its own answer.
      subject.answerBy((request, reply) => reply(echo(request)))
      for (const reply of replies) reply({ ok: true, response: { type: 'ping' } })
      expect(await send(FIND_NODE)).toMatchObject({ response: { type: 'find-node' } })
      expect(outcomes).toHaveLength(1)
    })

    it('times out at once when the deadline has passed already, but not within the call', async () => {
      subject.answerBy(() => {})
      let isLater = false
      const outcome = subject.until(
        new Promise((resolve) => {
          subject.network.send(subject.peer, PING, subject.clock.now() - 1, (outcome) =>
            resolve({ outcome, isLater }),
          )
        }),
      )
      isLater = true
      expect(await outcome).toEqual({
        outcome: { ok: false, failure: { type: 'timeout' } },
        isLater: true,
      })
    })

    it('tells an unreachable peer', async () => {
      const outcome = await send(PING, subject.unreachable)
      expect(outcome).toMatchObject({ ok: false, failure: { type: 'unreachable' } })
    })

    it('tells a contact without addresses as unreachable, and not within the call', async () => {
      const { id, idBytes, key } = subject.unreachable
      const nowhere = new Contact({ id, idBytes, key, addresses: [] })
      let isLater = false
      const outcome = subject.until(
        new Promise((resolve) => {
          subject.network.send(nowhere, PING, subject.clock.now() + 20_000, (outcome) =>
            resolve({ outcome, isLater }),
          )
        }),
      )
      isLater = true
      expect(await outcome).toMatchObject({
        outcome: { failure: { type: 'unreachable' } },
        isLater: true,
      })
    })

    it.each(EXCHANGES)('tells a refused $request.type with its reason', async ({ request }) => {
      subject.answerBy((_, reply) =>
        reply({ ok: false, failure: { type: 'refused', reason: 'no room for it' } }),
      )
      expect(await send(request)).toEqual({
        ok: false,
        failure: { type: 'refused', reason: 'no room for it' },
      })
    })

    it('tells a malformed answer', async () => {
      const outcome =
        subject.malformed === undefined
          ? { failure: { type: 'malformed' } }
          : await send(FIND_NODE, subject.malformed)
      expect(outcome).toMatchObject({ failure: { type: 'malformed' } })
    })

    it('says nothing of a request that was taken back', async () => {
      const requests: RpcRequest[] = []
      subject.answerBy((request, reply) => {
        requests.push(request)
        reply(echo(request))
      })
      expect((await send(PING)).ok).toBe(true)
      const outcomes: RpcOutcome[] = []
      const settle = (outcome: RpcOutcome): void => {
        outcomes.push(outcome)
      }
      const deadline = subject.clock.now() + 200
      const cancel = subject.network.send(subject.peer, PING, deadline, settle)
      cancel()
      subject.network.send(subject.unreachable, PING, deadline, settle)()
      // Another one, sent after it and on the same way, ends after it would have.
      expect((await send(FIND_NODE)).ok).toBe(true)
      await subject.until(
        new Promise<void>((resolve) => {
          subject.clock.setAlarm(deadline + 1, resolve)
        }),
      )
      cancel()
      expect(outcomes).toEqual([])
    })

    it('gives each of many requests at once its own answer, once', async () => {
      subject.answerBy((request, reply) => {
        if (request.type !== 'get-value') return
        const { key } = request
        const answer = (): void =>
          reply({
            ok: true,
            response: {
              type: 'get-value',
              record: { key, value: key, timeReceived: '' },
              closer: [],
            },
          })
        // Some are answered at once, some later, some never.
        const last = key.at(-1) ?? 0
        if (last % 3 === 0) answer()
        else if (last % 3 === 1) subject.clock.setAlarm(subject.clock.now() + 5, answer)
        else if (last % 2 === 0) reply({ ok: false, failure: { type: 'refused', reason: 'no' } })
        else answer()
      })
      const counts = Array.from({ length: 250 }, () => 0)
      const outcomes = await Promise.all(
        counts.map((_, i) => {
          const key = Uint8Array.of(...KEY, i)
          return subject.until(
            new Promise<RpcOutcome>((resolve) => {
              const request = { type: 'get-value', key, target: TARGET_OF(key) } as const
              subject.network.send(
                subject.peer,
                request,
                subject.clock.now() + 20_000,
                (outcome) => {
                  counts[i] = (counts[i] ?? 0) + 1
                  resolve(outcome)
                },
              )
            }),
          )
        }),
      )
      expect(counts.every((count) => count === 1)).toBe(true)
      for (const [i, outcome] of outcomes.entries()) {
        const value = Uint8Array.of(...KEY, i)
        expect(outcome).toMatchObject(
          i % 3 === 2 && i % 2 === 0
            ? { failure: { type: 'refused', reason: 'no' } }
            : { response: { record: { value } } },
        )
      }
    })
  })
}

const KEY = utf8('/kv/contract')
/** SHA-256 of the key is what a real network computes on arrival; the contract only compares it. */
const TARGET_OF = (key: Uint8Array): Uint8Array => sha256(key).slice(0, 20)
const TARGET = TARGET_OF(KEY)
const PING: RpcRequest = { type: 'ping' }
const FIND_NODE: RpcRequest = { type: 'find-node', key: KEY, target: TARGET }

const CONTACTS = [1, 2, 3].map((seed) => {
  const idBytes = Uint8Array.of(0x12, 0x20, ...sha256(Uint8Array.of(seed)))
  return new Contact({
    id: base58btc.baseEncode(idBytes),
    idBytes,
    key: TARGET_OF(idBytes),
    addresses: [Uint8Array.of(4, 10, 0, 0, seed, 6, 16, 225)],
  })
})
const RECORD = { key: KEY, value: utf8('value'), timeReceived: '2026-01-01T00:00:00Z', ttlMs: 5000 }

const EXCHANGES: readonly { request: RpcRequest; response: RpcResponse }[] = [
  { request: PING, response: { type: 'ping' } },
  { request: FIND_NODE, response: { type: 'find-node', closer: CONTACTS } },
  {
    request: { type: 'get-value', key: KEY, target: TARGET },
    response: { type: 'get-value', record: RECORD, closer: CONTACTS },
  },
  {
    request: { type: 'put-value', key: KEY, target: TARGET, record: RECORD },
    response: { type: 'put-value' },
  },
  {
    request: { type: 'get-providers', key: KEY, target: TARGET },
    response: { type: 'get-providers', providers: CONTACTS, closer: CONTACTS },
  },
]

/** An answer of the request's own type. */
function echo(request: RpcRequest): RpcOutcome {
  const exchange = EXCHANGES.find((exchange) => exchange.request.type === request.type)
  if (exchange === undefined) throw new Error(`no answer to ${request.type}`)
  return { ok: true, response: exchange.response }
}

/** Contacts keep the bytes they were sent as, and each network writes their ids as text in its way: no difference. */
function withoutEncoded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (name, inner: unknown) => {
      if (name === 'encoded' || name === 'id') return undefined
      return inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : inner
    }),
  )
}
