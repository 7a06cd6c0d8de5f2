import {
  type ComponentLogger,
  contentRoutingSymbol,
  type Libp2pEvents,
  type Logger,
  type PeerId,
  type PeerStore,
  type PrivateKey,
  peerRoutingSymbol,
  type Startable,
  serviceCapabilities,
  serviceDependencies,
  type TypedEventTarget,
} from '@libp2p/interface'
import type { AddressManager, ConnectionManager, Registrar } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { KadmiumError } from '../core/errors.ts'
import { type Mode, type NodeOptions, resolveOptions } from '../core/options.ts'
import type { Observer, Storage } from '../core/ports.ts'
import type { Validator } from '../core/validators.ts'
import type { JoinResult } from '../node/bootstrap.ts'
import type { KademliaNode } from '../node/kademlia-node.ts'
import type { FindNodeOptions, FindNodeResult } from '../node/lookups.ts'
import type { NodeStatus } from '../node/node-status.ts'
import type { GetOptions } from '../node/values.ts'
import type { WatchOptions } from '../node/watching.ts'
import type { InboundCounters } from './inbound-stream.ts'
import {
  type AddressKind,
  checkRules,
  isIpfsProtocol,
  type NetworkRules,
  protocolOf,
  rulesOf,
} from './network-rules.ts'
import type { NetworkCounters } from './peer-channel.ts'
import { contentRoutingOf, peerRoutingOf } from './routers.ts'
import { RunningPeer } from './running-peer.ts'
import { forgetfulStorage } from './system.ts'
import type {
  UserGetResult,
  UserKey,
  UserPutOptions,
  UserPutResult,
  UserValues,
} from './user-values.ts'
import type { UserWatchEvent } from './user-watch.ts'

/** What may be said of a peer; everything has a default. */
export interface KadmiumOptions extends Partial<Omit<NodeOptions, 'mode'>> {
  /**
   * Answers others (`server`), only asks (`client`), or serves while others can reach it (`auto`). Default: `server`; `auto`
   * with the prefix `ipfs`.
   */
  readonly mode?: Mode | 'auto' | undefined
  /**
   * The network: peers speak `/<prefix>/kad/1.0.0` with their own kind only. Default: `kadmium`. `ipfs` and `ipfs/lan` are
   * the networks of IPFS, whose peers keep `/pk/` and `/ipns/` records only.
   */
  readonly prefix?: string | undefined
  /** The whole protocol id, instead of a prefix. */
  readonly protocol?: string | undefined
  /** Peers to join through, as multiaddrs, best with `/p2p/<id>` at their ends. Default: none. */
  readonly bootstrap?: readonly (string | Multiaddr)[] | undefined
  /** Where records and contacts outlive the process; its owner closes it. Default: memory, where they do not. */
  readonly storage?: Storage | undefined
  /**
   * Which addresses of peers are believed and told. Default: `public` with the prefix `ipfs`, `private` with `ipfs/lan`,
   * `any` otherwise.
   */
  readonly addressKind?: AddressKind | undefined
  /** Rules for further kinds of keys, by namespace. */
  readonly validators?: ReadonlyMap<string, Validator> | undefined
  /** Hear of everything that happens. */
  readonly observers?: readonly Observer[] | undefined
  /** Longest time for handing records over to neighbours when stopping. ms. Default: 5 000; 0: none is handed over. */
  readonly handOverMs?: number | undefined
}

/** The parts of libp2p that the service uses. */
export interface KadmiumComponents {
  readonly peerId: PeerId
  readonly privateKey: PrivateKey
  readonly registrar: Registrar
  readonly connectionManager: ConnectionManager
  readonly addressManager: AddressManager
  readonly peerStore: PeerStore
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly logger: ComponentLogger
}

/** What another service says that is built on this one. */
export interface ServiceHost {
  /** The rules of its network. Default: those of the protocol. */
  readonly rules?: NetworkRules | undefined
  /** Its name in logs. Default: `kadmium`. */
  readonly logName?: string | undefined
}

/** How a peer is. */
export interface KadmiumStatus extends NodeStatus {
  readonly id: string
  readonly protocol: string
  readonly addresses: readonly string[]
  readonly outboundStreams: number
  readonly inboundStreams: number
  readonly outbound: Readonly<NetworkCounters>
  readonly inbound: Readonly<InboundCounters>
}

/**
 * Makes a libp2p node a Kademlia peer:
 *
 *     const node = await createLibp2p({ …, services: { identify: identify(), dht: kadmium() } })
 *     await node.services.dht.put('/kv/greeting', bytes)
 *
 * @throws KadmiumError `ERR_INVALID_OPTION`, when libp2p creates the service.
 */
export function kadmium(
  options: KadmiumOptions = {},
): (components: KadmiumComponents) => KadmiumService {
  return (components) => new KadmiumService(components, options)
}

const CAPABILITIES = ['kadmium', '@libp2p/content-routing', '@libp2p/peer-routing']

/** A Kademlia peer as a libp2p service: content and peer routing of libp2p go through it. It starts and stops with its libp2p node. */
export class KadmiumService implements Startable {
  readonly [Symbol.toStringTag] = 'kadmium'
  /** The protocol id. */
  readonly protocol: string
  readonly #components: KadmiumComponents
  readonly #given: KadmiumOptions
  readonly #options: NodeOptions
  readonly #rules: NetworkRules
  readonly #isAutoMode: boolean
  readonly #storage: Storage
  readonly #log: Logger
  #running: RunningPeer | undefined

