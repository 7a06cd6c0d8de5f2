import { unreachable } from '../core/assert.ts'
import type { Contact } from '../core/contact.ts'
import { bytesEqual, type Key } from '../core/key.ts'
import {
  PROVIDER_KEY_BYTES_MAX,
  RECORD_KEY_BYTES_MAX,
  REPLICA_RANK_PER_K,
  REQUEST_KEY_BYTES_MAX,
} from '../core/limits.ts'
import type { Closer, Hearing, RpcOutcome, RpcRequest, RpcResponse } from '../core/message.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Ports, StorageWrite, UnixMs } from '../core/ports.ts'
import type { ProviderStore } from '../core/provider-store.ts'
import type { RecordOrigin, ValueRecord } from '../core/record.ts'
import type { RecordStore } from '../core/record-store.ts'
import type { RoutingTable } from '../core/routing-table.ts'

type RequestOf<Type extends RpcRequest['type']> = Extract<RpcRequest, { type: Type }>
type PutRequest = RequestOf<'put-value'>
type AddRequest = RequestOf<'add-provider'>

/** What the server side decides: the answer, and what must be durable before it is given. */
export interface Answer {
  readonly outcome: RpcOutcome
  /** `undefined`: nothing to wait for. An empty batch waits for what was written before it. */
  readonly write: readonly StorageWrite[] | undefined
}

/** Answers the requests of other peers. Synchronous: it decides, the node waits. */
export class Server {
  readonly #options: NodeOptions
  readonly #table: RoutingTable
  readonly #records: RecordStore
  readonly #providers: ProviderStore
  readonly #ports: Ports
  readonly #self: () => Contact

  constructor(init: {
    options: NodeOptions
    table: RoutingTable
    records: RecordStore
    providers: ProviderStore
    ports: Ports
    self: () => Contact
  }) {
    this.#options = init.options
    this.#table = init.table
    this.#records = init.records
    this.#providers = init.providers
    this.#ports = init.ports
    this.#self = init.self
  }

  answer(from: Contact, request: Exclude<RpcRequest, { type: 'watch' }>): Answer {
    switch (request.type) {
      case 'ping':
        return answered({ type: 'ping' })
      case 'find-node':
        return this.#findNode(from, request)
      case 'get-value':
        return this.#getValue(from, request)
      case 'put-value':
        return this.#putValue(from, request)
      case 'add-provider':
        return this.#addProvider(from, request)
      case 'get-providers':
        return this.#getProviders(from, request)
      default:
        return unreachable(request)
    }
  }

