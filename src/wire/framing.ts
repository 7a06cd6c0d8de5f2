import { varintSize, writeVarint } from './varint.ts'
import { WireError } from './wire-error.ts'

/** A length takes at most so many bytes: messages stay far below 2^28 bytes. */
const PREFIX_BYTES_MAX = 4

const EMPTY = new Uint8Array(0)

/** The message behind its length as an unsigned varint: what goes on a stream. */
export function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(varintSize(message.length) + message.length)
  bytes.set(message, writeVarint(bytes, 0, message.length))
  return bytes
}

/**
 * Cuts a stream of bytes into messages. Give it chunks as they come, and take messages until there is none:
 *
 *     decoder.push(chunk)
 *     for (let message = decoder.next(); message !== undefined; message = decoder.next()) …
 *
 * A message is a view of a chunk where possible: copy what is kept. It holds no more than one unfinished message and what
 * came behind it.
 */
export class FrameDecoder {
  readonly #limitBytes: number
  #bytes: Uint8Array = EMPTY
  /** Where the unread part begins and ends in `#bytes`. */
  #start = 0
  #end = 0
  /** Whether `#bytes` is a buffer of our own, with room behind `#end`. */
  #isOwn = false

  /** @param limitBytes The longest message that is taken. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Bytes that wait for the rest of their message. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  push(chunk: Uint8Array): void {
    const pending = this.#end - this.#start
    if (pending === 0) {
      this.#bytes = chunk
      this.#start = 0
      this.#end = chunk.length
      this.#isOwn = false
      return
    }
    this.#reserve(pending, chunk.length)
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /**
   * The next whole message; `undefined` if it has not come yet.
   *
   * @throws WireError for a length over the limit. The decoder is of no further use then.
   */
  next(): Uint8Array | undefined {
    const bytes = this.#bytes
    const limit = Math.min(this.#end, this.#start + PREFIX_BYTES_MAX)
    let length = 0
    let at = this.#start
    for (let shift = 0; ; shift += 7) {
      if (at === limit) {
        if (at - this.#start === PREFIX_BYTES_MAX) throw new WireError('a length that does not end')
        return undefined
      }
      const byte = bytes[at++] as number // at < limit ≤ length
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    if (length > this.#limitBytes) {
      throw new WireError(`a message of ${length} bytes; ${this.#limitBytes} are allowed`)
    }
    if (length > this.#end - at) return undefined
    this.#start = at + length
    const message = bytes.subarray(at, this.#start)
    if (this.#start === this.#end) this.#release()
    return message
  }

  /** Makes room for `more` bytes; doubles the buffer, so that a message in many small chunks is not copied for each. */
  #reserve(pending: number, more: number): void {
    if (this.#isOwn && this.#end + more <= this.#bytes.length) return
    const own = new Uint8Array(Math.max(pending + more, 2 * pending))
    own.set(this.#bytes.subarray(this.#start, this.#end))
    this.#bytes = own
    this.#start = 0
    this.#end = pending
    this.#isOwn = true
  }

  /** Keeps no chunk alive when nothing is left of it. */
  #release(): void {
    this.#bytes = EMPTY
    this.#start = 0
    this.#end = 0
    this.#isOwn = false
  }
}
