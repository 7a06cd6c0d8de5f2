/**
 * Protobuf in one canonical form only: fields in ascending order, none twice, none unknown, lengths and numbers in their
 * shortest form, nothing after the end. What is signed or compared byte by byte must not have two spellings, or a stranger
 * could make a "different" copy of a value that he cannot write.
 */

/** Bytes that are not canonical fields. */
export class MalformedFieldsError extends Error {
  override readonly name = 'MalformedFieldsError'
}

/** The two wire types that are read: a number, and bytes behind their length. */
export type FieldType = 'varint' | 'bytes'

const WIRE_TYPE: Readonly<Record<FieldType, number>> = { varint: 0, bytes: 2 }

/** Reads fields one after the other. Every method throws `MalformedFieldsError` rather than read beyond the end. */
export class CanonicalReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Whether this field comes next; then its tag is consumed. Ask for fields in ascending order. */
  take(field: number, type: FieldType): boolean {
    if (this.#at >= this.#bytes.length) return false
    const start = this.#at
    const tag = this.varint()
    if (tag === field * 8 + WIRE_TYPE[type]) return true
    this.#at = start
    return false
  }

  /** A number up to 2^53 - 1 in its shortest form. */
  varint(): number {
    let value = 0
    let unit = 1
    for (let count = 1; count <= 8; count++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new MalformedFieldsError('a number is cut off')
      value += (byte & 0x7f) * unit
      if (byte < 0x80) {
        if (byte === 0 && count > 1)
          throw new MalformedFieldsError('a number is not in its shortest form')
        if (!Number.isSafeInteger(value)) break
        return value
      }
      unit *= 128
    }
    throw new MalformedFieldsError('a number exceeds 2^53 - 1')
  }

  /** Bytes behind their length: a view. */
  bytes(): Uint8Array {
    const length = this.varint()
    if (length > this.#bytes.length - this.#at) throw new MalformedFieldsError('bytes are cut off')
    const view = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return view
  }

  /** Makes sure that nothing is left: no unknown, repeated or misplaced field. */
  end(): void {
    if (this.#at < this.#bytes.length) {
      throw new MalformedFieldsError('a field is unknown, repeated or out of order')
    }
  }
}

/** A field that holds a number. */
export interface NumberField {
  readonly field: number
  readonly value: number
}

/** A field that holds bytes. */
export interface BytesField {
  readonly field: number
  readonly bytes: Uint8Array
}

/** Writes fields, given in ascending order, in canonical form. Numbers are safe integers of 0 or more. */
export function encodeFields(fields: readonly (NumberField | BytesField)[]): Uint8Array {
  let length = 0
  for (const field of fields) length += fieldLength(field)
  const out = new Uint8Array(length)
  let at = 0
  for (const field of fields) {
    if ('bytes' in field) {
      at = writeVarint(out, at, field.field * 8 + WIRE_TYPE.bytes)
      at = writeVarint(out, at, field.bytes.length)
      out.set(field.bytes, at)
      at += field.bytes.length
    } else {
      at = writeVarint(out, at, field.field * 8 + WIRE_TYPE.varint)
      at = writeVarint(out, at, field.value)
    }
  }
  return out
}

function fieldLength(field: NumberField | BytesField): number {
  const tag = varintLength(field.field * 8)
  if ('bytes' in field) return tag + varintLength(field.bytes.length) + field.bytes.length
  return tag + varintLength(field.value)
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1
  return length
}

/** Division instead of shifts, which would cut numbers to 32 bits. */
function writeVarint(out: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 0x80
  out[at++] = rest
  return at
}
