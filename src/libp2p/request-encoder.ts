import type { RpcRequest } from '../core/message.ts'
import type { Clock } from '../core/ports.ts'
import { encodeRequest } from '../wire/message-encoder.ts'

/** Encodes requests. One that goes to many peers one after another, as a put does, is encoded once. */
export class RequestEncoder {
  readonly #clock: Clock
  #last: { readonly request: RpcRequest; readonly bytes: Uint8Array } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The message behind its length. It is shared: nobody may write into it. */
  encode(request: RpcRequest): Uint8Array {
    if (this.#last?.request === request) return this.#last.bytes
    const isPut = request.type === 'put-value'
    const timeReceived = isPut ? new Date(this.#clock.wallClock()).toISOString() : ''
    const bytes = encodeRequest(request, { framed: true, kadmium: true, timeReceived })
    this.#last = { request, bytes }
    return bytes
  }
}
