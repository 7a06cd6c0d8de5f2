import type { Connection } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Contact } from '../core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Cancel, Clock, Hash, Instant, Network } from '../core/ports.ts'
import type { Connections } from './connections.ts'
import type { ContactBook } from './contacts.ts'
import { Dialer } from './dialer.ts'
import { Exchange } from './exchange.ts'
import { ANSWER_OVERHEAD_BYTES_MAX, WATCH_STREAMS_PER_CONNECTION_MAX } from './limits.ts'
import { watchProtocolOf } from './network-rules.ts'
import type { NetworkCounters } from './peer-channel.ts'
import { RequestEncoder } from './request-encoder.ts'
import { StreamPool } from './stream-pool.ts'
import { WatchCalls } from './watch-calls.ts'

/** What the network is made of. */
export interface NetworkInit {
  readonly connectionManager: ConnectionManager
  readonly connections: Connections
  readonly contacts: ContactBook
  readonly clock: Clock
  readonly hash: Hash
  /** The protocol's id, `/<prefix>/kad/1.0.0`. */
  readonly protocol: string
  /** The largest value, in bytes; larger answers are malformed. */
  readonly valueBytesMax: number
  /** A connection was opened to a contact, for want of one. */
  readonly onConnection: (connection: Connection, contact: Contact) => void
  /** A peer was reached that does not speak the protocol. */
  readonly onUnsupported: (contact: Contact) => void
}

/**
 * Requests to other peers over libp2p: one standing stream for each, requests pipelined (peer-channel.ts). Those of watchers,
 * whose answers wait for news, go by streams of their own (watch-calls.ts).
 *
 * How the ends of a request come about:
 *
 * | end | when |
 * |---|---|
 * | `timeout` | the deadline passed, whether while dialling or while waiting for the answer |
 * | `unreachable` | no address, no connection, the protocol not spoken, or the connection broke |
 * | `refused` | the peer said so, or reset the stream on a put, or did not echo its value |
 * | `malformed` | the answer broke the protocol, or the stream was reset on another request |
 * | `aborted` | this peer stopped, or has too much under way |
 */
export class Libp2pNetwork implements Network {
  readonly counters: NetworkCounters = {
    streamsOpened: 0,
    streamsFailed: 0,
    requestsSent: 0,
    requestsRetried: 0,
    malformedAnswers: 0,
  }
  readonly #clock: Clock
  readonly #connections: Connections
  readonly #pool: StreamPool
  readonly #watchCalls: WatchCalls
  #isClosed = false

  constructor(init: NetworkInit) {
    const { clock, connections, contacts, hash, protocol, onConnection } = init
    const { connectionManager: manager } = init
    this.#clock = clock
    this.#connections = connections
    const common = {
      clock,
      decoding: {
        hash,
        contactOf: contacts.contactOf.bind(contacts),
      },
      answerBytesMax: init.valueBytesMax + ANSWER_OVERHEAD_BYTES_MAX,
    }
    this.#watchCalls = new WatchCalls({
      ...common,
      dialer: new Dialer({
        manager,
        connections,
        protocol: watchProtocolOf(protocol),
        streamsMax: WATCH_STREAMS_PER_CONNECTION_MAX,
        onConnection,
      }),
    })
    this.#pool = new StreamPool({
      ...common,
      dialer: new Dialer({ manager, connections, protocol, onConnection }),
      encoder: new RequestEncoder(clock),
      counters: this.counters,
      onUnsupported: init.onUnsupported,
    })
  }

  /** Streams of ours that stand open. */
  get openStreams(): number {
    return this.#pool.openStreams + this.#watchCalls.size
  }

  send(
    to: Contact,
    request: RpcRequest,
    deadline: Instant,
    settle: (outcome: RpcOutcome, rttMs?: number) => void,
  ): Cancel {
    if (request.type === 'watch' && !this.#isClosed) {
      return this.#watchCalls.send(to, request, deadline, settle)
    }
    const exchange = new Exchange({ to, request, deadline, clock: this.#clock, settle })
    if (this.#isClosed) queueMicrotask(() => exchange.fail(STOPPED))
    else this.#pool.send(exchange)
    return () => exchange.cancel()
  }

  isConnected({ id }: Contact): boolean {
    return this.#connections.find(id) !== undefined
  }

  /** Ends every request as aborted and resets the streams. */
  close(): void {
    this.#isClosed = true
    this.#pool.close(STOPPED)
    this.#watchCalls.close(STOPPED)
  }
}

const STOPPED = { type: 'aborted', reason: 'this peer stopped' } as const
