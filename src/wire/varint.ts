/** How many bytes an unsigned varint takes up. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++
  return size
}

/** Writes an unsigned varint at `at` and returns the position behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let position = at
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[position++] = (rest % 128) | 0x80
  bytes[position++] = rest
  return position
}

/** How many bytes a length-delimited value of `length` bytes takes up with its length. */
export function lengthPrefixedSize(length: number): number {
  return varintSize(length) + length
}

/** Writes a length and the bytes it counts, and returns the position behind them. */
export function writeLengthPrefixed(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const position = writeVarint(target, at, bytes.length)
  target.set(bytes, position)
  return position + bytes.length
}
