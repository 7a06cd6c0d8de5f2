import { describe, expect, it } from 'vitest'
import { CONTACTS_PER_RESPONSE_MAX } from '../../src/core/limits.ts'
import type { RpcRequest } from '../../src/core/message.ts'
import { decodeAnswer, decodeRequest, messageType } from '../../src/wire/message-decoder.ts'
import { encodeAnswer, encodeRequest, PLAIN } from '../../src/wire/message-encoder.ts'
import { WireError } from '../../src/wire/wire-error.ts'
import { contactOf, fromHex, plainContext, sha256, utf8 } from '../support/wire.ts'

const target = (key: Uint8Array): Uint8Array => sha256(key).slice(0, 20)
const read = (hex: string): RpcRequest => decodeRequest(fromHex(hex), plainContext).request

/** Written by go-libp2p-kad-dht; handed down as test messages of js-libp2p. */
const GO = {
  getValue: '080112082f762f68656c6c6f5000',
  putValue:
    '080012082f762f68656c6c6f1a350a082f762f68656c6c6f1205776f726c641a22122022b0a34f217fd364680657d82a17fb8468d28f16f60d77f7074a7e8a002c5a765000',
  findNode: '080412082f762f68656c6c6f5000',
  findPeer: '080412221220d18f46f364ebeeec500929c72a4898feb2747730b129d970de15cf80626ebcbc5000',
  addProvider:
    '080212221220d18f46f364ebeeec500929c72a4898feb2747730b129d970de15cf80626ebcbc4a2e0a22122090c9620a79a8ba913d9f84394a32488494f98cf0ce4dddbb86cb44519970c4e01208047f00000106e4bb5000',
}

describe('messages of go-libp2p', () => {
  it('reads FIND_NODE and GET_VALUE', () => {
    const key = utf8('/v/hello')
    expect(read(GO.findNode)).toEqual({ type: 'find-node', key, target: target(key) })
    expect(read(GO.getValue)).toEqual({ type: 'get-value', key, target: target(key) })
    expect(read(GO.findPeer)).toMatchObject({ type: 'find-node' })
  })

  it('reads PUT_VALUE with an explicit type 0 and an old record with an author', () => {
    const key = utf8('/v/hello')
    expect(read(GO.putValue)).toEqual({
      type: 'put-value',
      key,
      target: target(key),
      record: { key, value: utf8('world'), timeReceived: '' },
    })
  })

  it('reads ADD_PROVIDER with its provider', () => {
    const request = read(GO.addProvider)
    const idBytes = fromHex('122090c9620a79a8ba913d9f84394a32488494f98cf0ce4dddbb86cb44519970c4e0')
    expect(request).toMatchObject({
      type: 'add-provider',
      providers: [{ idBytes, addresses: [fromHex('047f00000106e4bb')] }],
    })
  })
})

describe('messages of js-libp2p', () => {
  it.each([
    ['080412016b', { type: 'find-node', key: utf8('k'), target: target(utf8('k')) } as const],
    ['0805', { type: 'ping' } as const],
    [
      '12042f762f6b1a290a042f762f6b1201762a1e313937302d30312d30315430303a30303a30302e3030303030303030305a',
      {
        type: 'put-value',
        key: utf8('/v/k'),
        target: target(utf8('/v/k')),
        record: {
          key: utf8('/v/k'),
          value: utf8('v'),
          timeReceived: '1970-01-01T00:00:00.000000000Z',
        },
      } as const,
    ],
  ])('reads and writes %s alike', (hex, request) => {
    expect(read(hex)).toEqual(request)
    expect(Buffer.from(encodeRequest(request)).toString('hex')).toBe(hex)
  })
})

