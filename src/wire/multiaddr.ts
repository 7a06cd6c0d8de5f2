import { ADDRESS_BYTES_MAX } from '../core/limits.ts'

/** The protocol code of `/p2p`. Source: multicodec table. */
const CODE_P2P = 421

/**
 * Sizes of protocols' values in bytes; -1: the value, of one byte at least, stands behind its length. Source: multiaddr,
 * protocols.csv. Not http-path, whose text js-libp2p cannot always make.
 */
const VALUE_BYTES: ReadonlyMap<number, number> = new Map([
  [4, 4], // ip4
  [6, 2], // tcp
  [33, 2], // dccp
  [41, 16], // ip6
  [42, -1], // ip6zone
  [43, 1], // ipcidr
  [53, -1], // dns
  [54, -1], // dns4
  [55, -1], // dns6
  [56, -1], // dnsaddr
  [132, 2], // sctp
  [273, 2], // udp
  [275, 0], // p2p-webrtc-star
  [276, 0], // p2p-webrtc-direct
  [280, 0], // webrtc-direct
  [281, 0], // webrtc
  [290, 0], // p2p-circuit
  [301, 0], // udt
  [302, 0], // utp
  [400, -1], // unix
  [CODE_P2P, -1],
  [443, 0], // https
  [444, 12], // onion
  [445, 37], // onion3
  [446, -1], // garlic64
  [447, -1], // garlic32
  [448, 0], // tls
  [449, -1], // sni
  [454, 0], // noise
  [460, 0], // quic
  [461, 0], // quic-v1
  [465, 0], // webtransport
  [466, -1], // certhash
  [477, 0], // ws
  [478, 0], // wss
  [480, 0], // http
  [777, -1], // memory
])

/**
 * A binary multiaddr as contacts hold it: without the `/p2p/<id>` that some implementations put at its end.
 *
 * @param idBytes The multihash of the peer whose address it is said to be.
 * @returns A view of `address`; `undefined` if it is malformed, too long, of an unknown protocol, or leads to another peer.
 */
export function plainAddress(address: Uint8Array, idBytes: Uint8Array): Uint8Array | undefined {
  if (address.length > ADDRESS_BYTES_MAX) return undefined
  let at = 0
  let last = 0
  let isPeer = false
  let value = 0
  while (at < address.length) {
    last = at
    const code = readVarint(address, at)
    if (code < 0) return undefined
    at += sizeOf(code)
    let length = VALUE_BYTES.get(code)
    if (length === undefined) return undefined
    if (length < 0) {
      length = readVarint(address, at)
      // js-libp2p throws away an answer that has an address with an empty value in it.
      if (length <= 0) return undefined
      at += sizeOf(length)
    }
    isPeer = code === CODE_P2P
    value = at
    at += length
  }
  if (at !== address.length) return undefined
  if (isPeer && !endsWith(address, value, idBytes)) return undefined
  const plain = isPeer ? address.subarray(0, last) : address
  return plain.length === 0 ? undefined : plain
}

/** A minimal varint of at most two bytes, which is enough for every code and length here; -1 otherwise. */
function readVarint(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  const second = bytes[at + 1]
  if (first === undefined) return -1
  if (first < 0x80) return first
  if (second === undefined || second === 0 || second >= 0x80) return -1
  return (first & 0x7f) | (second << 7)
}

function sizeOf(varint: number): number {
  return varint < 0x80 ? 1 : 2
}

function endsWith(bytes: Uint8Array, from: number, tail: Uint8Array): boolean {
  if (bytes.length - from !== tail.length) return false
  for (let i = 0; i < tail.length; i++) if (bytes[from + i] !== tail[i]) return false
  return true
}
