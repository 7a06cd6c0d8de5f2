import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NoiseMessages } from '../../src/libp2p/noise-messages.ts'

function framed(message: Uint8Array): Uint8Array {
  return Uint8Array.of(message.length >> 8, message.length & 0xff, ...message)
}

/** Cuts bytes where the numbers say, modulo what there is. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    chunks.push(bytes.slice(at, at + size))
    at += size
  }
  return chunks
}

describe('the messages of Noise', () => {
  it('come out as they went in, however the chunks are cut', () => {
    const message = fc.uint8Array({ minLength: 0, maxLength: 600 })
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), sizes, (messages, cuts) => {
        const taken: number[][] = []
        const reader = new NoiseMessages((bytes) => taken.push([...bytes]))
        const all = Uint8Array.from(messages.flatMap((bytes) => [...framed(bytes)]))
        for (const chunk of cut(all, cuts)) reader.push(chunk)
        // One of no bytes says nothing.
        expect(taken).toEqual(messages.filter(({ length }) => length > 0).map((m) => [...m]))
      }),
    )
  })

  it('come in one piece at their greatest length, byte by byte', () => {
    const greatest = Uint8Array.from({ length: 65_535 }, (_, i) => i)
    const taken: Uint8Array[] = []
    const reader = new NoiseMessages((bytes) => taken.push(bytes))
    for (const chunk of cut(framed(greatest), [1])) reader.push(chunk)
    expect(taken).toEqual([greatest])
  })

  it('are no copies where they came in one chunk', () => {
    const taken: Uint8Array[] = []
    const chunk = framed(Uint8Array.of(1, 2, 3))
    new NoiseMessages((bytes) => taken.push(bytes)).push(chunk)
    expect(taken[0]?.buffer).toBe(chunk.buffer)
  })
})
