import type { StreamMessageEvent } from '@libp2p/interface'

/** The bytes that a stream delivers, in one piece; a view where libp2p has them so. */
export function toBytes(data: StreamMessageEvent['data']): Uint8Array {
  return data instanceof Uint8Array ? data : data.subarray()
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
