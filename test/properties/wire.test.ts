import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { headOf } from '../../src/core/key.ts'
import type { RpcOutcome, RpcRequest, RpcResponse, RpcType } from '../../src/core/message.ts'
import type { ValueRecord } from '../../src/core/record.ts'
import { FrameDecoder, frame } from '../../src/wire/framing.ts'
import { decodeAnswer, decodeRequest, messageType } from '../../src/wire/message-decoder.ts'
import { encodeAnswer, encodeRequest, PLAIN } from '../../src/wire/message-encoder.ts'
import { TYPES } from '../../src/wire/message-fields.ts'
import { WireError } from '../../src/wire/wire-error.ts'
import { contactOf, plainContext, sha256 } from '../support/wire.ts'

const bytes = (maxLength: number, minLength = 0) => fc.uint8Array({ minLength, maxLength })
const address = fc
  .tuple(bytes(4, 4), fc.nat(65_535))
  .map(([ip, port]) => Uint8Array.of(4, ...ip, 6, port >> 8, port & 0xff))
const contact: fc.Arbitrary<Contact> = fc
  .tuple(bytes(80, 1), fc.uniqueArray(address, { maxLength: 8, selector: (a) => a.join() }))
  .map(([id, addresses]) => contactOf(id, addresses))
const contacts = fc.array(contact, { maxLength: 40 })
const record = fc
  .record({
    key: bytes(100),
    value: bytes(3000),
    timeReceived: fc.constantFrom('', '2026-09-01T12:00:00.000000000Z'),
    ttlMs: fc.option(
      fc.nat(10_000).map((s) => (s + 1) * 1000),
      { nil: undefined },
    ),
  })
  .map(({ ttlMs, ...rest }) => (ttlMs === undefined ? rest : { ...rest, ttlMs }))
const key = bytes(1024, 1)

const requestParts = fc.tuple(fc.constantFrom(...TYPES.values()), key, record, contacts)
const request: fc.Arbitrary<RpcRequest> = requestParts.map((parts) => requestOf(...parts))

const exchange: fc.Arbitrary<[RpcRequest, RpcOutcome]> = fc
  .tuple(request, fc.option(record, { nil: undefined }), contacts, contacts)
  .map(([request, ...parts]) => [request, { ok: true, response: responseTo(request, ...parts) }])