describe('requests', () => {
  it('reads a life in rust-libp2p’s field 777 and skips its publisher', () => {
    const record = '0a012f 12017a d22902abcd c83005' // publisher 666, ttl 777 = 5 s
    const request = read(`12012f 1a${lengthOf(record)} ${record}`)
    expect(request).toMatchObject({ record: { key: utf8('/'), value: utf8('z'), ttlMs: 5000 } })
  })

  it('writes a life in whole seconds, never longer and never none', () => {
    const key = utf8('/v/k')
    const seconds = [1, 999, 1000, 1999, 90_000].map((ttlMs) => {
      const record = { key, value: key, ttlMs }
      const bytes = encodeRequest({ type: 'put-value', key, target: target(key), record })
      const { request } = decodeRequest(bytes, plainContext)
      return request.type === 'put-value' ? request.record.ttlMs : undefined
    })
    expect(seconds).toEqual([1000, 1000, 1000, 1000, 90_000])
  })

  it('puts in the time of receipt that the caller gives, unless the record has one', () => {
    const key = utf8('/v/k')
    const encoding = { ...PLAIN, timeReceived: '2026-01-01T00:00:00.000Z' }
    for (const [timeReceived, expected] of [
      [undefined, encoding.timeReceived],
      ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z'],
    ] as const) {
      const record = { key, value: key, ...(timeReceived === undefined ? {} : { timeReceived }) }
      const bytes = encodeRequest({ type: 'put-value', key, target: target(key), record }, encoding)
      expect(decodeRequest(bytes, plainContext).request).toMatchObject({
        record: { timeReceived: expected },
      })
    }
  })

  it('tells whether Kadmium sent them', () => {
    const ping: RpcRequest = { type: 'ping' }
    const marked = encodeRequest(ping, { ...PLAIN, kadmium: true })
    expect(decodeRequest(marked, plainContext).kadmium).toBe(true)
    expect(decodeRequest(encodeRequest(ping), plainContext).kadmium).toBe(false)
  })

  it.each([
    ['without a key', '0804'],
    ['of an unknown type', '080612016b'],
    ['without a record', '12016b'],
    ['with a field that is longer than the message', '080412056b'],
    ['with a varint that does not end', '08ffffffffffffffffffff01'],
    ['with a group', '080412016b1b1c'],
    ['with a field of number 0', '080412016b0001'],
    ['that are empty', ''],
  ])('refuses those %s', (_, hex) => {
    expect(() => read(hex)).toThrow(WireError)
  })

  it('refuses keys longer than the limit', () => {
    const key = new Uint8Array(1025)
    const bytes = encodeRequest({ type: 'find-node', key, target: target(key) })
    expect(() => decodeRequest(bytes, plainContext)).toThrow(/1025 bytes; 1024/)
  })
})

describe('answers', () => {
  const key = utf8('/v/k')
  const findNode: RpcRequest = { type: 'find-node', key, target: target(key) }
  const peer = '0a03 122001' // an id of three bytes is enough for the codec

  it('skips unknown fields and any `connection`', () => {
    const contact = `${peer} 18ffffffffffffffffff01 2202abcd`
    const hex = `0804 42${lengthOf(contact)} ${contact} 5009 da2402abcd`
    expect(decodeAnswer(fromHex(hex), findNode, plainContext).outcome).toMatchObject({
      response: { closer: [{ idBytes: fromHex('122001'), addresses: [] }] },
    })
  })

  it('keeps the good peers and addresses among bad ones', () => {
    const id = fromHex('122001')
    const good = fromHex('047f0000010610e1')
    const addresses = [
      fromHex('ffff0301'), // of an unknown protocol
      fromHex('047f0000'), // cut off
      good,
      fromHex('047f0000010610e1a50303122001'), // the same, with the peer's own id behind it
      fromHex('047f0000010610e2a50303122002'), // leads to another peer
      fromHex('047f0000010610e3a50303122001'), // its own id again: stripped
      fromHex('a50303122001'), // nothing but the id
      new Uint8Array(0),
    ]
    const message = addresses.map((address) => `12${lengthOf(hexOf(address))}${hexOf(address)}`)
    const contact = `0a03${hexOf(id)}${message.join('')}`
    const bad = ['0a', '0aff', '12020410', '', '0a00']
    const peers = [...bad, contact].map((hex) => `42${lengthOf(hex)}${hex}`).join('')
    const { outcome } = decodeAnswer(fromHex(`0804${peers}`), findNode, plainContext)
    expect(outcome).toMatchObject({
      ok: true,
      response: { closer: [{ idBytes: id, addresses: [good, fromHex('047f0000010610e3')] }] },
    })
  })

  it('reads a relayed address of a peer and strips only its own id', () => {
    const relay = `047f0000010610e1 a50303 122009 a202`
    const contact = `${peer} 12${lengthOf(`${relay} a50303 122001`)} ${relay} a50303 122001`
    const hex = `0804 42${lengthOf(contact)} ${contact}`
    expect(decodeAnswer(fromHex(hex), findNode, plainContext).outcome).toMatchObject({
      response: { closer: [{ addresses: [fromHex(relay)] }] },
    })
  })

  it('takes at most 40 peers and 8 addresses of each', () => {
    const addresses = Array.from({ length: 20 }, (_, i) => Uint8Array.of(4, 10, 0, 0, i, 6, 0, 80))
    const closer = Array.from({ length: 60 }, (_, i) =>
      contactOf(Uint8Array.of(0x12, 0x20, i), addresses),
    )
    const bytes = encodeAnswer(findNode, { ok: true, response: { type: 'find-node', closer } })
    const { outcome } = decodeAnswer(bytes, findNode, plainContext)
    if (!outcome.ok || outcome.response.type !== 'find-node') throw new Error('no contacts')
    expect(outcome.response.closer.map(({ id }) => id)).toEqual(
      closer.slice(0, 40).map(({ id }) => id),
    )
    expect(outcome.response.closer[0]?.addresses).toHaveLength(8)
  })

  it('copies contacts that were encoded before', () => {
    const contact = contactOf(fromHex('122001'), [fromHex('047f0000010610e1')])
    const answer = () =>
      encodeAnswer(findNode, { ok: true, response: { type: 'find-node', closer: [contact] } })
    const first = answer()
    const encoded = contact.encoded
    expect(answer()).toEqual(first)
    expect(contact.encoded).toBe(encoded)
  })

  it('refuses the answer to another request', () => {
    expect(() => decodeAnswer(fromHex('0801'), findNode, plainContext)).toThrow(WireError)
  })

  it('tells a refusal with its reason, cut to 256 bytes between characters', () => {
    const failure = { type: 'refused', reason: `${'ä'.repeat(127)}xyä` } as const
    const bytes = encodeAnswer(findNode, { ok: false, failure })
    const { outcome } = decodeAnswer(bytes, findNode, plainContext)
    expect(outcome).toEqual({
      ok: false,
      failure: { type: 'refused', reason: `${'ä'.repeat(127)}xy` },
    })
  })

  it('carries a condition in field 103, also that there is no version yet', () => {
    const conditional = (ifVersion: number): RpcRequest => {
      const key = utf8('/v/k')
      const record = { key, value: utf8('v'), timeReceived: '' }
      return { type: 'put-value', key, target: target(key), record, ifVersion }
    }
    expect(Buffer.from(encodeRequest(conditional(300))).toString('hex')).toMatch(/b806ac02$/)
    expect(Buffer.from(encodeRequest(conditional(0))).toString('hex')).toMatch(/b80600$/)
    for (const version of [0, 1, 300, Number.MAX_SAFE_INTEGER]) {
      const request = conditional(version)
      expect(decodeRequest(encodeRequest(request), plainContext).request).toEqual(request)
    }
  })

  it('takes control characters out of a refusal', () => {
    const failure = { type: 'refused', reason: 'no\u001b[31m\u202e room' } as const
    const bytes = encodeAnswer(findNode, { ok: false, failure })
    expect(decodeAnswer(bytes, findNode, plainContext).outcome).toMatchObject({
      failure: { reason: 'no [31m  room' },
    })
  })

  it.each(['0804', '08041200', '5009 0804'])('tells the type of %s', (hex) =>
    expect(messageType(fromHex(hex))).toBe('find-node'),
  )
})

