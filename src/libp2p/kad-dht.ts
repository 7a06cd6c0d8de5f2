import {
  type AbortOptions,
  contentRoutingSymbol,
  NotFoundError,
  type PeerId,
  type PeerInfo,
  peerDiscoverySymbol,
  peerRoutingSymbol,
  type RoutingOptions,
  type Startable,
  serviceCapabilities,
  serviceDependencies,
} from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import type { DhtEvent } from '../core/events.ts'
import type { Mode } from '../core/options.ts'
import { abortable } from './abortable.ts'
import { Arrival } from './kad-dht-arrival.ts'
import { type DatastoreLike, DatastoreStorage } from './kad-dht-datastore.ts'
import { type QueryRun, query } from './kad-dht-events.ts'
import {
  DEFAULT_PROTOCOL,
  datastorePrefixOf,
  kadmiumOptions,
  QUERY_TIMEOUT_MS,
  warnOfNeedless,
} from './kad-dht-options.ts'
import { UserRecords } from './kad-dht-records.ts'
import { contentRoutingOfEvents, peerRoutingOfEvents } from './kad-dht-routers.ts'
import type {
  DHTRecord,
  KadDHTInit,
  QueryEvent,
  RoutingTable,
  Selectors,
  SetModeOptions,
  SingleKadDHT,
  Validators,
} from './kad-dht-types.ts'
import {
  defaultsOf,
  isIpfsProtocol,
  type NetworkRules,
  RUST_PACKET_BYTES_MAX,
  VALUE_BYTES_MAX,
} from './network-rules.ts'
import { removePrivateAddressesMapper } from './peer-mappers.ts'
import { PK_NAMESPACE, pkValidator } from './pk-validator.ts'
import { closestOthers, peerInfoOf } from './routers.ts'
import { type KadmiumComponents, type KadmiumOptions, KadmiumService } from './service.ts'

/** The parts of libp2p that the service uses. */
export interface KadDHTComponents extends KadmiumComponents {
  readonly datastore: DatastoreLike
}

/**
 * Kadmium with the interface of @libp2p/kad-dht:
 *
 *     import { kadDHT } from 'kadmium/kad-dht'
 *     const node = await createLibp2p({ …, services: { identify: identify(), dht: kadDHT({ clientMode: false }) } })
 *     for await (const event of node.services.dht.get(key)) if (event.name === 'VALUE') console.log(event.value)
 *
 * It speaks to peers of @libp2p/kad-dht and keeps their rules: keys `/<namespace>/…` with a validator for each namespace.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION`, when libp2p creates the service.
 */
export function kadDHT(init: KadDHTInit = {}): (components: KadDHTComponents) => KadmiumDHT {
  return (components) => new KadmiumDHT(components, init)
}

/** A Kademlia peer as a libp2p service, with the interface of @libp2p/kad-dht. */
export class KadmiumDHT implements SingleKadDHT, Startable {
  readonly [Symbol.toStringTag] = 'kadmium/kad-dht'
  readonly k: number
  readonly a: number
  /** Paths of a query. */
  readonly d: number = 1
  readonly validators: Validators
  readonly selectors: Selectors
  readonly protocol: string
  readonly routingTable: RoutingTable
  readonly #components: KadDHTComponents
  readonly #service: KadmiumService
  readonly #records: UserRecords
  readonly #arrival: Arrival
  readonly #firstMode: Mode
  /** What a call of `setMode` has said. */
  #wishedMode: Mode | undefined
  /** Tells libp2p of peers that were met. */
  readonly #discovery = new EventTarget()