  #findNode(from: Contact, request: RequestOf<'find-node'>): Answer {
    const { key } = request
    if (key.length === 0 || key.length > REQUEST_KEY_BYTES_MAX) {
      return refused(`a key of 1 to ${REQUEST_KEY_BYTES_MAX} bytes is needed`)
    }
    const nearest = this.#closer(from, request)
    const self = this.#self()
    // Who asks for exactly this peer wants its addresses (libp2p implementations answer so).
    const isSelf = bytesEqual(key, self.idBytes) && from.id !== self.id
    if (isSelf) return answered({ type: 'find-node', closer: [self, ...nearest.closer] })
    return answered({ type: 'find-node', ...nearest })
  }

  #getValue(from: Contact, request: RequestOf<'get-value'>): Answer {
    const { key } = request
    if (key.length === 0 || key.length > RECORD_KEY_BYTES_MAX) {
      return refused(`a key of 1 to ${RECORD_KEY_BYTES_MAX} bytes is needed`)
    }
    const now = this.#ports.clock.wallClock()
    const stored = this.#records.get(key, now)
    const record =
      stored === undefined
        ? undefined
        : { ...stored.record, ttlMs: remainingLifeMs(stored.expiresAt, now) }
    return answered({ type: 'get-value', record, ...this.#closer(from, request) })
  }

  #putValue(from: Contact, request: PutRequest): Answer {
    const { key, target, record, ifVersion } = request
    if (!bytesEqual(key, record.key)) return refused('invalid: the record is of another key')
    const now = this.#ports.clock.wallClock()
    const { origin, lifetimeMs } = this.#place(target)
    const result = this.#records.put({
      record: withLifetime(record, lifetimeMs),
      target,
      origin,
      now,
      ...(ifVersion === undefined ? {} : { ifVersion }),
    })
    switch (result.type) {
      case 'stored':
        this.#tellStored(key, origin, result.evicted)
        return { outcome: this.#written(from, request), write: result.write }
      case 'unchanged':
        return { outcome: this.#written(from, request), write: [] }
      case 'refused':
        return refused(`${result.code}: ${result.reason}`, result.heldVersion)
      default:
        return unreachable(result)
    }
  }

  /** A peer may announce itself only; what it says of others is passed over (IPFS Kademlia specification). */
  #addProvider(from: Contact, request: AddRequest): Answer {
    const { key, target, providers } = request
    const itself = providers.find(({ id }) => id === from.id)
    if (itself === undefined) return refused('a peer can announce only itself as a provider')
    const now = this.#ports.clock.wallClock()
    const admission = this.#providers.add(key, target, itself, now)
    return admission.type === 'stored'
      ? { outcome: this.#written(from, request), write: admission.write }
      : refused(admission.reason)
  }

  #getProviders(from: Contact, request: RequestOf<'get-providers'>): Answer {
    const { key } = request
    if (key.length === 0 || key.length > PROVIDER_KEY_BYTES_MAX) {
      return refused(`a provider key has 1 to ${PROVIDER_KEY_BYTES_MAX} bytes`)
    }
    const { clock, random } = this.#ports
    const providers = this.#providers.get(key, clock.wallClock(), random)
    return answered({ type: 'get-providers', providers, ...this.#closer(from, request) })
  }

  /**
   * Who knows less than k peers nearer to the key is one of its replicas; so is who knows somewhat more, for tables name the
   * dead as well. The next replication shows a replica that is none, and releases its copy. A peer farther off keeps a
   * cached copy, whose life halves with every peer between (Kademlia, section 2.3, which gives no formula; rust-libp2p takes
   * this one). Who caches for being a reader shortens the life of its copy itself.
   */
  #place(target: Key): { origin: RecordOrigin; lifetimeMs: number } {
    const { k, recordLifetimeMs } = this.#options
    const beyond = this.#table.nearerThanSelf(target) - REPLICA_RANK_PER_K * k + 1
    if (beyond <= 0) return { origin: 'replica', lifetimeMs: recordLifetimeMs }
    return { origin: 'cached', lifetimeMs: recordLifetimeMs / 2 ** beyond }
  }

  #written(from: Contact, request: PutRequest | AddRequest): RpcOutcome {
    const { type, tellCloser } = request
    if (tellCloser !== true) return { ok: true, response: { type } }
    return { ok: true, response: { type, ...this.#closer(from, request) } }
  }

  /** The nearest, without whom the asker knows but for the very nearest: no contact at all means that none is known. */
  #closer(from: Contact, { target, known }: Hearing & { readonly target: Key }): Required<Closer> {
    const { contactsPerResponse } = this.#options
    const { contacts, heads } = this.#table.nearest(target, contactsPerResponse, from)
    if (known === undefined || known.length === 0) return { closer: contacts, heads }
    let count = 0
    for (let i = 0; i < contacts.length; i++) {
      const head = heads[i] as number // there are as many heads as contacts
      if (i > 0 && known.includes(head)) continue
      contacts[count] = contacts[i] as Contact // i < length
      heads[count] = head
      count += 1
    }
    contacts.length = count
    heads.length = count
    return { closer: contacts, heads }
  }

  #tellStored(
    key: Uint8Array,
    origin: RecordOrigin,
    evicted: readonly { record: ValueRecord }[],
  ): void {
    const { observer, clock } = this.#ports
    if (observer === undefined) return
    const at = clock.now()
    observer.observe({ type: 'record-stored', at, key, origin })
    for (const { record } of evicted) {
      observer.observe({ type: 'record-removed', at, key: record.key, reason: 'evicted' })
    }
  }
}

/** A copy of `record` that says it lives at most `lifetimeMs`. */
export function withLifetime(record: ValueRecord, lifetimeMs: number): ValueRecord {
  const ttlMs = Math.min(record.ttlMs ?? Number.POSITIVE_INFINITY, lifetimeMs)
  return ttlMs === record.ttlMs ? record : { ...record, ttlMs }
}

/** The life left to a record, for its next holder. */
export function remainingLifeMs(expiresAt: UnixMs, now: UnixMs): number {
  return Math.max(0, expiresAt - now)
}

function answered(response: RpcResponse): Answer {
  return { outcome: { ok: true, response }, write: undefined }
}

function refused(reason: string, heldVersion?: number): Answer {
  const held = heldVersion === undefined ? {} : { heldVersion }
  return { outcome: { ok: false, failure: { type: 'refused', reason, ...held } }, write: undefined }
}