describe('the wire', () => {
  it('carries every request as it is', () => {
    fc.assert(
      fc.property(request, fc.boolean(), (request, kadmium) => {
        const decoded = decodeRequest(encodeRequest(request, { ...PLAIN, kadmium }), plainContext)
        expect(withoutEncoded(decoded)).toEqual(withoutEncoded({ request, kadmium }))
      }),
    )
  })

  it('carries every answer as it is', () => {
    fc.assert(
      fc.property(exchange, fc.boolean(), ([request, outcome], kadmium) => {
        const encoded = encodeAnswer(request, outcome, { ...PLAIN, kadmium })
        expect(messageType(encoded)).toBe(request.type)
        const decoded = decodeAnswer(encoded, request, plainContext)
        expect(withoutEncoded(decoded)).toEqual(withoutEncoded({ outcome, kadmium }))
      }),
    )
  })

  it('carries every refusal, and the version that is held', () => {
    const refusal = fc.record(
      {
        type: fc.constant('refused' as const),
        reason: fc.stringMatching(/^[a-z]{1,200}$/),
        heldVersion: fc.maxSafeNat(),
      },
      { requiredKeys: ['type', 'reason'] },
    )
    fc.assert(
      fc.property(request, refusal, (request, failure) => {
        const encoded = encodeAnswer(request, { ok: false, failure })
        const { outcome } = decodeAnswer(encoded, request, plainContext)
        expect(outcome).toEqual({ ok: false, failure })
      }),
    )
  })

  it('writes frames of exactly the size they say', () => {
    fc.assert(
      fc.property(request, (request) => {
        const framed = encodeRequest(request, { ...PLAIN, framed: true })
        expect(framed).toEqual(frame(encodeRequest(request)))
      }),
    )
  })

  it('throws nothing but WireError over any bytes', () => {
    fc.assert(
      fc.property(fc.oneof(bytes(200), damaged()), request, (bytes, request) => {
        const errors = [
          () => decodeRequest(bytes, plainContext),
          () => decodeAnswer(bytes, request, plainContext),
          () => messageType(bytes),
        ].map(errorOf)
        expect(errors.filter((error) => !(error instanceof WireError))).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  it('cuts any division of a stream into the same messages', () => {
    fc.assert(
      fc.property(
        fc.array(bytes(400), { maxLength: 8 }),
        fc.array(fc.nat(300)),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map((message) => frame(message)))
          const decoder = new FrameDecoder(400)
          const found: Uint8Array[] = []
          let at = 0
          for (const length of [...cuts, stream.length]) {
            decoder.push(new Uint8Array(stream.subarray(at, at + length)))
            at += length
            for (let next = decoder.next(); next !== undefined; next = decoder.next()) {
              found.push(next.slice())
            }
          }
          expect(found).toEqual(messages)
          expect(decoder.pendingBytes).toBe(0)
        },
      ),
    )
  })
})

function requestOf(
  type: RpcType,
  key: Uint8Array,
  record: ValueRecord,
  providers: readonly Contact[],
): RpcRequest {
  const target = sha256(key).slice(0, 20)
  if (type === 'ping') return { type }
  // Half say whom they know.
  const heads = [headOf(target), headOf(target, 4), -1, 0, 2 ** 31 - 1, -(2 ** 31)]
  const hearing = (target[2] ?? 0) < 128 ? { known: heads } : {}
  // Half of the writes ask for contacts.
  const wish = (target[0] ?? 0) < 128 ? { tellCloser: true } : {}
  if (type === 'put-value') {
    // A third are conditional, some on there being nothing.
    const byte = target[1] ?? 0
    const condition = byte < 20 ? { ifVersion: 0 } : byte < 85 ? { ifVersion: byte ** 6 } : {}
    return { type, key, target, record, ...hearing, ...wish, ...condition }
  }
  if (type === 'add-provider') return { type, key, target, providers, ...hearing, ...wish }
  if (type === 'watch') {
    const epoch = new DataView(target.buffer, target.byteOffset).getUint32(0)
    const cursor = { epoch, serial: epoch * 1000 }
    return { type, key, target, waitMs: key.length * 100, ...('tellCloser' in wish && { cursor }) }
  }
  return { type, key, target, ...hearing }
}

function responseTo(
  { type }: RpcRequest,
  record: ValueRecord | undefined,
  closer: readonly Contact[],
  providers: readonly Contact[],
): RpcResponse {
  if (type === 'find-node') return { type, closer }
  if (type === 'get-value') return { type, record, closer }
  if (type === 'get-providers') return { type, providers, closer }
  if (type === 'ping') return { type }
  if (type === 'watch') {
    const records = record === undefined ? [] : [record, { ...record, value: record.key }, record]
    const cursor = { epoch: 2 ** 32 - 1, serial: records.length }
    return { type, cursor, records, missed: closer.length, closer }
  }
  return closer.length === 0 ? { type } : { type, closer }
}

/** What `act` throws; a `WireError` if it throws nothing. */
function errorOf(act: () => unknown): unknown {
  try {
    act()
    return new WireError('none')
  } catch (error) {
    return error
  }
}

/** Valid messages with some bytes changed or cut off. */
function damaged(): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(exchange, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
    .map(([[request, outcome], changes, cut]) => {
      const bytes = encodeAnswer(request, outcome)
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value
      return cut % 3 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes
    })
}

/** Contacts keep the bytes they were sent as; that is no difference. */
function withoutEncoded(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (name, inner: unknown) => {
      if (name === 'encoded') return undefined
      return inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : inner
    }),
  )
}
