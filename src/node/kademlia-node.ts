import type { RemovalReason, TableListener } from '../core/admission.ts'
import type { Contact } from '../core/contact.ts'
import type { HeldRecord } from '../core/held-records.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Mode, NodeOptions } from '../core/options.ts'
import type { Ports } from '../core/ports.ts'
import { PreimageFinder } from '../core/preimages.ts'
import { ProviderStore } from '../core/provider-store.ts'
import { RecordStore } from '../core/record-store.ts'
import { RoutingTable } from '../core/routing-table.ts'
import { RttEstimator } from '../core/rtt-estimator.ts'
import type { Validators } from '../core/validators.ts'
import type { WatchNotice } from '../core/watch.ts'
import { Bootstrap, type JoinResult } from './bootstrap.ts'
import { HandOver } from './hand-over.ts'
import {
  type FindNodeOptions,
  type FindNodeResult,
  Lookups,
  type OperationOptions,
} from './lookups.ts'
import { contactsToSave, type Duty, Maintenance, RefreshDuty } from './maintenance.ts'
import { Membership } from './membership.ts'
import type { NodeStatus } from './node-status.ts'
import { OperationRunner } from './operation-runner.ts'
import { ExpiryDuty, type Loaded, Persistence, SaveContactsDuty } from './persistence.ts'
import {
  type FindPeerOptions,
  type FindProvidersOptions,
  type ProvideResult,
  Providers,
} from './providers.ts'
import { replyWhenDurable } from './record-writes.ts'
import { Replication } from './replication.ts'
import { RetryDuty } from './retry-duty.ts'
import { Server } from './server.ts'
import {
  type GetOptions,
  type GetResult,
  type PutOptions,
  type PutResult,
  Values,
} from './values.ts'
import type { Reply } from './watch-answers.ts'
import { Watching, type WatchOptions } from './watching.ts'

/** What a peer is made of. */
export interface NodeInit {
  readonly self: Contact
  readonly ports: Ports
  readonly options: NodeOptions
  readonly validators: Validators
  /** Shared by the peers of a simulation; each real peer makes its own. */
  readonly preimages?: PreimageFinder
  /** Peers whose round trips are remembered. Default: `RTT_PEERS_MAX`. */
  readonly rttPeersMax?: number
}

/**
 * One Kademlia peer: the routing table, the record store, the operations and the upkeep, put together on the ports. It
 * has no I/O of its own and waits nowhere but in its public promises. Life: `load`, `start`, `join`, use, `stop`.
 */
export class KademliaNode {
  readonly options: NodeOptions
  readonly table: RoutingTable
  readonly records: RecordStore
  readonly providerRecords: ProviderStore = new ProviderStore()
  readonly #ports: Ports
  readonly #runner: OperationRunner
  readonly #membership: Membership
  readonly #server: Server
  readonly #lookups: Lookups
  readonly #values: Values
  readonly #providers: Providers
  readonly #replication: Replication
  readonly #handOver: HandOver
  readonly #watching: Watching
  readonly #maintenance: Maintenance
  readonly #persistence: Persistence
  readonly #saving: SaveContactsDuty
  readonly #bootstrap: Bootstrap
  #self: Contact
  #mode: Mode
  #isStopped = false

