import type { AbortOptions, PeerId, PeerInfo, RoutingOptions } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Mode } from '../core/options.ts'
import type { PeerInfoMapper } from './peer-mappers.ts'

/*
 * The interface of @libp2p/kad-dht, as far as programs use it: the same names and shapes, so that they need another import
 * and nothing else.
 */

/** The numbers of the kinds of events, and the names of the numbers. */
export const EventTypes = {
  SEND_QUERY: 0,
  PEER_RESPONSE: 1,
  FINAL_PEER: 2,
  QUERY_ERROR: 3,
  PROVIDER: 4,
  VALUE: 5,
  ADD_PEER: 6,
  DIAL_PEER: 7,
  PATH_ENDED: 8,
  0: 'SEND_QUERY',
  1: 'PEER_RESPONSE',
  2: 'FINAL_PEER',
  3: 'QUERY_ERROR',
  4: 'PROVIDER',
  5: 'VALUE',
  6: 'ADD_PEER',
  7: 'DIAL_PEER',
  8: 'PATH_ENDED',
} as const

type EventName = Exclude<keyof typeof EventTypes, number>

export type EventTypes = (typeof EventTypes)[EventName]

/** The names of the messages. */
export const MessageType = {
  PUT_VALUE: 'PUT_VALUE',
  GET_VALUE: 'GET_VALUE',
  ADD_PROVIDER: 'ADD_PROVIDER',
  GET_PROVIDERS: 'GET_PROVIDERS',
  FIND_NODE: 'FIND_NODE',
  PING: 'PING',
} as const

export type MessageType = keyof typeof MessageType

export type MessageName = MessageType

/** A record as events tell of it. */
export interface DHTRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly timeReceived?: Date
}

/**
 * Where a query stands. A Kadmium lookup has one path; the numbers are those of its requests.
 */
export interface DisjointPath {
  readonly index: number
  readonly queued: number
  readonly running: number
  readonly total: number
}

interface Event<Name extends EventName> {
  readonly type: (typeof EventTypes)[Name]
  readonly name: Name
  readonly path: DisjointPath
}

/** A request was sent. */
export interface SendQueryEvent extends Event<'SEND_QUERY'> {
  readonly to: PeerId
  readonly messageName: MessageName
  readonly messageType: MessageType
}

/** A request was answered. */
export interface PeerResponseEvent extends Event<'PEER_RESPONSE'> {
  readonly from: PeerId
  readonly messageName: MessageName
  readonly messageType: MessageType
  readonly closer: PeerInfo[]
  readonly providers: PeerInfo[]
  readonly record?: DHTRecord
}

/** The peer that was looked for, or one of the closest. */
export interface FinalPeerEvent extends Event<'FINAL_PEER'> {
  readonly from: PeerId
  readonly peer: PeerInfo
}

/** A request failed. */
export interface QueryErrorEvent extends Event<'QUERY_ERROR'> {
  readonly from: PeerId
  readonly error: Error
}

/** Providers not heard of before. */
export interface ProviderEvent extends Event<'PROVIDER'> {
  readonly from: PeerId
  readonly providers: PeerInfo[]
}

/** The value: the best of those that were found. */
export interface ValueEvent extends Event<'VALUE'> {
  readonly from: PeerId
  readonly value: Uint8Array
}

/** A peer became part of the query. */
export interface AddPeerEvent extends Event<'ADD_PEER'> {
  readonly peer: PeerId
}

/** A request to a peer begins. */
export interface DialPeerEvent extends Event<'DIAL_PEER'> {
  readonly peer: PeerId
}

/** The query has no more requests to make. */
export interface PathEndedEvent extends Event<'PATH_ENDED'> {}

/** What happens during a query. */
export type QueryEvent =
  | SendQueryEvent
  | PeerResponseEvent
  | FinalPeerEvent
  | QueryErrorEvent
  | ProviderEvent
  | ValueEvent
  | AddPeerEvent
  | DialPeerEvent
  | PathEndedEvent

/** What a query tells its `onProgress`: the same, as `CustomEvent`s. */
export type DHTProgressEvents =
  | ProgressEvent<'kad-dht:query:send-query', SendQueryEvent>
  | ProgressEvent<'kad-dht:query:peer-response', PeerResponseEvent>
  | ProgressEvent<'kad-dht:query:final-peer', FinalPeerEvent>
  | ProgressEvent<'kad-dht:query:query-error', QueryErrorEvent>
  | ProgressEvent<'kad-dht:query:provider', ProviderEvent>
  | ProgressEvent<'kad-dht:query:value', ValueEvent>
  | ProgressEvent<'kad-dht:query:add-peer', AddPeerEvent>
  | ProgressEvent<'kad-dht:query:dial-peer', DialPeerEvent>
  | ProgressEvent<'kad-dht:query:path-ended', PathEndedEvent>

