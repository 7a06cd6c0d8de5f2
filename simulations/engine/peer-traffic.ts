import type { MessageType } from './network-counters.ts'

/** What one peer sent and received. */
export class PeerTraffic {
  /** Messages and bytes, answers included. */
  sentMessages = 0
  sentBytes = 0
  receivedMessages = 0
  receivedBytes = 0
  /** Requests of others that arrived here, by type: the load that others make. */
  readonly served: Map<MessageType, number> = new Map()

  sent(_type: MessageType, bytes: number): void {
    this.sentMessages++
    this.sentBytes += bytes
  }

  received(type: MessageType, bytes: number): void {
    this.receivedMessages++
    this.receivedBytes += bytes
    if (type !== 'reply') this.served.set(type, (this.served.get(type) ?? 0) + 1)
  }
}
