import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import { FindPeer } from '../core/find-peer.ts'
import { FindProviders, type ProvidersFound } from '../core/find-providers.ts'
import { type Key, keyFromDigest } from '../core/key.ts'
import { PROVIDER_KEY_BYTES_MAX } from '../core/limits.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Ports, StorageWrite } from '../core/ports.ts'
import type { ProviderStore } from '../core/provider-store.ts'
import { StoreAtClosest, type StoreFailure, type StoreOutcome } from '../core/store-at-closest.ts'
import { type Lookups, noPeers, type OperationOptions } from './lookups.ts'
import type { OperationRunner } from './operation-runner.ts'
import type { Replication } from './replication.ts'

/** What a provide did. */
export interface ProvideResult {
  readonly key: Uint8Array
  /** The peers that know of it now. */
  readonly stored: readonly Contact[]
  readonly failed: readonly StoreFailure[]
  readonly target: number
  readonly requests: number
  readonly durationMs: number
}

/** Options of a search for providers. */
export interface FindProvidersOptions extends OperationOptions {
  /** Providers that end the search. 1 and more. Default: 20. */
  readonly count?: number | undefined
  /** Called for each provider as soon as it is heard of. */
  readonly found?: ((provider: Contact) => void) | undefined
}

/** Options of a search for a peer. */
export interface FindPeerOptions extends OperationOptions {
  /** Whether others are asked even if the own table has it. Default: false. */
  readonly isFresh?: boolean | undefined
}

/** Providers that a search looks for unless told otherwise. Source: k of the field's implementations. */
const PROVIDERS_WANTED = 20

/** What providing needs of its peer. */
export interface ProvidersInit {
  readonly self: () => Contact
  readonly isServer: () => boolean
  readonly options: NodeOptions
  readonly ports: Ports
  readonly providers: ProviderStore
  readonly lookups: Lookups
  readonly runner: OperationRunner
  readonly replication: Replication
}

/** Announces what this peer provides, and finds who provides something; finds peers. */
export class Providers {
  readonly #init: ProvidersInit

  constructor(init: ProvidersInit) {
    this.#init = init
  }

  /** See `KademliaNode.provide`. */
  async provide(key: Uint8Array, given: OperationOptions): Promise<ProvideResult> {
    const { ports, runner, lookups, providers, replication, self, isServer } = this.#init
    given.signal?.throwIfAborted()
    checkKey(key)
    const startedAt = ports.clock.now()
    const target = this.#targetOf(key)
    const provider = self()
    const write = [replication.published('provider', key, target)]
    if (isServer()) {
      const admission = providers.add(key, target, provider, ports.clock.wallClock())
      if (admission.type === 'stored') write.push(...admission.write)
    }
    this.#write(write)
    const request = { type: 'add-provider', key, target, providers: [provider] } as const
    const lookup = {
      ...lookups.prepare({ type: 'find-node', key, target }, given),
      early: lookups.early({ ...request, tellCloser: true }),
    }
    const operation = new StoreAtClosest({ lookup, request, quorum: 0, selfHolds: isServer() })
    const isUntold = (end: StoreOutcome): boolean =>
      end.stored.length === 0 && !end.selfHolds && !(isServer() && end.requests === 0)
    const outcome = await runner.run('provide', target, operation, {
      ...given,
      hasFailed: isUntold,
    })
    const { failed, requests } = outcome
    if (isUntold(outcome)) throw noPeers(requests)
    const stored = outcome.selfHolds ? [...outcome.stored, provider] : outcome.stored
    const durationMs = ports.clock.now() - startedAt
    return { key, stored, failed, target: outcome.target, requests, durationMs }
  }

  /** No longer announces it. What others know of it ends by itself, within 48 hours. */
  unprovide(key: Uint8Array): void {
    const { replication, providers, self } = this.#init
    const write = replication.publications.remove('provider', key)
    this.#write([...write, ...providers.remove(key, self().id)])
  }

  /** See `KademliaNode.findProviders`. */
  async findProviders(key: Uint8Array, given: FindProvidersOptions): Promise<readonly Contact[]> {
    const { ports, runner, lookups, providers } = this.#init
    given.signal?.throwIfAborted()
    checkKey(key)
    const target = this.#targetOf(key)
    const { found } = given
    const operation = new FindProviders({
      lookup: lookups.prepare(
        { type: 'get-providers', key, target },
        { timeoutMs: given.timeoutMs },
      ),
      local: providers.get(key, ports.clock.wallClock(), ports.random),
      wanted: Math.max(1, given.count ?? PROVIDERS_WANTED),
      ...(found === undefined ? {} : { found }),
    })
    const isUnanswered = (end: ProvidersFound): boolean =>
      end.providers.length === 0 && end.requests > 0 && end.answered === 0
    const result = await runner.run('find-providers', target, operation, {
      ...given,
      hasFailed: isUnanswered,
    })
    if (isUnanswered(result)) throw noPeers(result.requests)
    return result.providers
  }

  /** See `KademliaNode.findPeer`. */
  async findPeer(
    peer: { id: string; idBytes: Uint8Array },
    given: FindPeerOptions,
  ): Promise<Contact> {
    const { runner, lookups } = this.#init
    given.signal?.throwIfAborted()
    const target = this.#targetOf(peer.idBytes)
    const init = lookups.prepare({ type: 'find-node', key: peer.idBytes, target }, given)
    const isFresh = given.isFresh === true
    const operation = new FindPeer({ lookup: init, id: peer.id, isFresh })
    const result = await runner.run('find-peer', target, operation, {
      ...given,
      hasFailed: ({ peer: found, answered }) => found === undefined && answered === 0,
    })
    if (result.peer !== undefined) return result.peer
    if (result.answered === 0) throw noPeers(result.requests)
    throw new KadmiumError('ERR_NOT_FOUND', `no peer that was asked knows ${peer.id}`, {
      details: { answered: result.answered },
    })
  }

  #targetOf(key: Uint8Array): Key {
    return keyFromDigest(this.#init.ports.hash(key))
  }

  #write(batch: readonly StorageWrite[]): void {
    const { storage, observer, clock } = this.#init.ports
    storage.write(batch, (error) => {
      if (error !== undefined) observer?.observe({ type: 'storage-failed', at: clock.now(), error })
    })
  }
}

function checkKey(key: Uint8Array): void {
  if (key.length > 0 && key.length <= PROVIDER_KEY_BYTES_MAX) return
  throw new KadmiumError(
    'ERR_INVALID_KEY',
    `a provider key is a multihash of 1 to ${PROVIDER_KEY_BYTES_MAX} bytes, got ${key.length}`,
  )
}
