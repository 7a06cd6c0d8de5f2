import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'
import { type FastPath, fastPathOf, isYamuxStream, type YamuxStream } from './fast-path.ts'
import { grantLazily } from './lazy-window.ts'
import { toBytes } from './stream-bytes.ts'

/** The bytes of a stream that stands for long: by the fast path where there is one, else as libp2p carries them. */
export class StandingStream {
  readonly stream: Stream
  readonly #take: (bytes: Uint8Array) => void
  readonly #fast: { readonly path: FastPath; readonly stream: YamuxStream } | undefined

  /**
   * Begins to listen: bytes that have come already are delivered after this turn.
   *
   * @param take Gets what comes: a view, so what is kept of it must be copied.
   */
  constructor(stream: Stream, connection: Connection, take: (bytes: Uint8Array) => void) {
    this.stream = stream
    this.#take = take
    grantLazily(stream)
    const path = fastPathOf(connection)
    if (path !== undefined && isYamuxStream(stream)) {
      path.open(stream, take)
      this.#fast = { path, stream }
    }
    stream.addEventListener('message', this.#onMessage)
  }

  /** @throws Error when the stream has closed. */
  send(bytes: Uint8Array): void {
    if (this.#fast?.path.send(this.#fast.stream, bytes) !== true) this.stream.send(bytes)
  }

  /** Listens no more; the stream is left as it is. */
  release(): void {
    this.#fast?.path.close(this.#fast.stream)
    this.stream.removeEventListener('message', this.#onMessage)
  }

  readonly #onMessage = ({ data }: StreamMessageEvent): void => this.#take(toBytes(data))
}
