import type { RpcFailure, RpcType } from '../../src/core/message.ts'

/** The messages that go through the network. */
export type MessageType = RpcType | 'reply'

/** How a request ended. `abandoned`: its sender crashed. */
export type CallOutcome = 'answered' | RpcFailure['type'] | 'cancelled' | 'abandoned'

/** Messages and bytes of one type. */
export interface TypeTotal {
  messages: number
  bytes: number
}

/**
 * Keeps account of all messages and requests, so that two invariants can be checked at any time: every request ends exactly
 * once (I9), and every message sent is delivered, lost, or under way (I10).
 */
export class NetworkCounters {
  /** By type; the sum counts what was put on the network once each. */
  readonly sentByType: Map<MessageType, TypeTotal> = new Map()
  readonly endsByOutcome: Map<CallOutcome, number> = new Map()
  #sent = 0
  #duplicated = 0
  #delivered = 0
  #lost = 0
  #opened = 0
  #closed = 0

  /** Messages sent. */
  get messages(): number {
    return this.#sent
  }

  get deliveredMessages(): number {
    return this.#delivered
  }

  get lostMessages(): number {
    return this.#lost
  }

  /** Messages that are neither delivered nor lost. */
  get messagesUnderWay(): number {
    return this.#sent + this.#duplicated - this.#delivered - this.#lost
  }

  /** Requests made. */
  get requests(): number {
    return this.#opened
  }

  /** Requests that have not ended. */
  get requestsUnderWay(): number {
    return this.#opened - this.#closed
  }

  /** Messages of a type that were sent. */
  sentOf(type: MessageType): number {
    return this.sentByType.get(type)?.messages ?? 0
  }

  opened(_type: RpcType): void {
    this.#opened++
  }

  closed(outcome: CallOutcome): void {
    this.#closed++
    this.endsByOutcome.set(outcome, (this.endsByOutcome.get(outcome) ?? 0) + 1)
  }

  sent(type: MessageType, bytes: number): void {
    this.#sent++
    let total = this.sentByType.get(type)
    if (total === undefined) {
      total = { messages: 0, bytes: 0 }
      this.sentByType.set(type, total)
    }
    total.messages++
    total.bytes += bytes
  }

  duplicated(): void {
    this.#duplicated++
  }

  delivered(_type: MessageType): void {
    this.#delivered++
  }

  lost(): void {
    this.#lost++
  }
}
