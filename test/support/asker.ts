import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { decodeAnswer } from '../../src/wire/message-decoder.ts'
import { encodeRequest } from '../../src/wire/message-encoder.ts'
import { plainContext } from './wire.ts'

/** Speaks the protocol by hand, as they do it. */
export class Asker {
  readonly #stream: Stream
  readonly #lp: ReturnType<typeof lpStream>

  constructor(stream: Stream) {
    this.#stream = stream
    this.#lp = lpStream(stream)
  }

  send(...requests: readonly RpcRequest[]): void {
    const encoding = { framed: true, kadmium: false, timeReceived: '' }
    this.#stream.send(Buffer.concat(requests.map((request) => encodeRequest(request, encoding))))
  }

  /** Sends a frame around bytes that are no request, or one that no encoder of ours makes. */
  sendBytes(bytes: Uint8Array): void {
    this.#stream.send(Buffer.concat([Uint8Array.of(bytes.length), bytes]))
  }

  /** The next answer, read as one to this request. */
  async answer(request: RpcRequest): Promise<RpcOutcome> {
    const bytes = await this.#lp.read({ signal: AbortSignal.timeout(5_000) })
    return decodeAnswer(new Uint8Array(bytes.subarray()), request, plainContext).outcome
  }
}
