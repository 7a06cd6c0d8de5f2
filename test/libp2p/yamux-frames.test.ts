import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  dataLengthAt,
  isPlainData,
  streamIdAt,
  writeDataHeader,
  YAMUX_HEADER_BYTES,
  YamuxFrames,
} from '../../src/libp2p/yamux-frames.ts'

const DATA = 0
const WINDOW_UPDATE = 1

interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  /** Of data: its bytes. Of others: a number that no bytes follow. */
  readonly length: number
}

function encode({ type, flags, streamId, length }: Frame): Uint8Array {
  const bytes = new Uint8Array(YAMUX_HEADER_BYTES + (type === DATA ? length : 0)).fill(0xff)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0)
  view.setUint8(1, type)
  view.setUint16(2, flags)
  view.setUint32(4, streamId)
  view.setUint32(8, length)
  return bytes
}

const frame: fc.Arbitrary<Frame> = fc.record({
  type: fc.constantFrom(DATA, WINDOW_UPDATE, 2, 3),
  flags: fc.constantFrom(0, 1, 2, 4, 8),
  streamId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  length: fc.integer({ min: 0, max: 70 }),
})

describe('the frames of yamux', () => {
  it('are known to begin where they do, however the chunks are cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), sizes, (frames, cuts) => {
        const encoded = frames.map(encode)
        const all = Uint8Array.from(encoded.flatMap((bytes) => [...bytes]))
        const begins = [0]
        for (const { length } of encoded) begins.push((begins.at(-1) ?? 0) + length)

        const found = new Set<number>()
        const follower = new YamuxFrames()
        if (follower.isBetween) found.add(0)
        let start = 0
        for (let i = 0; start < all.length; i++) {
          const chunk = all.slice(start, start + (cuts[i % cuts.length] ?? 1))
          for (let at = 0; at < chunk.length; ) {
            at = follower.pass(chunk, at)
            if (follower.isBetween) found.add(start + at)
          }
          start += chunk.length
        }
        expect([...found]).toEqual(begins.filter((at, i) => begins.indexOf(at) === i))
      }),
    )
  })

  it('of data have headers as the specification writes them', () => {
    fc.assert(
      fc.property(frame, ({ streamId, length }) => {
        const written = new Uint8Array(YAMUX_HEADER_BYTES + 3).fill(9)
        expect(writeDataHeader(written, 3, streamId, length)).toBe(YAMUX_HEADER_BYTES + 3)
        const header = encode({ type: DATA, flags: 0, streamId, length })
        expect([...written.subarray(3)]).toEqual([...header.subarray(0, YAMUX_HEADER_BYTES)])
        expect(isPlainData(written, 3)).toBe(true)
        expect(streamIdAt(written, 3)).toBe(streamId)
        expect(dataLengthAt(written, 3)).toBe(length)
      }),
    )
  })

  it('are plain data only without flags, of the type data and of version 0', () => {
    const plain = { type: DATA, flags: 0, streamId: 1, length: 0 }
    expect(isPlainData(encode(plain), 0)).toBe(true)
    expect(isPlainData(encode({ ...plain, type: WINDOW_UPDATE }), 0)).toBe(false)
    for (const flags of [1, 2, 4, 8])
      expect(isPlainData(encode({ ...plain, flags }), 0)).toBe(false)
    expect(isPlainData(encode(plain).fill(1, 0, 1), 0)).toBe(false)
  })
})
