import type { RemovalReason, TableListener } from '../core/admission.ts'
import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import { compareDistance, type Key, keyFromDigest } from '../core/key.ts'
import { SAVED_CONTACTS_MAX } from '../core/limits.ts'
import { Lookup, type LookupInit, type LookupResult, type RequestTiming } from '../core/lookup.ts'
import type { RpcOutcome, RpcRequest } from '../core/message.ts'
import { NetworkSizeEstimator } from '../core/network-size.ts'
import type { Mode, NodeOptions } from '../core/options.ts'
import type { Ports } from '../core/ports.ts'
import { PreimageFinder } from '../core/preimages.ts'
import { RecordStore } from '../core/record-store.ts'
import { RoutingTable } from '../core/routing-table.ts'
import { RttEstimator } from '../core/rtt-estimator.ts'
import type { Validators } from '../core/validators.ts'
import { Bootstrap, type JoinResult } from './bootstrap.ts'
import { contactsToSave, Maintenance, PeriodicDuty, RefreshDuty } from './maintenance.ts'
import { Membership } from './membership.ts'
import { OperationRunner, type RunOptions } from './operation-runner.ts'
import { ExpiryDuty, Persistence } from './persistence.ts'
import { Server } from './server.ts'
import {
  type GetOptions,
  type GetResult,
  type OperationOptions,
  type PutOptions,
  type PutResult,
  Values,
} from './values.ts'

/** What a peer is made of. */
export interface NodeInit {
  readonly self: Contact
  readonly ports: Ports
  readonly options: NodeOptions
  readonly validators: Validators
  /** Shared by the peers of a simulation; each real peer makes its own. */
  readonly preimages?: PreimageFinder
}

/** What a lookup of a key found. */
export interface FindNodeResult extends LookupResult {
  readonly target: Key
  readonly durationMs: number
}

/** What a peer knows and does, for status pages. */
export interface NodeStatus {
  readonly mode: Mode
  readonly contacts: number
  readonly buckets: number
  readonly records: number
  readonly recordBytes: number
  readonly operations: number
  readonly networkSize: number | undefined
}

const SAVE_INTERVAL_MS = 10 * 60_000

/**
 * One Kademlia peer: the routing table, the record store, the operations and the upkeep, put together on the ports. It
 * has no I/O of its own and waits nowhere but in its public promises. Life: `load`, `start`, `join`, use, `stop`.
 */
export class KademliaNode {
  readonly options: NodeOptions
  readonly table: RoutingTable
  readonly records: RecordStore
  readonly #ports: Ports
  readonly #runner: OperationRunner
  readonly #membership: Membership
  readonly #server: Server
  readonly #values: Values
  readonly #maintenance: Maintenance
  readonly #persistence: Persistence
  readonly #bootstrap: Bootstrap
  readonly #networkSize = new NetworkSizeEstimator()
  readonly #timing: RequestTiming
  #self: Contact
  #mode: Mode
  #isStopped = false

