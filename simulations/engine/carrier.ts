import { Contact } from '../../src/core/contact.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import type { Hash } from '../../src/core/ports.ts'
import { FrameDecoder } from '../../src/wire/framing.ts'
import { type DecodeContext, decodeAnswer, decodeRequest } from '../../src/wire/message-decoder.ts'
import { type Encoding, encodeAnswer, encodeRequest } from '../../src/wire/message-encoder.ts'
import { decodePeer } from '../../src/wire/peer-codec.ts'
import { WireError } from '../../src/wire/wire-error.ts'

/**
 * What happens to a message between two peers: nothing, or the production codec. The codec is a pure function, so that
 * sender's and receiver's part are done in one go.
 */
export interface Carrier {
  /** Size of the message that was carried last; 0 where nothing is encoded. */
  readonly bytes: number
  /** What the receiver gets to see; `undefined`: the bytes do not decode. */
  carryRequest(request: RpcRequest): RpcRequest | undefined
  carryOutcome(request: RpcRequest, outcome: RpcOutcome): RpcOutcome
}

/** Messages go by reference: the fastest way. */
export const byReference: Carrier = {
  bytes: 0,
  carryRequest: (request) => request,
  carryOutcome: (_request, outcome) => outcome,
}

/** Finds the contact of a peer of the simulation by its id bytes. */
export type ContactFinder = (idBytes: Uint8Array) => Contact | undefined

/** Every message is encoded and decoded by the production codec. */
export class WireCarrier implements Carrier {
  bytes = 0
  readonly #context: DecodeContext

  constructor(hash: Hash, find: ContactFinder) {
    this.#context = {
      hash,
      contactOf: (bytes, start, end) => {
        const fields = decodePeer(bytes, start, end)
        if (fields === undefined) return undefined
        return find(fields.idBytes) ?? stranger(fields.idBytes, fields.addresses, hash)
      },
    }
  }

  carryRequest(request: RpcRequest): RpcRequest | undefined {
    const bytes = encodeRequest(request, ENCODING)
    this.bytes = bytes.length
    try {
      return decodeRequest(unframed(bytes), this.#context).request
    } catch (error) {
      if (error instanceof WireError) return undefined
      throw error
    }
  }

  carryOutcome(request: RpcRequest, outcome: RpcOutcome): RpcOutcome {
    const bytes = encodeAnswer(request, outcome, ENCODING, true)
    this.bytes = bytes.length
    try {
      return decodeAnswer(unframed(bytes), request, this.#context).outcome
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      return { ok: false, failure: { type: 'malformed', reason: error.message } }
    }
  }
}

/** As two Kadmium peers speak to one another. */
const ENCODING: Encoding = { framed: true, kadmium: true, timeReceived: '' }

/** The message as a stream's reader gets it. */
function unframed(bytes: Uint8Array): Uint8Array {
  const decoder = new FrameDecoder(bytes.length)
  decoder.push(bytes)
  const message = decoder.next()
  if (message === undefined) throw new WireError('a frame that does not end')
  return message
}

/** A peer that the simulation does not have: made up by a liar. */
function stranger(idBytes: Uint8Array, addresses: readonly Uint8Array[], hash: Hash): Contact {
  const own = idBytes.slice()
  return new Contact({
    id: Buffer.from(own).toString('hex'),
    idBytes: own,
    key: keyFromDigest(hash(own)),
    addresses: addresses.map((address) => address.slice()),
  })
}
