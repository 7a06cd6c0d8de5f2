/**
 * Points of the keyspace and the XOR metric on them.
 *
 * A key is 160 bits: the first 20 bytes of the SHA-256 of a preimage (the multihash bytes of a peer id, the key bytes of a
 * record). Preimages travel on the wire, keys never do, and order by the first 160 bits is order by all 256 unless two
 * hashes share a prefix of 160 bits; so a 160-bit keyspace speaks to every libp2p peer.
 *
 * The functions take keys of any equal length, so that a test can use an 8-bit keyspace whose distances are checked by
 * eye. They allocate nothing. Source: Maymounkov and Mazieres, "Kademlia" (IPTPS 2002), section 2.1.
 */

/** A point of the keyspace: `KEY_BYTES` bytes in production, most significant bit first. */
export type Key = Uint8Array

/** Length of a key in bytes: 160 bits. Source: Kademlia, section 2. */
export const KEY_BYTES = 20

/** Number of bits in a key. */
export const KEY_BITS: number = KEY_BYTES * 8

/** Cuts a digest (SHA-256: 32 bytes) to a key of `KEY_BYTES` bytes. */
export function keyFromDigest(digest: Uint8Array): Key {
  if (digest.length < KEY_BYTES) {
    throw new RangeError(`a digest of at least ${KEY_BYTES} bytes is needed, got ${digest.length}`)
  }
  return digest.slice(0, KEY_BYTES)
}

/**
 * Compares the distances of `a` and `b` from `target`: negative if `a` is nearer, positive if `b` is, 0 if they are the
 * same point (the metric is unidirectional: one point for each distance).
 */
export function compareDistance(target: Key, a: Key, b: Key): number {
  const length = target.length
  for (let i = 0; i < length; i++) {
    const x = a[i] as number // the three keys have one length
    const y = b[i] as number
    if (x !== y) {
      const t = target[i] as number
      return (x ^ t) - (y ^ t)
    }
  }
  return 0
}

/**
 * The first four bytes of a key as a signed 32-bit number. Random keys that differ do so here, all but one in 2^32: to
 * compare these first spares the look at the bytes, which in a large table lie in memory that no cache holds.
 */
export function headOf(key: Key, at = 0): number {
  return (
    ((key[at] ?? 0) << 24) | // tests have shorter keys
    ((key[at + 1] ?? 0) << 16) |
    ((key[at + 2] ?? 0) << 8) |
    (key[at + 3] ?? 0)
  )
}

/** `commonPrefixLength`; `aHead` and `bHead` are the keys' `headOf`. */
export function prefixLengthByHead(a: Key, aHead: number, b: Key, bHead: number): number {
  const difference = aHead ^ bHead
  return difference === 0 ? commonPrefixLength(a, b) : Math.clz32(difference)
}

/** Compares two keys as big-endian integers: the order in which a sweep walks the keyspace. */
export function compareKeys(a: Key, b: Key): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** How many leading bits two keys share: 0 to 8 × length, the latter only for equal keys. */
export function commonPrefixLength(a: Key, b: Key): number {
  const length = a.length
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) ^ (b[i] as number)
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24
  }
  return length * 8
}

/** Whether two byte strings are equal. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The bit of a key at `index`, counted from the most significant one. */
export function bitAt(key: Key, index: number): 0 | 1 {
  return (((key[index >> 3] as number) >> (7 - (index & 7))) & 1) as 0 | 1
}

/**
 * The distance of `a` from `b` as a fraction of the keyspace, 0 up to but not including 1. Exact to 48 bits, which is
 * enough for estimates and drawings; order is decided by `compareDistance`.
 */
export function distanceFraction(a: Key, b: Key): number {
  let fraction = 0
  let unit = 1
  for (let i = 0; i < 6 && i < a.length; i++) {
    unit /= 256
    fraction += ((a[i] as number) ^ (b[i] as number)) * unit
  }
  return fraction
}

/** The two characters of each byte. */
const HEX_OF_BYTE: readonly (readonly [number, number])[] = Array.from(
  { length: 256 },
  (_, byte) => {
    const text = byte.toString(16).padStart(2, '0')
    return [text.charCodeAt(0), text.charCodeAt(1)]
  },
)

/** More arguments than that might overflow the stack. */
const HEX_BYTES_AT_ONCE = 4096

/** A byte string as lower-case hexadecimal text, two characters a byte: for people, and for keys of a Map. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (let from = 0; from < bytes.length; from += HEX_BYTES_AT_ONCE) {
    text += hexOf(bytes.subarray(from, from + HEX_BYTES_AT_ONCE))
  }
  return text
}

/** Whether these bytes are the lower-case hexadecimal text of `bytes`. */
export function isHexOf(text: Uint8Array, bytes: Uint8Array): boolean {
  if (text.length !== bytes.length * 2) return false
  for (let i = 0; i < bytes.length; i++) {
    const [high, low] = HEX_OF_BYTE[bytes[i] as number] as readonly [number, number]
    if (text[2 * i] !== high || text[2 * i + 1] !== low) return false
  }
  return true
}

/** In one piece: a string that is put together of bytes is a list of its parts, 32 bytes of memory for each of them. */
function hexOf(bytes: Uint8Array): string {
  const codes = new Uint8Array(bytes.length * 2)
  for (let i = 0; i < bytes.length; i++) {
    const [high, low] = HEX_OF_BYTE[bytes[i] as number] as readonly [number, number]
    codes[2 * i] = high
    codes[2 * i + 1] = low
  }
  return String.fromCharCode.apply(null, codes as unknown as number[])
}

/** Bytes of their own: a view would keep the whole message alive that it arrived in. */
export function owned(bytes: Uint8Array): Uint8Array {
  // Not slice(): that of a Buffer is a view.
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}