  /** @param host What another service says that is built on this one. */
  constructor(components: KadmiumComponents, given: KadmiumOptions, host: ServiceHost = {}) {
    // What libp2p asks a service for. As declared fields, computed names have no types that can be written down.
    Object.defineProperties(this, {
      [serviceCapabilities]: { value: CAPABILITIES },
      [serviceDependencies]: { get: () => dependenciesOf(this.protocol) },
      [contentRoutingSymbol]: { value: contentRoutingOf(this) },
      [peerRoutingSymbol]: { value: peerRoutingOf(this) },
    })
    this.#components = components
    this.#given = given
    this.protocol = checkedProtocol(given)
    if (host.rules === undefined) checkRules(this.protocol, given)
    this.#rules = host.rules ?? rulesOf(this.protocol, given)
    const mode = given.mode ?? this.#rules.mode
    this.#isAutoMode = mode === 'auto'
    const { defaults, valueBytesMax } = this.#rules
    this.#options = resolveOptions({
      valueBytesMax,
      ...defaults,
      ...withoutGaps(given),
      mode: mode === 'auto' ? 'client' : mode,
    })
    this.#storage = given.storage ?? forgetfulStorage
    this.#log = components.logger.forComponent(host.logName ?? 'kadmium')
    RunningPeer.checkSeeds(components, given.bootstrap ?? [])
  }

  /** Reads the storage, begins to serve, and joins in the background. */
  async start(): Promise<void> {
    if (this.#running !== undefined) return
    const running = new RunningPeer({
      components: this.#components,
      options: this.#options,
      protocol: this.protocol,
      storage: this.#storage,
      bootstrap: this.#given.bootstrap ?? [],
      rules: this.#rules,
      isAutoMode: this.#isAutoMode,
      observers: this.#given.observers ?? [],
      log: this.#log,
    })
    this.#running = running
    await running.start()
  }

  /** Hands records over while the connections still stand. */
  async beforeStop(): Promise<void> {
    await this.#running?.leave(this.#given.handOverMs ?? 5_000)
  }

  /** Ends everything: no request, stream, handler or timer is left. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    await running.stop()
    this.#running = undefined
  }

  isStarted(): boolean {
    return this.#running !== undefined
  }

  /** The peer itself: routing table, records, and the calls on bytes. */
  get node(): KademliaNode {
    return this.#peer.node
  }

  /** Values as users see them: signed on the way in, opened on the way out. */
  get values(): UserValues {
    return this.#peer.values
  }

  get mode(): Mode {
    return this.node.mode
  }

  /**
   * Becomes a server, which answers and keeps others' records, or a client, which only asks. Ends the mode `auto`. Identify
   * tells peers; those connected already hear of it if the node has libp2p's `identifyPush`.
   */
  setMode(mode: Mode): Promise<void> {
    return this.#peer.setMode(mode)
  }

  /** Joins through the bootstrap peers and the contacts of the last run; or waits while that is under way. */
  join(): Promise<JoinResult> {
    return this.#peer.join()
  }

  /** See `UserValues.put`. */
  put(key: UserKey, value: Uint8Array, options?: UserPutOptions): Promise<UserPutResult> {
    return this.values.put(key, value, options)
  }

  /** See `UserValues.putImmutable`. */
  putImmutable(value: Uint8Array, options?: UserPutOptions): Promise<UserPutResult> {
    return this.values.putImmutable(value, options)
  }

  /** See `UserValues.get`. */
  get(key: UserKey, options?: GetOptions): Promise<UserGetResult> {
    return this.values.get(key, options)
  }

  /** See `UserValues.watch`. */
  watch(key: UserKey, options?: WatchOptions): AsyncGenerator<UserWatchEvent, void, undefined> {
    return this.values.watch(key, options)
  }

  /** See `UserValues.delete`. */
  delete(key: UserKey, options?: UserPutOptions): Promise<UserPutResult> {
    return this.values.delete(key, options)
  }

  /** See `KademliaNode.findNode`; a text is taken as its UTF-8 bytes. */
  findNode(key: UserKey, options?: FindNodeOptions): Promise<FindNodeResult> {
    return this.node.findNode(
      typeof key === 'string' ? new TextEncoder().encode(key) : key,
      options,
    )
  }

  status(): KadmiumStatus {
    return { ...this.#peer.status(), protocol: this.protocol }
  }

  get #peer(): RunningPeer {
    if (this.#running === undefined) {
      throw new KadmiumError('ERR_NOT_STARTED', 'the peer is not running; start libp2p first')
    }
    return this.#running
  }
}

function checkedProtocol({ prefix, protocol }: KadmiumOptions): string {
  const chosen = protocol ?? protocolOf(prefix ?? 'kadmium')
  if (!/^\/[^\s/]+(\/[^\s/]+)+$/.test(chosen)) {
    const [option, wanted] =
      protocol === undefined
        ? ['prefix', 'a name without spaces, such as kadmium or ipfs/lan']
        : ['protocol', 'of the form /<prefix>/kad/1.0.0']
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `\`${option}\` must be ${wanted}, got ${String(protocol ?? prefix)}`,
      { details: { option } },
    )
  }
  return chosen
}

/** The options that were given: one that is `undefined` was not. */
function withoutGaps(given: KadmiumOptions): Omit<KadmiumOptions, 'mode'> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** The peers of IPFS' networks know only peers that answer a ping. */
function dependenciesOf(protocol: string): string[] {
  return isIpfsProtocol(protocol) ? ['@libp2p/identify', '@libp2p/ping'] : ['@libp2p/identify']
}
