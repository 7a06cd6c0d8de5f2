/** Bytes of a frame's header (yamux specification, "Framing"): version, type, flags, stream, length. */
export const YAMUX_HEADER_BYTES = 12

const TYPE_DATA = 0

/**
 * Writes the header of a frame that carries data of a stream that is set up.
 *
 * @returns Where the data goes.
 */
export function writeDataHeader(
  bytes: Uint8Array,
  at: number,
  streamId: number,
  length: number,
): number {
  bytes.fill(0, at, at + 4) // version 0, type data, no flags
  writeUint32(bytes, at + 4, streamId)
  writeUint32(bytes, at + 8, length)
  return at + YAMUX_HEADER_BYTES
}

/** Whether a frame begins here that carries data and nothing else: no flag that opens or ends a stream. */
export function isPlainData(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0 && bytes[at + 1] === TYPE_DATA && bytes[at + 2] === 0 && bytes[at + 3] === 0
  )
}

/** Whether the frame that begins here is of the type data, whatever its flags. */
export function isData(bytes: Uint8Array): boolean {
  return bytes[1] === TYPE_DATA
}

/** The stream of the frame whose header begins here. */
export function streamIdAt(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + 4)
}

/** The bytes of data behind the header that begins here; of other types than data the number means something else. */
export function dataLengthAt(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + 8)
}

/** Follows the frames of a connection through chunks that end anywhere, to know where one begins. */
export class YamuxFrames {
  /** Data that is still to come of the frame that has begun. */
  #rest = 0
  readonly #header = new Uint8Array(YAMUX_HEADER_BYTES)
  /** Bytes that have come of a header. */
  #headerBytes = 0

  /** Whether the next byte begins a frame. */
  get isBetween(): boolean {
    return this.#rest === 0 && this.#headerBytes === 0
  }

  /** Goes over bytes up to the end of a header or of a frame; returns where it stopped. */
  pass(bytes: Uint8Array, at: number): number {
    if (this.#rest > 0) {
      const size = Math.min(this.#rest, bytes.length - at)
      this.#rest -= size
      return at + size
    }
    const part = bytes.subarray(at, at + YAMUX_HEADER_BYTES - this.#headerBytes)
    this.#header.set(part, this.#headerBytes)
    this.#headerBytes += part.length
    if (this.#headerBytes === YAMUX_HEADER_BYTES) {
      this.#headerBytes = 0
      this.#rest = this.#header[1] === TYPE_DATA ? dataLengthAt(this.#header, 0) : 0
    }
    return at + part.length
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
  return high * 0x10000 + low
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