describe('the acknowledgement of a put', () => {
  const key = utf8('/v/k')
  const record = { key, value: utf8('v') }
  const put: RpcRequest = { type: 'put-value', key, target: target(key), record }
  const stored = { ok: true, response: { type: 'put-value' } } as const

  it('echoes the record for others', () => {
    const { outcome } = decodeAnswer(encodeAnswer(put, stored), put, plainContext)
    expect(outcome).toEqual(stored)
    expect(decodeRequest(encodeAnswer(put, stored), plainContext).request).toMatchObject({ record })
  })

  it('is bare for Kadmium', () => {
    const bytes = encodeAnswer(put, stored, { ...PLAIN, kadmium: true }, true)
    expect(bytes).toHaveLength(3)
    expect(decodeAnswer(bytes, put, plainContext)).toEqual({ outcome: stored, kadmium: true })
  })

  it('names contacts if that was wished for, in an echo too', () => {
    const wish: RpcRequest = { ...put, tellCloser: true }
    expect(decodeRequest(encodeRequest(wish), plainContext).request).toMatchObject(wish)
    const peer = contactOf(utf8('a peer'), [])
    const closer = [peer]
    const answer = { ok: true, response: { type: 'put-value', closer } } as const
    for (const bare of [true, false]) {
      const bytes = encodeAnswer(wish, answer, { ...PLAIN, kadmium: bare }, bare)
      expect(decodeAnswer(bytes, wish, plainContext).outcome).toMatchObject({
        ok: true,
        response: { closer: [{ id: peer.id }] },
      })
    }
  })

  it('is asked for without the contacts that are known, of which so many are read', () => {
    const known = Array.from({ length: 100 }, (_, i) => (i + 1) * -12_345_678)
    const { request } = decodeRequest(
      encodeRequest({ ...put, tellCloser: true, known }),
      plainContext,
    )
    expect(request).toMatchObject({ known: known.slice(0, CONTACTS_PER_RESPONSE_MAX) })
  })

  it('is none when another implementation leaves out the record, or echoes another value', () => {
    expect(decodeAnswer(fromHex('0800'), put, plainContext).outcome.ok).toBe(false)
    const other = { ...put, record: { key, value: utf8('w') } }
    expect(decodeAnswer(encodeAnswer(other, stored), put, plainContext).outcome.ok).toBe(false)
  })

  it('is none when refused, which has no record', () => {
    const bytes = encodeAnswer(put, { ok: false, failure: { type: 'refused', reason: 'full' } })
    expect(bytes).toEqual(fromHex('a206 04 66756c6c'))
  })
})

function lengthOf(hex: string): string {
  return hexOf(Uint8Array.of(fromHex(hex).length))
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
