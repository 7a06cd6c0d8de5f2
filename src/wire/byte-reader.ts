import { WireError } from './wire-error.ts'

/** The wire types of protobuf that are still in use. Source: Protocol Buffers, "Encoding". */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

const VARINT_BYTES_MAX = 10

/** Reads the fields of a protobuf message that stands in `bytes` from `position` up to `end`. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly end: number
  position: number

  constructor(bytes: Uint8Array, position = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.position = position
    this.end = end
  }

  /**
   * An unsigned varint. Numbers above 2^53 lose their low bits: none of ours is so large, and those of others are skipped.
   *
   * @throws WireError
   */
  varint(): number {
    const { bytes, end } = this
    let at = this.position
    if (at < end) {
      const first = bytes[at] as number // at < end ≤ length, here and below
      if (first < 0x80) {
        this.position = at + 1
        return first
      }
    }
    let value = 0
    let unit = 1
    for (const limit = Math.min(end, at + VARINT_BYTES_MAX); at < limit; unit *= 128) {
      const byte = bytes[at++] as number
      value += (byte & 0x7f) * unit
      if (byte < 0x80) {
        this.position = at
        return value
      }
    }
    throw new WireError('a varint that does not end')
  }

  /**
   * Reads the length of a length-delimited field and returns where the field ends; it begins at `position`.
   *
   * @throws WireError
   */
  fieldEnd(): number {
    const length = this.varint()
    if (length > this.end - this.position) {
      throw new WireError(`a field of ${length} bytes where ${this.end - this.position} are left`)
    }
    return this.position + length
  }

  /**
   * Steps over the value of a field that is of no interest.
   *
   * @throws WireError
   */
  skip(tag: number): void {
    if (tag < 8) throw new WireError('a field without a number')
    switch (tag % 8) {
      case VARINT:
        this.varint()
        return
      case FIXED64:
        this.#step(8)
        return
      case BYTES:
        this.position = this.fieldEnd()
        return
      case FIXED32:
        this.#step(4)
        return
      default:
        throw new WireError(`a field of wire type ${tag % 8}`)
    }
  }

  #step(length: number): void {
    if (length > this.end - this.position) throw new WireError('a field that does not end')
    this.position += length
  }
}
