import { describe, expect, it } from 'vitest'
import { FrameDecoder, frame } from '../../src/wire/framing.ts'
import { WireError } from '../../src/wire/wire-error.ts'

describe('framing', () => {
  it('cuts a chunk into its messages', () => {
    const decoder = new FrameDecoder(1000)
    decoder.push(Uint8Array.of(1, 7, 0, 2, 8, 9))
    expect(messagesOf(decoder)).toEqual([[7], [], [8, 9]])
    expect(decoder.pendingBytes).toBe(0)
  })

  it('puts a message together from single bytes', () => {
    const message = Uint8Array.from({ length: 300 }, (_, i) => i)
    const decoder = new FrameDecoder(1000)
    const found = [...frame(message), ...frame(message)].flatMap((byte) => {
      decoder.push(Uint8Array.of(byte))
      return messagesOf(decoder)
    })
    expect(found).toEqual([[...message], [...message]])
  })

  it('hands out views of a chunk that holds whole messages', () => {
    const chunk = frame(Uint8Array.of(1, 2, 3))
    const decoder = new FrameDecoder(1000)
    decoder.push(chunk)
    expect(decoder.next()?.buffer).toBe(chunk.buffer)
  })

  it('refuses a length over the limit before the message has come', () => {
    const decoder = new FrameDecoder(300)
    decoder.push(frame(new Uint8Array(300)))
    expect(messagesOf(decoder)).toHaveLength(1)
    decoder.push(Uint8Array.of(0xad, 0x02))
    expect(() => decoder.next()).toThrow(WireError)
  })

  it('refuses a length of more than four bytes', () => {
    const decoder = new FrameDecoder(2 ** 28)
    decoder.push(Uint8Array.of(0x80, 0x80, 0x80, 0x80))
    expect(() => decoder.next()).toThrow(WireError)
  })

  it('waits for the rest of a length', () => {
    const decoder = new FrameDecoder(1000)
    decoder.push(Uint8Array.of(0x81))
    expect(decoder.next()).toBeUndefined()
    decoder.push(Uint8Array.of(0x00, 5))
    expect(messagesOf(decoder)).toEqual([[5]])
  })
})

function messagesOf(decoder: FrameDecoder): number[][] {
  const messages: number[][] = []
  for (let message = decoder.next(); message !== undefined; message = decoder.next()) {
    messages.push([...message])
  }
  return messages
}
