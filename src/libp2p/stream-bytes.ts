import type { StreamMessageEvent } from '@libp2p/interface'

/**
 * The bytes that a stream delivers, in one piece; a view where libp2p has them so. Never a Buffer, for its `slice` is no
 * copy, and what is cut out of a message to be kept must be one.
 */
export function toBytes(data: StreamMessageEvent['data']): Uint8Array {
  const bytes = data instanceof Uint8Array ? data : data.subarray()
  if (bytes.constructor === Uint8Array) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** One piece of several: what leaves together is encrypted and framed once. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const only = chunks[0]
  if (chunks.length === 1 && only !== undefined) return only
  let size = 0
  for (const chunk of chunks) size += chunk.length
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
