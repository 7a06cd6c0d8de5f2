import type { Connection, Stream } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Contact } from '../core/contact.ts'
import type { RpcFailure } from '../core/message.ts'
import type { Connections } from './connections.ts'
import { dialAddresses } from './contacts.ts'

/** A stream could not be opened; `failure` says why in the core's words. */
export class OpenError extends Error {
  override readonly name = 'OpenError'
  readonly failure: RpcFailure

  constructor(failure: RpcFailure, cause: unknown) {
    super(failure.reason, { cause })
    this.failure = failure
  }
}

/** A stream and the connection it is on. */
export interface OpenedStream {
  readonly stream: Stream
  readonly connection: Connection
}

/** Opens streams of the protocol. */
export class Dialer {
  readonly #manager: ConnectionManager
  readonly #connections: Connections
  readonly #protocol: string
  readonly #streamsMax: number | undefined
  readonly #onConnection: ((connection: Connection, contact: Contact) => void) | undefined

  constructor(init: {
    readonly manager: ConnectionManager
    readonly connections: Connections
    readonly protocol: string
    /** Streams that stand open on one connection. Default: libp2p's, which is 64. */
    readonly streamsMax?: number
    /** A connection was opened to a contact, for want of one. */
    readonly onConnection?: (connection: Connection, contact: Contact) => void
  }) {
    this.#manager = init.manager
    this.#connections = init.connections
    this.#protocol = init.protocol
    this.#streamsMax = init.streamsMax
    this.#onConnection = init.onConnection
  }

  /**
   * Opens a stream to a contact, on the connection that stands or on a new one to the addresses in hand. Never by the
   * bare peer id: libp2p would look that up through peer routing, a lookup inside the lookup.
   *
   * @throws OpenError
   */
  async open(contact: Contact, signal: AbortSignal): Promise<OpenedStream> {
    const standing = this.#connections.find(contact.id)
    if (standing !== undefined) {
      try {
        return await this.#openOn(standing, signal)
      } catch (error) {
        // It may have just broken: then a new one is worth a try.
        if (standing.status === 'open' || signal.aborted) throw openError(error, signal)
      }
    }
    const addresses = dialAddresses(contact)
    if (addresses.length === 0) {
      throw new OpenError({ type: 'unreachable', reason: 'no address is known' }, undefined)
    }
    try {
      const connection = await this.#manager.openConnection(addresses, { signal })
      this.#onConnection?.(connection, contact)
      return await this.#openOn(connection, signal)
    } catch (error) {
      throw openError(error, signal)
    }
  }

  async #openOn(connection: Connection, signal: AbortSignal): Promise<OpenedStream> {
    const max = this.#streamsMax
    const options = max === undefined ? { signal } : { signal, maxOutboundStreams: max }
    const stream = await connection.newStream([this.#protocol], options)
    return { stream, connection }
  }
}

/** Whether the peer was reached and said that it does not know the protocol: it is a client, or no peer of ours. */
export function isUnsupported(error: unknown): boolean {
  return error instanceof Error && error.name === 'UnsupportedProtocolError'
}

function openError(error: unknown, signal: AbortSignal): OpenError {
  const reason = error instanceof Error ? error.message : String(error)
  // A full queue of dials is our own trouble, and must not count against the peer.
  const isOurs = signal.aborted || /Dial queue is full|Not started/.test(reason)
  return new OpenError({ type: isOurs ? 'aborted' : 'unreachable', reason }, error)
}