interface ProgressEvent<Type extends string, Detail> {
  readonly type: Type
  readonly detail: Detail
}

/** Throws, or rejects, if the value is none of the key. */
export type ValidateFn = (
  key: Uint8Array,
  value: Uint8Array,
  options?: AbortOptions,
) => void | Promise<void>

/** The index of the best of these values. Kadmium takes only an answer, not a promise of one. */
export type SelectFn = (key: Uint8Array, records: Uint8Array[]) => number

/** Validators by namespace: `v` judges the keys `/v/…`. */
export type Validators = Record<string, ValidateFn>

/** Selectors by namespace. */
export type Selectors = Record<string, SelectFn>

/** Options of `setMode`. */
export interface SetModeOptions extends AbortOptions {
  force?: boolean
}

/** The option `providers`, which changes nothing in Kadmium. */
export interface ProvidersInit {
  cacheSize?: number
  cleanupInterval?: number
  provideValidity?: number
}

/** The option `reprovide`, which changes nothing in Kadmium. */
export interface ReProvideInit {
  concurrency?: number
  maxQueueSize?: number
  threshold?: number
  interval?: number
  validity?: number
}

/** Options of @libp2p/kad-dht that change nothing in Kadmium. */
export type NeedlessOption =
  | 'kBucketSplitThreshold'
  | 'prefixLength'
  | 'disjointPaths'
  | 'routingTableUpdateQueueConcurrency'
  | 'routingTableUpdateMaxQueueSize'
  | 'querySelfInterval'
  | 'initialQuerySelfInterval'
  | 'metricsPrefix'
  | 'pingOldContactTimeout'
  | 'pingOldContactConcurrency'
  | 'pingOldContactMaxQueueSize'
  | 'pingNewContactTimeout'
  | 'pingNewContactConcurrency'
  | 'pingNewContactMaxQueueSize'
  | 'maxInboundStreams'
  | 'maxOutboundStreams'
  | 'providers'
  | 'reprovide'
  | 'networkDialTimeout'
  | 'onPeerConnectTimeout'
  | 'incomingMessageTimeout'

/** The options of `kadDHT`. All others of @libp2p/kad-dht are named in a warning at the start and change nothing. */
export interface KadDHTInit extends Partial<Readonly<Record<NeedlessOption, unknown>>> {
  /** Peers in a bucket and closest peers of a key: Kademlia's k. 1-100. Default: 20. */
  readonly kBucketSize?: number
  /** Requests under way at once in a query. 1-32. Default: 10. */
  readonly alpha?: number
  /** `true`: never serves. `false`: serves. Left out: serves while the peer has an address that others can dial. */
  readonly clientMode?: boolean
  /** Rules by namespace, besides `pk`. A key without one is refused. */
  readonly validators?: Validators
  /** Which of several values stands, by namespace. Without one the value put last does. */
  readonly selectors?: Selectors
  /** Applied to every peer heard of and to what is told of this one. Default: `removePrivateAddressesMapper`. */
  readonly peerInfoMapper?: PeerInfoMapper
  /** Default: `/ipfs/kad/1.0.0`. */
  readonly protocol?: string
  /** The name in logs. Default: `libp2p:kad-dht`. */
  readonly logPrefix?: string
  /** Where records stand in the node's datastore. Default: `/dht`. */
  readonly datastorePrefix?: string
  /** Do not wait for a first peer, but end at once without one. Default: false. */
  readonly allowQueryWithZeroPeers?: boolean
}

/** The routing table, as far as it is shown. */
export interface RoutingTable {
  readonly size: number
}

/** A DHT as a libp2p service. */
export interface KadDHT {
  readonly k: number
  readonly a: number
  readonly d: number
  readonly validators: Validators
  readonly selectors: Selectors
  get(key: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>
  findProviders(key: CID, options?: RoutingOptions): AsyncIterable<QueryEvent>
  findPeer(id: PeerId, options?: RoutingOptions): AsyncIterable<QueryEvent>
  getClosestPeers(key: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>
  provide(key: CID, options?: RoutingOptions): AsyncIterable<QueryEvent>
  cancelReprovide(key: CID, options?: AbortOptions): Promise<void>
  put(key: Uint8Array, value: Uint8Array, options?: RoutingOptions): AsyncIterable<QueryEvent>
  getMode(): Mode
  setMode(mode: Mode, options?: SetModeOptions): Promise<void>
  refreshRoutingTable(options?: AbortOptions): Promise<void>
}

/** A DHT that shows its routing table. */
export interface SingleKadDHT extends KadDHT {
  readonly routingTable: RoutingTable
}
