/** A Noise message is prefixed by its length in so many bytes, big-endian. */
const PREFIX_BYTES = 2

/**
 * Cuts what a connection delivers into the messages of libp2p's Noise framing (specifications, `noise`: each has a length of
 * two bytes before it, so at most 65,535 bytes). A message is a view of the chunk that it came in, where it came in one.
 */
export class NoiseMessages {
  readonly #take: (message: Uint8Array) => void
  /** A message that has begun, its prefix before it; as long as what is known of it. */
  #partial: Uint8Array | undefined
  #partialBytes = 0

  /** @param take Gets each message; what it throws ends the `push`, and the rest of the chunk is lost. */
  constructor(take: (message: Uint8Array) => void) {
    this.#take = take
  }

  push(chunk: Uint8Array): void {
    let at = this.#complete(chunk)
    while (chunk.length - at >= PREFIX_BYTES) {
      const end = at + PREFIX_BYTES + lengthAt(chunk, at)
      if (end > chunk.length) break
      if (end > at + PREFIX_BYTES) this.#take(chunk.subarray(at + PREFIX_BYTES, end))
      at = end
    }
    if (at < chunk.length) this.#begin(chunk.subarray(at))
  }

  /** Adds to the message that has begun; returns how much of the chunk that took. */
  #complete(chunk: Uint8Array): number {
    let at = 0
    while (this.#partial !== undefined) {
      const missing = this.#partial.length - this.#partialBytes
      const part = chunk.subarray(at, at + missing)
      this.#partial.set(part, this.#partialBytes)
      this.#partialBytes += part.length
      at += part.length
      if (part.length < missing) return at
      const whole = this.#partial
      this.#partial = undefined
      if (whole.length > PREFIX_BYTES) this.#take(whole.subarray(PREFIX_BYTES))
      else this.#begin(whole) // only its length has come: now there is room for it
    }
    return at
  }

  #begin(bytes: Uint8Array): void {
    const size = PREFIX_BYTES + (bytes.length < PREFIX_BYTES ? 0 : lengthAt(bytes, 0))
    if (size === bytes.length) return // a message of no bytes
    this.#partial = new Uint8Array(size)
    this.#partial.set(bytes)
    this.#partialBytes = bytes.length
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number) // callers see to it that both are there
}
