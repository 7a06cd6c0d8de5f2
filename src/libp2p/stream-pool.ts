import type { Contact } from '../core/contact.ts'
import type { RpcFailure } from '../core/message.ts'
import type { Cancel } from '../core/ports.ts'
import type { Exchange } from './exchange.ts'
import { OUTBOUND_IDLE_MS, OUTBOUND_STREAMS_MAX, SWEEP_MS } from './limits.ts'
import { type ChannelContext, PeerChannel } from './peer-channel.ts'

/** The channels to all peers: opens them when needed, and closes those that are not. */
export class StreamPool {
  readonly #context: ChannelContext
  readonly #channels = new Map<string, PeerChannel>()
  #cancelSweep: Cancel | undefined

  constructor(context: Omit<ChannelContext, 'onOpening'>) {
    this.#context = { ...context, onOpening: (channel) => this.#makeRoom(channel) }
  }

  /** Streams that stand open. */
  get openStreams(): number {
    let count = 0
    for (const channel of this.#channels.values()) if (channel.isOpen) count += 1
    return count
  }

  send(exchange: Exchange): void {
    const { id } = exchange.to
    let channel = this.#channels.get(id)
    if (channel === undefined) {
      channel = new PeerChannel(this.#context, exchange.to)
      this.#channels.set(id, channel)
      if (this.#cancelSweep === undefined) this.#armSweep()
    }
    channel.send(exchange)
  }

  /** Whether a stream to the contact stands open. */
  isOpen(contact: Contact): boolean {
    return this.#channels.get(contact.id)?.isOpen === true
  }

  /** Gives up everything under way, with this failure. */
  close(failure: RpcFailure): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    for (const channel of channels) channel.abort(failure)
  }

  #armSweep(): void {
    const { clock } = this.#context
    this.#cancelSweep = clock.setAlarm(clock.now() + SWEEP_MS, () => this.#sweep())
  }

  #sweep(): void {
    const now = this.#context.clock.now()
    for (const [id, channel] of this.#channels) {
      channel.checkStall(now)
      if (!channel.isIdle) continue
      if (now - channel.usedAt >= OUTBOUND_IDLE_MS) channel.closeIdle()
      if (!channel.isOpen) this.#channels.delete(id)
    }
    this.#cancelSweep = undefined
    if (this.#channels.size > 0) this.#armSweep()
  }

  /** Closes the stream that was not needed for longest when there are too many. Those in use stay. */
  #makeRoom(opening: PeerChannel): void {
    if (this.#channels.size <= OUTBOUND_STREAMS_MAX) return
    let open = 0
    let oldest: PeerChannel | undefined
    for (const channel of this.#channels.values()) {
      if (!channel.isOpen) continue
      open += 1
      if (channel === opening || !channel.isIdle) continue
      if (oldest === undefined || channel.usedAt < oldest.usedAt) oldest = channel
    }
    if (open >= OUTBOUND_STREAMS_MAX) oldest?.closeIdle()
  }
}