  constructor(components: KadDHTComponents, init: KadDHTInit) {
    // What libp2p asks a service for; their peers know only peers that answer a ping. As declared fields, computed names have no types that can be written down.
    Object.defineProperties(this, {
      [serviceCapabilities]: { value: CAPABILITIES },
      [serviceDependencies]: { value: ['@libp2p/identify', '@libp2p/ping'] },
      [contentRoutingSymbol]: { value: contentRoutingOfEvents(this) },
      [peerRoutingSymbol]: { value: peerRoutingOfEvents(this) },
      [peerDiscoverySymbol]: { value: this.#discovery },
    })
    warnOfNeedless(init)
    const options = kadmiumOptions(init)
    const logName = init.logPrefix ?? 'libp2p:kad-dht'
    const { validators = {}, selectors = {} } = init
    this.#components = components
    this.#records = new UserRecords(validators, selectors, components.logger.forComponent(logName))
    this.validators = validatorsShown(validators)
    this.selectors = { [PK_NAMESPACE]: () => 0, ...selectors }
    const storage = new DatastoreStorage(components.datastore, datastorePrefixOf(init))
    const observers = [{ observe: (event: DhtEvent) => this.#observe(event) }]
    const given = { ...options, storage, observers }
    const rules = rulesFor(init, this.#records, options)
    const service = new KadmiumService(components, given, { rules, logName })
    this.#service = service
    this.#arrival = new Arrival({
      isAmongPeers: () => service.node.table.size > 0,
      join: () => service.join(),
      waits: init.allowQueryWithZeroPeers !== true,
    })
    this.protocol = service.protocol
    this.#firstMode = options.mode === 'server' ? 'server' : 'client'
    this.k = options.k ?? 20
    this.a = options.alpha ?? 10
    this.routingTable = {
      get size() {
        return service.isStarted() ? service.node.table.size : 0
      },
    }
  }

  async start(): Promise<void> {
    await this.#service.start()
    if (this.#wishedMode !== undefined) await this.#service.setMode(this.#wishedMode)
  }

  beforeStop(): Promise<void> {
    return this.#service.beforeStop()
  }

  async stop(): Promise<void> {
    await this.#service.stop()
    this.#arrival.left()
  }

  isStarted(): boolean {
    return this.#service.isStarted()
  }

  /** Kadmium's own interface to this peer. */
  get kadmium(): KadmiumService {
    return this.#service
  }

  getMode(): Mode {
    return this.#service.isStarted() ? this.#service.mode : (this.#wishedMode ?? this.#firstMode)
  }

  /** Ends the automatic choice. Before the start it says how the peer starts. */
  async setMode(mode: Mode, { signal }: SetModeOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    this.#wishedMode = mode
    if (this.#service.isStarted()) await abortable(this.#service.setMode(mode), signal)
  }

  /** Looks up the own key and the ranges of the table that need it. */
  async refreshRoutingTable({ signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    await abortable(this.#service.join(), signal)
  }

  /**
   * Stores a value at the closest peers. Throws if it is none of the key, or if nobody stores it; @libp2p/kad-dht does neither.
   */
  put(
    key: Uint8Array,
    value: Uint8Array,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    return this.#query(options, { key, value }, async ({ observer, signal }) => {
      await this.#records.verify({ key, value })
      await this.#service.node.put(key, value, { observer, signal, quorum: 1 })
    })
  }

  /** Finds a value; the `VALUE` event bears it. None comes if nobody has it. */
  get(key: Uint8Array, options: RoutingOptions = {}): AsyncGenerator<QueryEvent, void, undefined> {
    return this.#query(options, undefined, async ({ observer, signal, events }) => {
      const { node } = this.#service
      const held = node.records.get(key, Date.now())
      if (held !== undefined) await this.#records.verify(held.record)
      const found = await orNone(node.get(key, { observer, signal }))
      if (found !== undefined) events.value(found.from, found.value)
    })
  }

  /** Tells the closest peers that this peer provides what the CID names. */
  provide(key: CID, options: RoutingOptions = {}): AsyncGenerator<QueryEvent, void, undefined> {
    return this.#query(options, undefined, async ({ observer, signal }) => {
      await this.#service.node.provide(key.multihash.bytes, { observer, signal })
    })
  }

  /** No longer announces it. */
  async cancelReprovide(key: CID, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    this.#service.node.unprovide(key.multihash.bytes)
  }

