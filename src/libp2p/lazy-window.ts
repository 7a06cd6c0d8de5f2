import type { Stream } from '@libp2p/interface'

/** What is used of a stream of `@libp2p/yamux`. */
interface YamuxWindow {
  /** Bytes the other side may send before it must wait, when all is granted. */
  recvWindow: number
  /** What it may send as of now. */
  recvWindowCapacity: number
  sendWindowUpdate: () => void
}

/**
 * Makes a yamux stream grant more bytes when half of its window is used up, as go-yamux does, and not after every frame.
 *
 * `@libp2p/yamux` answers every data frame with a window update, a frame of its own: sealed, sent, received and opened, it
 * makes half of the work of a small request. The specification leaves the moment to the receiver. A stream of another
 * muxer, or of a yamux that looks different, is left as it is.
 */
export function grantLazily(stream: Stream): void {
  if (!isYamuxWindow(stream)) return
  const grant = stream.sendWindowUpdate
  stream.sendWindowUpdate = function (this: YamuxWindow): void {
    if (this.recvWindowCapacity * 2 <= this.recvWindow) grant.call(this)
  }
}

function isYamuxWindow(stream: object): stream is YamuxWindow {
  return (
    typeof Reflect.get(stream, 'recvWindow') === 'number' &&
    typeof Reflect.get(stream, 'recvWindowCapacity') === 'number' &&
    typeof Reflect.get(stream, 'sendWindowUpdate') === 'function'
  )
}
