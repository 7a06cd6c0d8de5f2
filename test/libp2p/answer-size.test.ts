import { lpStream } from '@libp2p/utils'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RpcRequest, RpcResponse } from '../../src/core/message.ts'
import { fitAnswer } from '../../src/libp2p/answer-size.ts'
import { decodeAnswer } from '../../src/wire/message-decoder.ts'
import { encodeAnswer, encodeRequest } from '../../src/wire/message-encoder.ts'
import { type Endpoint, PROTOCOL, startEndpoint } from '../support/endpoint.ts'
import { contactOf, plainContext, sha256, utf8 } from '../support/wire.ts'

const LIMIT = 16 * 1024
const key = utf8('/ipns/name')
const target = sha256(key).slice(0, 20)

/** Contacts with eight long addresses each: 40 of them take some 40 KiB. */
const CONTACTS = Array.from({ length: 40 }, (_, i) =>
  contactOf(
    Uint8Array.of(0x12, 0x20, ...sha256(Uint8Array.of(i))),
    Array.from({ length: 8 }, (_address, j) => Uint8Array.of(54, 120, ...utf8('x'.repeat(119)), j)),
  ),
)

function fitted(request: RpcRequest, response: RpcResponse): { bytes: number; kept: RpcResponse } {
  const outcome = fitAnswer({ ok: true, response }, LIMIT)
  if (!outcome.ok) throw new Error('refused')
  const encoding = { framed: true, kadmium: false, timeReceived: new Date(0).toISOString() }
  return { bytes: encodeAnswer(request, outcome, encoding).length, kept: outcome.response }
}

describe('an answer for peers with small packets', () => {
  it('names the nearest contacts that fit', () => {
    const request = { type: 'find-node', key, target } as const
    const { bytes, kept } = fitted(request, { type: 'find-node', closer: CONTACTS })
    expect(bytes).toBeLessThanOrEqual(LIMIT)
    expect(bytes).toBeGreaterThan(LIMIT - 2_048)
    const { closer } = kept as Extract<RpcResponse, { type: 'find-node' }>
    expect(closer).toEqual(CONTACTS.slice(0, closer.length))
  })

  it('keeps the value whole and leaves out contacts', () => {
    const record = { key, value: new Uint8Array(10 * 1024), ttlMs: 3_600_000 }
    const request = { type: 'get-value', key, target } as const
    const { bytes, kept } = fitted(request, { type: 'get-value', record, closer: CONTACTS })
    expect(bytes).toBeLessThanOrEqual(LIMIT)
    expect(kept).toMatchObject({ record })
    const { closer } = kept as Extract<RpcResponse, { type: 'get-value' }>
    expect(closer.length).toBeGreaterThan(3)
  })

  it('has room for providers and for contacts', () => {
    const request = { type: 'get-providers', key, target } as const
    const response = { type: 'get-providers', providers: CONTACTS, closer: CONTACTS } as const
    const { bytes, kept } = fitted(request, response)
    expect(bytes).toBeLessThanOrEqual(LIMIT)
    const { providers, closer } = kept as Extract<RpcResponse, { type: 'get-providers' }>
    expect(providers.length).toBeGreaterThan(5)
    expect(closer.length).toBeGreaterThan(5)
  })

  it('leaves out contacts without addresses, and changes nothing else that fits', () => {
    const bare = contactOf(Uint8Array.of(0x12, 0x20, ...sha256(utf8('bare'))), [])
    const request = { type: 'find-node', key, target } as const
    const closer = [bare, ...CONTACTS.slice(0, 3)]
    expect(fitted(request, { type: 'find-node', closer }).kept).toEqual({
      type: 'find-node',
      closer: CONTACTS.slice(0, 3),
    })
    const refusal = { ok: false, failure: { type: 'refused' } } as const
    expect(fitAnswer(refusal, LIMIT)).toBe(refusal)
  })
})

describe('an answer of many contacts', () => {
  let server: Endpoint
  let asker: Endpoint
  beforeAll(async () => {
    server = await startEndpoint()
    asker = await startEndpoint()
  })
  afterAll(() => Promise.all([server.close(), asker.close()]))

  it.each([
    ['whole to our own kind', true, 40],
    ['cut to k for all others', false, 20],
  ])('goes %s', async (_name, kadmium, wanted) => {
    const request = { type: 'find-node', key, target } as const
    const closer = CONTACTS.map(({ idBytes }) => contactOf(idBytes, [Uint8Array.of(4, 8, 8, 8, 8)]))
    server.answer = (_request, reply) =>
      reply({ ok: true, response: { type: 'find-node', closer } })
    const stream = await asker.libp2p.dialProtocol(server.libp2p.getMultiaddrs(), PROTOCOL)
    stream.send(encodeRequest(request, { framed: true, kadmium, timeReceived: '' }))
    const bytes = await lpStream(stream).read({ signal: AbortSignal.timeout(5_000) })
    const { outcome } = decodeAnswer(new Uint8Array(bytes.subarray()), request, plainContext)
    expect(outcome).toMatchObject({ ok: true })
    expect(outcome.ok && 'closer' in outcome.response && outcome.response.closer?.length).toBe(
      wanted,
    )
    await stream.close()
  })
})
