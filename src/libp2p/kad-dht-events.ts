import type { PeerId, PeerInfo, RoutingOptions } from '@libp2p/interface'
import type { Contact } from '../core/contact.ts'
import type { DhtEvent } from '../core/events.ts'
import type { RpcFailure, RpcResponse, RpcType } from '../core/message.ts'
import type { Observer } from '../core/ports.ts'
import { peerIdOf } from './contacts.ts'
import type {
  DHTRecord,
  DisjointPath,
  MessageName,
  PeerResponseEvent,
  QueryEvent,
} from './kad-dht-types.ts'
import { pushed } from './pushed.ts'
import { peerInfoOf } from './routers.ts'

/** The path of what this peer knows by itself. */
const OWN_PATH: DisjointPath = { index: -1, queued: 0, running: 0, total: 0 }

/** The requests of the specification; what Kadmium has beyond it no query sends. */
const MESSAGE_NAMES: Readonly<Partial<Record<RpcType, MessageName>>> = {
  ping: 'PING',
  'find-node': 'FIND_NODE',
  'get-value': 'GET_VALUE',
  'put-value': 'PUT_VALUE',
  'add-provider': 'ADD_PROVIDER',
  'get-providers': 'GET_PROVIDERS',
}

/** What an operation of a query uses. */
export interface QueryRun {
  /** Hears the operation's events and turns them into the query's. */
  readonly observer: Observer
  /** Aborted when the caller gives up or stops reading. */
  readonly signal: AbortSignal
  readonly events: QueryEvents
}

/** A query: runs an operation and yields what happens meanwhile. */
export function query(
  init: {
    readonly self: PeerId
    /** The record that is put: peers that store it echo it. */
    readonly record?: DHTRecord
    readonly options: RoutingOptions
    readonly timeoutMs: number
  },
  run: (run: QueryRun) => Promise<void>,
): AsyncGenerator<QueryEvent, void, undefined> {
  const { options, self, record } = init
  const limit = options.signal ?? AbortSignal.timeout(init.timeoutMs)
  return pushed<QueryEvent>(limit, async (push, signal) => {
    const events = new QueryEvents({ self, record, options, push })
    await run({ observer: events, signal, events })
    events.end()
  })
}

/** Turns what happens to an operation into the events of @libp2p/kad-dht, and tells `onProgress` of them. */
export class QueryEvents implements Observer {
  readonly #self: PeerId
  readonly #record: DHTRecord | undefined
  readonly #options: RoutingOptions
  readonly #push: (event: QueryEvent) => void
  /** Peers that were added to the query; as many as it asked. */
  readonly #added = new Set<string>()
  #running = 0
  #total = 0
  /** Who gave the answer that is being looked at. */
  #answering: Contact | undefined

  constructor(init: {
    readonly self: PeerId
    readonly record: DHTRecord | undefined
    readonly options: RoutingOptions
    readonly push: (event: QueryEvent) => void
  }) {
    this.#self = init.self
    this.#record = init.record
    this.#options = init.options
    this.#push = init.push
  }

  observe(event: DhtEvent): void {
    const messageName = 'request' in event ? MESSAGE_NAMES[event.request] : undefined
    if (messageName === undefined) return
    switch (event.type) {
      case 'request-sent':
        this.#sent(event.to, messageName)
        return
      case 'request-answered':
        this.#running -= 1
        this.#answering = event.from
        this.#emit(this.#response(event.from, messageName, event.response))
        return
      case 'request-failed':
        this.#running -= 1
        this.#emit({
          type: 3,
          name: 'QUERY_ERROR',
          from: peerIdOf(event.from),
          error: failureError(event.failure),
          path: this.#path,
        })
        return
      default:
    }
  }

  finalPeer(peer: PeerInfo, path: DisjointPath = OWN_PATH): void {
    this.#emit({ type: 2, name: 'FINAL_PEER', from: this.#self, peer, path })
  }

  /** The peer that was looked for, heard of from whoever answered last. */
  foundPeer(peer: PeerInfo): void {
    if (this.#answering === undefined) this.finalPeer(peer)
    else
      this.#emit({
        type: 2,
        name: 'FINAL_PEER',
        from: peerIdOf(this.#answering),
        peer,
        path: this.#path,
      })
  }

  provider(provider: PeerInfo): void {
    const isOwn = this.#answering === undefined
    const from = this.#answering === undefined ? this.#self : peerIdOf(this.#answering)
    const path = isOwn ? OWN_PATH : this.#path
    this.#emit({ type: 4, name: 'PROVIDER', from, providers: [provider], path })
  }

  value(from: Contact | undefined, value: Uint8Array): void {
    const giver = from === undefined ? this.#self : peerIdOf(from)
    const path = from === undefined ? OWN_PATH : this.#path
    this.#emit({ type: 5, name: 'VALUE', from: giver, value, path })
  }

  end(): void {
    if (this.#total > 0) this.#emit({ type: 8, name: 'PATH_ENDED', path: this.#path })
  }

  get #path(): DisjointPath {
    return { index: 0, queued: 0, running: this.#running, total: this.#total }
  }

  #sent(contact: Contact, messageName: MessageName): void {
    this.#running += 1
    this.#total += 1
    const peer = peerIdOf(contact)
    if (!this.#added.has(contact.id)) {
      this.#added.add(contact.id)
      this.#emit({ type: 6, name: 'ADD_PEER', peer, path: this.#path })
    }
    this.#emit({ type: 7, name: 'DIAL_PEER', peer, path: this.#path })
    const path = this.#path
    this.#emit({
      type: 0,
      name: 'SEND_QUERY',
      to: peer,
      messageName,
      messageType: messageName,
      path,
    })
  }

  #response(from: Contact, messageName: MessageName, response: RpcResponse): PeerResponseEvent {
    const record = messageName === 'PUT_VALUE' ? this.#record : recordOf(response)
    return {
      type: 1,
      name: 'PEER_RESPONSE',
      from: peerIdOf(from),
      messageName,
      messageType: messageName,
      closer: 'closer' in response ? response.closer.map(peerInfoOf) : [],
      providers: response.type === 'get-providers' ? response.providers.map(peerInfoOf) : [],
      ...(record === undefined ? {} : { record }),
      path: this.#path,
    }
  }

  #emit(event: QueryEvent): void {
    const name = event.name.toLowerCase().replaceAll('_', '-')
    this.#options.onProgress?.(new CustomEvent(`kad-dht:query:${name}`, { detail: event }))
    this.#push(event)
  }
}

function recordOf(response: RpcResponse): DHTRecord | undefined {
  if (response.type !== 'get-value' || response.record === undefined) return undefined
  const { key, value, timeReceived = '' } = response.record
  const time = new Date(timeReceived)
  return Number.isNaN(time.getTime()) ? { key, value } : { key, value, timeReceived: time }
}

function failureError({ type, reason }: RpcFailure): Error {
  const error = new Error(reason === undefined ? type : `${type}: ${reason}`)
  error.name =
    type === 'timeout' ? 'TimeoutError' : type === 'aborted' ? 'AbortError' : 'QueryError'
  return error
}
