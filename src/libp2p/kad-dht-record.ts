import { decodeRecord, recordSize, writeRecord } from '../wire/record-codec.ts'

/** The fields of a record as they travel. */
interface PlainRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly timeReceived: string
}

/** A record of the protocol: a key, its value, and when it was received. */
export class Libp2pRecord {
  key: Uint8Array
  value: Uint8Array
  timeReceived: Date

  /** @throws TypeError if key or value are no bytes. */
  constructor(key: Uint8Array, value: Uint8Array, timeReceived: Date) {
    if (!(key instanceof Uint8Array)) throw new TypeError('key must be a Uint8Array')
    if (!(value instanceof Uint8Array)) throw new TypeError('value must be a Uint8Array')
    this.key = key
    this.value = value
    this.timeReceived = timeReceived
  }

  /**
   * Reads a record.
   *
   * @throws WireError
   */
  static deserialize(raw: Uint8Array | { subarray(): Uint8Array }): Libp2pRecord {
    const bytes = raw instanceof Uint8Array ? raw : raw.subarray()
    const { key, value, timeReceived = '' } = decodeRecord(bytes, 0, bytes.length)
    return new Libp2pRecord(key, value, new Date(timeReceived))
  }

  static fromDeserialized({ key, value, timeReceived }: PlainRecord): Libp2pRecord {
    return new Libp2pRecord(key, value, new Date(timeReceived))
  }

  serialize(): Uint8Array {
    const record = this.prepareSerialize()
    const bytes = new Uint8Array(recordSize(record, ''))
    writeRecord(bytes, 0, record, '')
    return bytes
  }

  /** The time as text, with nanoseconds (RFC 3339). */
  prepareSerialize(): PlainRecord {
    const { key, value, timeReceived } = this
    return { key, value, timeReceived: timeReceived.toISOString().replace('Z', '000000Z') }
  }
}
