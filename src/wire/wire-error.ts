/** Bytes from a peer that break the protocol. Ends the stream they came on, and nothing else. */
export class WireError extends Error {
  override readonly name = 'WireError'
}
