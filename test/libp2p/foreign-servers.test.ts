import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { decodeRequest } from '../../src/wire/message-decoder.ts'
import { encodeAnswer } from '../../src/wire/message-encoder.ts'
import { type Endpoint, plainAnswer, startEndpoint, startRawPeer } from '../support/endpoint.ts'
import { contactOf, plainContext, sha256, utf8 } from '../support/wire.ts'

/*
 * Servers that answer as other implementations do, and as bad luck lets them. What each does: wire facts in the
 * specifications' issues and in the sources of js-libp2p, go-libp2p, rust-libp2p and py-libp2p.
 */

let own: Endpoint
let peer: Awaited<ReturnType<typeof startRawPeer>> | undefined
beforeEach(async () => {
  own = await startEndpoint({ serves: false })
})
afterEach(async () => {
  await Promise.all([own.close(), peer?.close()])
  peer = undefined
})

/** What a server does with one request. */
type Turn = (request: RpcRequest, stream: Stream, index: number) => void

/** Starts a server that takes requests one after another, as all but Kadmium do. */
async function startServer(turn: Turn): Promise<Contact> {
  peer = await startRawPeer(async (stream) => {
    const lp = lpStream(stream)
    for (let index = 0; stream.readStatus === 'readable'; index++) {
      const bytes = await lp.read().catch(() => undefined) // the other side has closed it
      if (bytes === undefined) return
      turn(decodeRequest(new Uint8Array(bytes.subarray()), plainContext).request, stream, index)
    }
  })
  return peer.contact
}

function answer(stream: Stream, request: RpcRequest, outcome = plainAnswer(request)): void {
  stream.send(encodeAnswer(request, outcome, { framed: true, kadmium: false, timeReceived: '' }))
}

function ask(to: Contact, request: RpcRequest): Promise<RpcOutcome> {
  return new Promise((resolve) => {
    own.network.send(to, request, own.clock.now() + 10_000, resolve)
  })
}

function findNode(text: string) {
  const key = utf8(text)
  return { type: 'find-node', key, target: sha256(key).slice(0, 20) } as const
}

function addProvider(): RpcRequest {
  return { ...findNode('block'), type: 'add-provider', providers: [own.contact] }
}

function isFor(request: RpcRequest, text: string): boolean {
  return 'key' in request && Buffer.compare(request.key, utf8(text)) === 0
}

const FOUND = { ok: true, response: { type: 'find-node', closer: [] } } as const

describe('requests at once to a server of another kind', () => {
  it('that resets the stream over one of them all get their answers but that one', async () => {
    const server = await startServer((request, stream) => {
      if (isFor(request, 'bad')) stream.abort(new Error('Invalid CID'))
      else answer(stream, request)
    })
    await ask(server, findNode('first'))
    const outcomes = await Promise.all(
      ['a', 'b', 'bad', 'c', 'd', 'bad', 'e'].map((text) => ask(server, findNode(text))),
    )
    const malformed = { ok: false, failure: { type: 'malformed' } }
    expect(outcomes).toMatchObject([FOUND, FOUND, malformed, FOUND, FOUND, malformed, FOUND])
  })

  it('that closes the stream after each answer all get theirs', async () => {
    const server = await startServer((request, stream, index) => {
      if (index > 0) return
      answer(stream, request)
      void stream.close()
    })
    const texts = ['a', 'b', 'c', 'd', 'e']
    expect(await Promise.all(texts.map((text) => ask(server, findNode(text))))).toEqual(
      texts.map(() => FOUND),
    )
  })

  it.each(['echoes', 'passes over'])(
    'that %s an ADD_PROVIDER get each its own answer',
    async (how) => {
      const server = await startServer((request, stream) => {
        if (request.type === 'add-provider' && how === 'passes over') return
        answer(stream, request)
      })
      const requests = [findNode('a'), addProvider(), findNode('b'), addProvider(), findNode('c')]
      const outcomes = await Promise.all(requests.map((request) => ask(server, request)))
      expect(outcomes).toEqual(
        requests.map(({ type }) =>
          type === 'find-node' ? FOUND : { ok: true, response: { type: 'add-provider' } },
        ),
      )
    },
  )

  it('that resets a fresh stream over an ADD_PROVIDER: the one behind it is answered', async () => {
    const server = await startServer((request, stream) => {
      if (request.type === 'add-provider') stream.abort(new Error('Invalid CID'))
      else answer(stream, request)
    })
    const [, found] = await Promise.all([
      ask(server, addProvider()),
      ask(server, findNode('behind')),
    ])
    expect(found).toEqual(FOUND)
  })

  it('that refuses a put by a reset: it is refused, and is not tried for ever', async () => {
    let puts = 0
    const server = await startServer((request, stream) => {
      if (request.type !== 'put-value') return answer(stream, request)
      puts += 1
      stream.abort(new Error('record too old'))
    })
    await ask(server, findNode('first'))
    const record = { key: utf8('/v/k'), value: utf8('v') }
    const outcome = await ask(server, { ...findNode('/v/k'), type: 'put-value', record })
    expect(outcome).toMatchObject({ ok: false, failure: { type: 'refused' } })
    expect(puts).toBe(2)
  })

  it('that keeps silent on one of them: it is out of time at its own deadline', async () => {
    const server = await startServer((request, stream) => {
      if (!isFor(request, 'silence')) answer(stream, request)
    })
    await ask(server, findNode('first'))
    const outcome = await new Promise((resolve) => {
      own.network.send(server, findNode('silence'), own.clock.now() + 50, resolve)
    })
    expect(outcome).toMatchObject({ ok: false, failure: { type: 'timeout' } })
  })
})

describe('an answer of go-libp2p', () => {
  it('of 40 kB, as the public network’s are, is read', async () => {
    const closer = Array.from({ length: 20 }, (_, i) =>
      contactOf(
        Uint8Array.of(0x12, 0x20, ...sha256(Uint8Array.of(i))),
        Array.from({ length: 30 }, (_address, j) =>
          Uint8Array.of(
            54,
            60,
            ...utf8('x'.repeat(58)),
            48 + (j % 10),
            48 + Math.floor(j / 10),
            6,
            15,
            161,
          ),
        ),
      ),
    )
    let bytes = 0
    const server = await startServer((request, stream) => {
      const outcome: RpcOutcome = { ok: true, response: { type: 'find-node', closer } }
      bytes = encodeAnswer(request, outcome).length
      answer(stream, request, outcome)
    })
    const outcome = await ask(server, findNode('key'))
    expect(bytes).toBeGreaterThan(38_000)
    if (!outcome.ok || outcome.response.type !== 'find-node') throw new Error('not read')
    expect(outcome.response.closer).toHaveLength(20)
  })
})