  constructor(init: NodeInit) {
    const { ports, options, self, validators } = init
    this.#ports = ports
    this.options = options
    this.#self = self
    this.#mode = options.mode
    const { k, ipDiversity } = options
    const rearm = (): void => this.#maintenance.rearm()
    this.table = new RoutingTable({
      self: self.key,
      k,
      ipDiversity,
      listener: new TableEvents(ports, rearm),
    })
    this.records = new RecordStore({ options, validators, self: self.key, hash: ports.hash })
    const rtt = new RttEstimator({ options })
    this.#timing = {
      timeoutMs: (contact) => rtt.timeoutMs(contact.id),
      slowAfterMs: (contact) => rtt.slowAfterMs(contact.id),
    }
    this.#membership = new Membership({ ports, table: this.table, rtt, self })
    this.#runner = new OperationRunner(ports, this.#membership, options.operationsMax)
    this.#server = new Server({
      options,
      ports,
      table: this.table,
      records: this.records,
      self: () => this.#self,
    })
    this.#values = new Values({
      self: () => this.#self,
      isServer: () => this.#mode === 'server',
      options,
      ports,
      validators,
      records: this.records,
      runner: this.#runner,
      lookupInit: (request, timeoutMs) => this.#lookupInit(request, timeoutMs),
      onChanged: rearm,
    })
    this.#persistence = new Persistence(ports, this.records)
    const refresh = this.#refreshDuty(init.preimages ?? new PreimageFinder(ports.hash))
    this.#bootstrap = new Bootstrap({
      clock: ports.clock,
      table: this.table,
      refresh,
      lookup: (seeds, given) => this.#selfLookup('join', seeds, given),
    })
    const now = ports.clock.now()
    this.#maintenance = new Maintenance(
      [
        refresh,
        new ExpiryDuty(ports, this.records),
        new PeriodicDuty({
          name: 'save contacts',
          intervalMs: SAVE_INTERVAL_MS,
          random: ports.random,
          now,
          work: () => this.#saveContacts(),
        }),
      ],
      ports.clock,
    )
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
    this.#ports.observer?.observe({ type: 'mode', at: this.#ports.clock.now(), mode })
  }

  /** Reads records and contacts from the storage. Before `start`. Returns what was read and what had to be dropped. */
  load(): Promise<{ records: number; dropped: number; contacts: number }> {
    return this.#persistence.load()
  }

  /** Contacts of the last run, nearest first; empty before `load`. Seeds for `join`, not yet part of the table. */
  savedContacts(): readonly Contact[] {
    return this.#persistence.contacts
  }

  /** Begins the upkeep. Needs no network. */
  start(): void {
    this.#maintenance.start()
  }

  /** Ends operations with `ERR_CLOSED`, leaves no alarm behind, and waits until all that was written is durable. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#maintenance.stop()
    this.#runner.close()
    this.#membership.close()
    await this.#saveContacts()
  }

  /**
   * Joins the network through `seeds` (Kademlia, section 2.3): a lookup of the own key, then a refresh of the buckets
   * farther away than the own neighbourhood. Without any answer `answered` is 0; that is no error, try again later.
   */
  join(seeds: readonly Contact[], given: OperationOptions = {}): Promise<JoinResult> {
    return this.#bootstrap.join(seeds, given)
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

  /** Answers a request. `reply` is called exactly once, when what it acknowledges is durable. */
  answer(from: Contact, request: RpcRequest, reply: (outcome: RpcOutcome) => void): void {
    if (this.#isStopped || this.#mode === 'client') {
      reply({ ok: false, failure: { type: 'refused', reason: 'this peer answers no requests' } })
      return
    }
    const { outcome, write } = this.#server.answer(from, request)
    this.#tellReceived(from, request, outcome)
    if (write === undefined) {
      reply(outcome)
      return
    }
    if (write.length > 0) this.#maintenance.rearm()
    this.#ports.storage.write(write, (error) => {
      if (error === undefined) reply(outcome)
      else {
        this.#ports.observer?.observe({
          type: 'storage-failed',
          at: this.#ports.clock.now(),
          error,
        })
        reply({ ok: false, failure: { type: 'refused', reason: 'the disk refused to store it' } })
      }
    })
  }

  /**
   * The k peers closest to a key, given by its preimage; this peer is among them if it is a server and near enough.
   *
   * @throws KadmiumError `ERR_NO_PEERS`, `ERR_BUSY`, `ERR_CLOSED`; `signal.reason` when aborted.
   */
  async findNode(key: Uint8Array, given: OperationOptions = {}): Promise<FindNodeResult> {
    const target = keyFromDigest(this.#ports.hash(key))
    const startedAt = this.#ports.clock.now()
    const result = await this.#lookup('find-node', { type: 'find-node', key, target }, given)
    const durationMs = this.#ports.clock.now() - startedAt
    return { ...result, closest: this.#withSelf(target, result.closest), target, durationMs }
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

  /** Peers in the network by this peer's estimate, itself counted; `undefined` when it knows too little. */
  networkSize(): number | undefined {
    const others = this.#networkSize.estimate()
    return others === undefined ? undefined : Math.max(others, this.table.size) + 1
  }

  status(): NodeStatus {
    return {
      mode: this.#mode,
      contacts: this.table.size,
      buckets: [...this.table.buckets()].length,
      records: this.records.size,
      recordBytes: this.records.bytes,
      operations: this.#runner.running,
      networkSize: this.networkSize(),
    }
  }

  async #lookup(
    kind: 'find-node' | 'join' | 'refresh',
    request: RpcRequest & { target: Key },
    given: OperationOptions,
    seeds: readonly Contact[] = [],
  ): Promise<LookupResult> {
    given.signal?.throwIfAborted()
    const { target } = request
    const timeoutMs = given.timeoutMs ?? this.options.operationTimeoutMs
    const init = this.#lookupInit(request, timeoutMs, seeds)
    const result = await this.#runner.run(kind, target, new Lookup(init), given as RunOptions)
    if (result.complete) this.#networkSize.add(target, result.closest)
    if (kind === 'find-node' && result.closest.length === 0 && !this.#isAlone(result)) {
      throw new KadmiumError(
        'ERR_NO_PEERS',
        result.requests === 0
          ? 'no other peer is known; give a bootstrap peer'
          : `none of the ${result.requests} peers asked has answered; check the network`,
      )
    }
    return result
  }

  /** A server that knows nobody is a network of one. */
  #isAlone(result: LookupResult): boolean {
    return result.requests === 0 && this.#mode === 'server'
  }

  #lookupInit(
    request: RpcRequest & { target: Key },
    timeoutMs: number,
    seeds: readonly Contact[] = [],
  ): LookupInit {
    const { k, alpha } = this.options
    const now = this.#ports.clock.now()
    const { target } = request
    this.table.touched(target, now)
    const known = this.table.closest(target, k)
    return {
      target,
      selfKey: this.#self.key,
      request,
      seeds: seeds.length === 0 ? known : [...known, ...seeds],
      k,
      alpha,
      widenTo: k,
      answersWanted: k,
      timing: this.#timing,
      deadline: now + timeoutMs,
    }
  }

  #selfLookup(
    kind: 'join' | 'refresh',
    seeds: readonly Contact[],
    given: OperationOptions,
  ): Promise<LookupResult> {
    const { idBytes, key } = this.#self
    return this.#lookup(kind, { type: 'find-node', key: idBytes, target: key }, given, seeds)
  }

  #refreshDuty(preimages: PreimageFinder): RefreshDuty {
    const { clock, random, hash } = this.#ports
    return new RefreshDuty({
      table: this.table,
      self: this.#self.key,
      preimages,
      random,
      intervalMs: this.options.refreshIntervalMs,
      now: clock.now(),
      lookup: (key) => {
        const lookup =
          key === undefined
            ? this.#selfLookup('refresh', [], {})
            : this.#lookup(
                'refresh',
                { type: 'find-node', key, target: keyFromDigest(hash(key)) },
                {},
              )
        return lookup.catch(expectClosedOrBusy)
      },
    })
  }

  #withSelf(target: Key, closest: readonly Contact[]): readonly Contact[] {
    if (this.#mode !== 'server') return closest
    const at = closest.findIndex(({ key }) => compareDistance(target, this.#self.key, key) < 0)
    const index = at === -1 ? closest.length : at
    return [...closest.slice(0, index), this.#self, ...closest.slice(index)].slice(
      0,
      this.options.k,
    )
  }

  #saveContacts(): Promise<void> {
    const contacts = contactsToSave(this.table, this.#self.key, SAVED_CONTACTS_MAX)
    return this.#persistence.saveContacts(contacts)
  }

  #tellReceived(from: Contact, request: RpcRequest, outcome: RpcOutcome): void {
    const { observer, clock } = this.#ports
    if (observer === undefined) return
    const refusal = outcome.ok ? undefined : (outcome.failure.reason ?? outcome.failure.type)
    observer.observe({
      type: 'request-received',
      at: clock.now(),
      from,
      request: request.type,
      refusal,
    })
  }
}

/** Tells what happens in the table, and that what is due may have changed. */
class TableEvents implements TableListener {
  readonly #ports: Ports
  readonly #onChanged: () => void

  constructor(ports: Ports, onChanged: () => void) {
    this.#ports = ports
    this.#onChanged = onChanged
  }

  contactAdded(contact: Contact): void {
    const { observer, clock } = this.#ports
    observer?.observe({ type: 'contact-added', at: clock.now(), contact })
    this.#onChanged()
  }

  contactRemoved(contact: Contact, reason: RemovalReason): void {
    const { observer, clock } = this.#ports
    observer?.observe({ type: 'contact-removed', at: clock.now(), contact, reason })
  }
}

/** Upkeep that cannot run now runs at its next time; any other error is a mistake of ours and must show. */
function expectClosedOrBusy(error: unknown): undefined {
  if (error instanceof KadmiumError && ['ERR_CLOSED', 'ERR_BUSY'].includes(error.code)) return
  throw error
}