  constructor(init: NodeInit) {
    const { ports, options, self, validators } = init
    const { k, ipDiversity } = options
    this.#ports = ports
    this.options = options
    this.#self = self
    this.#mode = options.mode
    this.table = new RoutingTable({ self: self.key, k, ipDiversity, listener: this.#listener() })
    const { hash } = ports
    const onValue = (held: HeldRecord): void => this.#watching.landed(held)
    this.records = new RecordStore({ options, validators, self: self.key, hash, onValue })
    const rtt = new RttEstimator({ options, peersMax: init.rttPeersMax })
    const onChanged = (): void => this.#maintenance.rearm()
    this.#membership = new Membership({ ports, table: this.table, rtt, self, onSuspect: onChanged })
    this.#runner = new OperationRunner(ports, this.#membership, options.operationsMax)
    const parts = {
      self: () => this.#self,
      isServer: () => this.#mode === 'server',
      onChanged,
      answeredLately: (peer: Contact) => this.#membership.hasAnsweredLately(peer),
      options,
      ports,
      validators,
      timing: this.#membership.timing,
      table: this.table,
      records: this.records,
      providers: this.providerRecords,
      runner: this.#runner,
    }
    this.#lookups = new Lookups(parts)
    const catchUp = (key: Uint8Array): Promise<void> => this.#values.catchUp(key)
    this.#replication = new Replication({ ...parts, lookups: this.#lookups, catchUp })
    this.#handOver = new HandOver(parts)
    this.#server = new Server(parts)
    // One object for all who keep it: there may be a million of these peers in one process.
    const shared = { ...parts, lookups: this.#lookups, replication: this.#replication }
    this.#values = new Values(shared)
    this.#providers = new Providers(shared)
    this.#watching = new Watching(shared)
    this.#persistence = new Persistence(ports, self.key, this.records, this.providerRecords)
    this.#saving = new SaveContactsDuty({
      isFew: () => this.table.size <= k,
      save: () => this.#saveContacts(),
    })
    const refresh = this.#refreshDuty(init.preimages ?? new PreimageFinder(ports.hash))
    this.#bootstrap = new Bootstrap({
      clock: ports.clock,
      table: this.table,
      refresh,
      lookup: (seeds, given) => this.#lookups.join(seeds, given),
    })
    this.#maintenance = new Maintenance(this.#duties(refresh), ports.clock)
  }

  get self(): Contact {
    return this.#self
  }

  /** The own addresses changed. The id stays. */
  setSelf(self: Contact): void {
    this.#self = self
  }

  get mode(): Mode {
    return this.#mode
  }

  /** Whether this peer answers others. The network adapter tells the world. */
  setMode(mode: Mode): void {
    if (mode === this.#mode) return
    this.#mode = mode
    if (mode === 'client') this.#watching.closeAnswers('this peer no longer serves')
    this.#ports.observer?.observe({ type: 'mode', at: this.#ports.clock.now(), mode })
    this.#maintenance.rearm()
  }

  /** Reads records, providers and contacts from the storage. Before `start`. Returns what was read and what had to be dropped. */
  async load(): Promise<Loaded> {
    const loaded = await this.#persistence.load()
    if (loaded.contacts > 0) this.#handOver.comes()
    await this.#replication.load()
    return loaded
  }

  /** Contacts of the last run, nearest first; empty before `load`. Seeds for `join`, not yet part of the table. */
  savedContacts(): readonly Contact[] {
    return this.#persistence.contacts
  }

  /** Begins the upkeep. Needs no network. */
  start(): void {
    this.#maintenance.start()
  }

  /**
   * Hands over what it holds, for at most `handOverMs` (default 0: not at all), ends operations with `ERR_CLOSED`, leaves
   * no alarm behind, and waits until all that was written is durable.
   */
  async stop(given: { handOverMs?: number } = {}): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#maintenance.stop()
    const { handOverMs = 0 } = given
    if (handOverMs > 0) await this.#replication.leave(this.#ports.clock.now() + handOverMs)
    this.#watching.close()
    this.#runner.close()
    this.#membership.close()
    await this.#saveContacts()
  }

  /**
   * Joins the network through `seeds` (Kademlia, section 2.3): a lookup of the own key, then a refresh of the buckets
   * farther away than the own neighbourhood. Without any answer `answered` is 0; that is no error, try again later.
   */
  join(seeds: readonly Contact[], given: OperationOptions = {}): Promise<JoinResult> {
    if (this.table.size === 0) this.#handOver.comes()
    return this.#bootstrap.join(seeds, given).finally(() => this.#handOver.hasCome())
  }

  /** A peer known to answer requests showed up; `contact` bears its own word on its addresses. */
  seen(contact: Contact): void {
    if (this.#isStopped || contact.id === this.#self.id) return
    this.#membership.seen(contact, this.#ports.clock.now())
  }

  /** The peer no longer answers requests (it became a client). A mere disconnection is no reason to forget it. */
  left(id: string): void {
    this.#membership.left(id, this.#ports.clock.now())
  }

  /**
   * Answers a request. `reply` is called exactly once, when what it acknowledges is durable. A watcher's request may wait;
   * `signal` takes it back when nobody can hear the answer any more.
   */
  answer(from: Contact, request: RpcRequest, reply: Reply, signal?: AbortSignal): void {
    if (this.#isStopped || this.#mode === 'client') {
      reply({ ok: false, failure: { type: 'refused', reason: 'this peer answers no requests' } })
      return
    }
    if (request.type === 'watch') {
      this.#watching.answer(from, request, reply, signal)
      return
    }
    const { outcome, write } = this.#server.answer(from, request)
    this.#tellReceived(from, request, outcome)
    if (write === undefined) {
      reply(outcome)
      return
    }
    if (write.length > 0) this.#maintenance.rearm()
    const stores = { ports: this.#ports, records: this.records }
    replyWhenDurable(stores, request, { outcome, write }, reply)
  }

  /**
   * The k peers closest to a key, given by its preimage; this peer is among them if it is a server and near enough.
   *
   * @throws KadmiumError `ERR_NO_PEERS`, `ERR_BUSY`, `ERR_CLOSED`; `signal.reason` when aborted.
   */
  findNode(key: Uint8Array, given: FindNodeOptions = {}): Promise<FindNodeResult> {
    return this.#lookups.findNode(key, given)
  }

  /**
   * Stores a value at the k peers closest to its key, and says which of them hold it. The own copy is durable first.
   *
   * @throws KadmiumError `ERR_INVALID_KEY`, `ERR_INVALID_RECORD`, `ERR_VALUE_TOO_LARGE`, `ERR_STALE_WRITE`, `ERR_STORE_FULL`,
   * `ERR_STORAGE` before anything was sent; `ERR_NO_PEERS`, `ERR_QUORUM` after; `signal.reason` when aborted.
   */
  put(key: Uint8Array, value: Uint8Array, given: PutOptions = {}): Promise<PutResult> {
    return this.#values.put(key, value, given)
  }

  /**
   * Finds the value of a key.
   *
   * @throws KadmiumError `ERR_INVALID_KEY`, `ERR_NOT_FOUND`, `ERR_NO_PEERS`; `signal.reason` when aborted.
   */
  get(key: Uint8Array, given: GetOptions = {}): Promise<GetResult> {
    return this.#values.get(key, given)
  }

  /**
   * The values of a key, as they land: what stands, then each that wins over the last; `gap` says where some may be missing.
   * Ends by `signal`, or an error: `ERR_BUSY`, `ERR_CLOSED`.
   *
   * @throws KadmiumError `ERR_INVALID_KEY`, `ERR_INVALID_OPTION`, at once.
   */
  watch(key: Uint8Array, given: WatchOptions = {}): AsyncGenerator<WatchNotice, never, undefined> {
    return this.#watching.watch(key, given)
  }

  /**
   * Tells the k peers closest to a key (a multihash of at most 80 bytes) that this peer provides what it names, and tells
   * them again every `republishIntervalMs` until `unprovide`.
   *
   * @throws KadmiumError `ERR_INVALID_KEY`, `ERR_NO_PEERS`; `signal.reason` when aborted.
   */
  provide(key: Uint8Array, given: OperationOptions = {}): Promise<ProvideResult> {
    return this.#providers.provide(key, given)
  }

  /** No longer announces it; what others know of it ends by itself, within 48 hours. */
  unprovide(key: Uint8Array): void {
    this.#providers.unprovide(key)
  }

  /**
   * Who provides what a key names; empty if nobody is known to.
   *
   * @throws KadmiumError `ERR_INVALID_KEY`, `ERR_NO_PEERS`; `signal.reason` when aborted.
   */
  findProviders(key: Uint8Array, given: FindProvidersOptions = {}): Promise<readonly Contact[]> {
    return this.#providers.findProviders(key, given)
  }

  /**
   * A peer's addresses.
   *
   * @throws KadmiumError `ERR_NOT_FOUND`, `ERR_NO_PEERS`; `signal.reason` when aborted.
   */
  findPeer(
    peer: { id: string; idBytes: Uint8Array },
    given: FindPeerOptions = {},
  ): Promise<Contact> {
    return this.#providers.findPeer(peer, given)
  }

  /** Peers in the network by this peer's estimate, itself counted; `undefined` when it knows too little. */
  networkSize(): number | undefined {
    return this.#lookups.networkSize()
  }

  status(): NodeStatus {
    return {
      mode: this.#mode,
      contacts: this.table.size,
      buckets: [...this.table.buckets()].length,
      records: this.records.size,
      recordBytes: this.records.bytes,
      providerKeys: this.providerRecords.size,
      publications: this.#replication.publications.size,
      watches: this.#watching.size,
      subscriptions: this.#watching.subscriptions,
      operations: this.#runner.running,
      networkSize: this.networkSize(),
    }
  }

  #refreshDuty(preimages: PreimageFinder): RefreshDuty {
    const { random, clock } = this.#ports
    return new RefreshDuty({
      table: this.table,
      self: this.#self.key,
      preimages,
      random,
      intervalMs: this.options.refreshIntervalMs,
      now: clock.now(),
      lookup: (key) => this.#lookups.refresh(key),
      freshen: (key, lacking) => this.#lookups.freshen(key, lacking),
    })
  }

  #duties(refresh: RefreshDuty): readonly Duty[] {
    return [
      refresh,
      this.#handOver,
      ...this.#replication.duties,
      new RetryDuty({ table: this.table, ask: (contact) => this.#membership.retry(contact) }),
      new ExpiryDuty(this.#ports, {
        records: this.records,
        providers: this.providerRecords,
        publications: this.#replication.publications,
      }),
      this.#saving,
    ]
  }

  /** Tells what happens in the table, and to whom it matters. */
  #listener(): TableListener {
    return {
      contactAdded: (contact: Contact) => {
        const { observer, clock } = this.#ports
        const at = clock.now()
        observer?.observe({ type: 'contact-added', at, contact })
        this.#handOver.joined(contact)
        this.#saving.changed(at)
        this.#maintenance.rearm()
      },
      contactRemoved: (contact: Contact, reason: RemovalReason) => {
        const { observer, clock } = this.#ports
        observer?.observe({ type: 'contact-removed', at: clock.now(), contact, reason })
      },
    }
  }

  #saveContacts(): Promise<void> {
    return this.#persistence.saveContacts(contactsToSave(this.table, this.#self.key))
  }

  #tellReceived(from: Contact, request: RpcRequest, outcome: RpcOutcome): void {
    const { observer, clock } = this.#ports
    if (observer === undefined) return
    const refusal = outcome.ok ? undefined : (outcome.failure.reason ?? outcome.failure.type)
    const at = clock.now()
    observer.observe({ type: 'request-received', at, from, request: request.type, refusal })
  }
}