  /** Finds at most k providers. */
  findProviders(
    key: CID,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    return this.#query(options, undefined, async ({ observer, signal, events }) => {
      const found = (contact: Contact): void => {
        const provider = peerInfoOf(contact)
        this.#discovered(provider)
        events.provider(provider)
      }
      const { node } = this.#service
      const given = { observer, signal, found, count: this.k }
      await orNone(node.findProviders(key.multihash.bytes, given))
    })
  }

  /**
   * Finds a peer's addresses; the `FINAL_PEER` event bears them.
   *
   * @throws NotFoundError
   */
  findPeer(id: PeerId, options: RoutingOptions = {}): AsyncGenerator<QueryEvent, void, undefined> {
    // What libp2p knows by itself needs no peers.
    return query(this.#queryInit(options), async (run) => {
      const known = options.useCache === false ? undefined : await this.#knownPeer(id)
      if (known !== undefined) {
        run.events.finalPeer(known)
        return
      }
      if (options.useNetwork === false) throw new NotFoundError('Not found')
      await this.#arrival.wait(run.signal)
      const peer = { id: id.toString(), idBytes: id.toMultihash().bytes }
      const isFresh = options.useCache === false
      const found = await orNone(this.#service.node.findPeer(peer, { ...run, isFresh }))
      if (found === undefined) throw new NotFoundError('Not found')
      run.events.foundPeer(peerInfoOf(found))
    })
  }

  /** Finds the k peers closest to a key; a `FINAL_PEER` event for each, nearest first. */
  getClosestPeers(
    key: Uint8Array,
    options: RoutingOptions = {},
  ): AsyncGenerator<QueryEvent, void, undefined> {
    return this.#query(options, undefined, async ({ observer, signal, events }) => {
      const { node } = this.#service
      const closest = await orNone(closestOthers(node, key, { observer, signal }))
      for (const contact of closest ?? []) events.finalPeer(peerInfoOf(contact))
    })
  }

  /** A query that begins when this peer knows another. */
  #query(
    options: RoutingOptions,
    record: DHTRecord | undefined,
    run: (run: QueryRun) => Promise<void>,
  ): AsyncGenerator<QueryEvent, void, undefined> {
    return query({ ...this.#queryInit(options), ...(record && { record }) }, async (given) => {
      await this.#arrival.wait(given.signal)
      await run(given)
    })
  }

  #queryInit(options: RoutingOptions): {
    self: PeerId
    options: RoutingOptions
    timeoutMs: number
  } {
    return { self: this.#components.peerId, options, timeoutMs: QUERY_TIMEOUT_MS }
  }

  /** What libp2p knows of a peer. */
  async #knownPeer(id: PeerId): Promise<PeerInfo | undefined> {
    try {
      const peer = await this.#components.peerStore.get(id)
      return { id: peer.id, multiaddrs: peer.addresses.map(({ multiaddr }) => multiaddr) }
    } catch (error) {
      if (error instanceof Error && error.name === 'NotFoundError') return undefined
      throw error
    }
  }

  #observe(event: DhtEvent): void {
    if (event.type !== 'contact-added') return
    this.#discovered(peerInfoOf(event.contact))
    this.#arrival.met()
  }

  /** libp2p remembers the addresses, so that the peer can be dialled by its id. */
  #discovered(detail: PeerInfo): void {
    if (detail.multiaddrs.length === 0) return
    this.#discovery.dispatchEvent(new CustomEvent('peer', { detail }))
  }
}

const CAPABILITIES = [
  '@libp2p/content-routing',
  '@libp2p/peer-routing',
  '@libp2p/peer-discovery',
  '@libp2p/kad-dht',
]

function rulesFor(
  { peerInfoMapper = removePrivateAddressesMapper }: KadDHTInit,
  records: UserRecords,
  { protocol = DEFAULT_PROTOCOL, k = 20 }: KadmiumOptions,
): NetworkRules {
  const { getQuorum = Math.min(3, k), ...defaults } = defaultsOf(protocol)
  return {
    ownKinds: false,
    validators: new Map([[PK_NAMESPACE, pkValidator], ...records.validators]),
    mapper: peerInfoMapper,
    answerBytesMax: isIpfsProtocol(protocol) ? RUST_PACKET_BYTES_MAX : undefined,
    valueBytesMax: VALUE_BYTES_MAX,
    mode: 'auto',
    defaults: { ...defaults, getQuorum: Math.min(getQuorum, k) },
    verifier: records,
  }
}

/** The validators in force, in the form in which users give them. */
function validatorsShown(given: Validators): Validators {
  return {
    [PK_NAMESPACE]: (key, value) => {
      const verdict = pkValidator.validate(key, value, Date.now())
      if (!verdict.valid) throw new KadmiumError('ERR_INVALID_RECORD', verdict.reason)
    },
    ...given,
  }
}

/** `undefined` for what nobody has, and when there is nobody to ask: such a query ends without a result. */
async function orNone<Result>(promise: Promise<Result>): Promise<Result | undefined> {
  try {
    return await promise
  } catch (error) {
    const isNone =
      error instanceof KadmiumError && ['ERR_NOT_FOUND', 'ERR_NO_PEERS'].includes(error.code)
    if (!isNone) throw error
    return undefined
  }
}
