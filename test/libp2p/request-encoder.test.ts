import { describe, expect, it } from 'vitest'
import type { RpcRequest } from '../../src/core/message.ts'
import { RequestEncoder } from '../../src/libp2p/request-encoder.ts'
import { encodeRequest } from '../../src/wire/message-encoder.ts'

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const clock = { now: () => 0, wallClock: () => NOW, setAlarm: () => () => {} }
const key = Uint8Array.of(1, 2, 3)
const target = new Uint8Array(20)

function put(value: number): RpcRequest {
  const record = { key, value: Uint8Array.of(value) }
  return { type: 'put-value', key, target, record }
}

describe('the encoder of requests', () => {
  it('encodes a request that goes to many once', () => {
    const encoder = new RequestEncoder(clock)
    const request = put(1)
    expect(encoder.encode(request)).toBe(encoder.encode(request))
  })

  it('never takes one request for another, alike or not', () => {
    const encoder = new RequestEncoder(clock)
    const timeReceived = '2026-01-02T03:04:05.000Z'
    const find = { type: 'find-node', key, target } as const
    for (const request of [put(1), put(2), find, { ...find, known: [7] }, put(1)]) {
      const expected = encodeRequest(request, {
        framed: true,
        kadmium: true,
        timeReceived: request.type === 'put-value' ? timeReceived : '',
      })
      expect(encoder.encode(request)).toEqual(expected)
    }
  })
})
