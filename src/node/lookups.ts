import { nearestInWaiting } from '../core/bucket-walk.ts'
import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import { compareDistance, distanceFraction, type Key, keyFromDigest } from '../core/key.ts'
import { EARLY_RANK_PER_K, SURE_RANK_PER_K } from '../core/limits.ts'
import { Lookup, type LookupResult } from '../core/lookup.ts'
import type { EarlyRequest, Holders, LookupInit, RequestTiming } from '../core/lookup-init.ts'
import type { RpcRequest } from '../core/message.ts'
import { NetworkSizeEstimator, SAMPLE_PEERS_MIN, sampleOf } from '../core/network-size.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Observer, Ports } from '../core/ports.ts'
import type { RoutingTable } from '../core/routing-table.ts'
import type { OperationRunner } from './operation-runner.ts'

/** Options of every call that goes to the network. */
export interface OperationOptions {
  readonly signal?: AbortSignal | undefined
  /** Longest time for the whole call. ms. Default: the option `operationTimeoutMs`. */
  readonly timeoutMs?: number | undefined
  /** Hears the events of this call. */
  readonly observer?: Observer | undefined
}

/** What may be said of a lookup. */
export interface FindNodeOptions extends OperationOptions {
  /**
   * How many of the closest are wanted: the lookup ends as soon as so many of the closest known have answered (IPFS calls it
   * beta). 1 to k. Default: k.
   */
  readonly count?: number | undefined
  /**
   * Asks each of the closest, those too that have answered another request within the last second and are still connected.
   * Default: these are not asked, but when the lookup learns nothing new they count as having answered.
   */
  readonly askAll?: boolean | undefined
  /** Leaves this peer out, though it may be one of the closest, and looks for as many others. Default: no. */
  readonly withoutSelf?: boolean | undefined
}

/** What a lookup of a key found. */
export interface FindNodeResult extends LookupResult {
  readonly target: Key
  readonly durationMs: number
}

/** A request that has a target. */
export type TargetedRequest = RpcRequest & { readonly target: Key }

/** What lookups need of their peer. */
export interface LookupsInit {
  readonly self: () => Contact
  readonly isServer: () => boolean
  readonly options: NodeOptions
  readonly ports: Ports
  readonly table: RoutingTable
  readonly runner: OperationRunner
  readonly timing: RequestTiming
  /** Whether a peer has answered a request a moment ago. */
  readonly answeredLately: (contact: Contact) => boolean
}

/** The peer's lookups: what they begin with, and what is learnt from their ends. */
export class Lookups {
  readonly #init: LookupsInit
  readonly #networkSize = new NetworkSizeEstimator()

  constructor(init: LookupsInit) {
    this.#init = init
  }

  /** What a lookup by this request begins with: the closest known, and `seeds` beside them. */
  prepare(
    request: TargetedRequest,
    given: { timeoutMs?: number | undefined; seeds?: readonly Contact[]; count?: number } = {},
  ): LookupInit {
    const { table, options, ports, timing } = this.#init
    const { target } = request
    const now = ports.clock.now()
    const count = given.count ?? options.k
    table.touched(target, now)
    // As many as an answer names: what is known need not be told (message.ts, Hearing).
    const known = table.closest(target, Math.max(count, options.contactsPerResponse))
    return {
      target,
      self: this.#init.self(),
      request,
      seeds: given.seeds === undefined ? known : [...known, ...given.seeds],
      moreSeeds: (more) => this.#everyone(target, more),
      k: count,
      alpha: options.alpha,
      widenTo: options.widenTo === 0 ? count : options.widenTo,
      answersWanted: count,
      timing,
      deadline: now + (given.timeoutMs ?? options.operationTimeoutMs),
    }
  }

  /**
   * Lets a lookup write on its way, at peers that by the estimate of the network's size are among the k closest, or nearly
   * so: a copy too many does no harm, a second round trip for many does. `undefined` before there is an estimate.
   */
  early(request: TargetedRequest): EarlyRequest | undefined {
    const { target } = request
    const limit = this.#distanceOfRank(EARLY_RANK_PER_K * this.#init.options.k)
    if (limit === undefined) return undefined
    return { request, isNear: within(target, limit) }
  }

  /**
   * Those who by the estimate of the network's size are surely among the k closest, all of whom hold what is looked for.
   * `undefined` if the peer knows too little to tell.
   */
  holders(target: Key): Holders | undefined {
    const limit = this.#distanceOfRank(SURE_RANK_PER_K * this.#init.options.k)
    if (limit === undefined) return undefined
    const choice = this.#init.ports.random.fraction()
    return { isNear: within(target, limit), choice }
  }

  /** See `KademliaNode.findNode`. */
  async findNode(key: Uint8Array, given: FindNodeOptions): Promise<FindNodeResult> {
    const { ports, runner, options } = this.#init
    const { count = options.k, timeoutMs } = given
    if (!Number.isInteger(count) || count < 1 || count > options.k) {
      throw new KadmiumError('ERR_INVALID_OPTION', `\`count\` must be 1 to k, got ${count}`)
    }
    given.signal?.throwIfAborted()
    const target = keyFromDigest(ports.hash(key))
    const startedAt = ports.clock.now()
    const init = this.prepare({ type: 'find-node', key, target }, { timeoutMs })
    const isWhole = count === options.k
    const withSelf = given.withoutSelf !== true && this.#init.isServer()
    const lookup = new Lookup(
      isWhole
        ? { ...this.#spared(init, given), countsSelf: withSelf }
        : { ...init, answersWanted: count },
    )
    const hasFailed = (found: LookupResult): boolean =>
      found.closest.length === 0 && !(found.requests === 0 && this.#init.isServer()) // a network of one
    const result = await runner.run('find-node', target, lookup, { ...given, hasFailed })
    if (isWhole) this.#learn(target, result)
    if (hasFailed(result)) throw noPeers(result.requests)
    const durationMs = ports.clock.now() - startedAt
    const all = withSelf ? this.#withSelf(target, result.closest) : result.closest
    const closest = all.slice(0, count)
    return { ...result, closest, target, durationMs }
  }

  /** A lookup of the own key from these seeds: how a peer joins. */
  async join(seeds: readonly Contact[], given: OperationOptions): Promise<LookupResult> {
    given.signal?.throwIfAborted()
    const { idBytes, key } = this.#init.self()
    const request = { type: 'find-node', key: idBytes, target: key } as const
    const init = this.prepare(request, { timeoutMs: given.timeoutMs, seeds })
    const result = await this.#init.runner.run('join', key, new Lookup(init), given)
    this.#learn(key, result)
    return result
  }

  /** A lookup for the table's sake: of a preimage, or of the own id. Resolves when it has ended, however. */
  async refresh(preimage: Uint8Array | undefined): Promise<void> {
    const { idBytes, key: own } = this.#init.self()
    const key = preimage ?? idBytes
    const target = preimage === undefined ? own : keyFromDigest(this.#init.ports.hash(preimage))
    await this.#upkeep(this.prepare({ type: 'find-node', key, target }))
  }

  /**
   * A lookup that keeps a bucket fresh, of a preimage in its range. The bucket is to have k living contacts, and the closest
   * peers of a random key are of no use for themselves: so the lookup ends when as many of them have answered as the bucket
   * lacks, or as the estimate of the network's size needs. And nobody waits for it: it asks one peer at a time, which spares
   * those that would only have been asked because they were known earlier. Both together take less than half of the requests
   * (`simulate churn`). Resolves when it has ended, however.
   */
  async freshen(preimage: Uint8Array, lacking: number): Promise<void> {
    const { ports, options } = this.#init
    const target = keyFromDigest(ports.hash(preimage))
    const answersWanted = Math.min(options.k, Math.max(lacking, SAMPLE_PEERS_MIN))
    const init = this.prepare({ type: 'find-node', key: preimage, target })
    await this.#upkeep({ ...init, answersWanted, alpha: 1, widenTo: 1 })
  }

  /** A lookup spared what is known already: round trips, and requests to those who have just answered. */
  #spared(init: LookupInit, { askAll = false }: FindNodeOptions): LookupInit {
    if (init.widenTo <= init.alpha) return init
    const { answeredLately } = this.#init
    return { ...init, early: this.#atOnce(init), ...(askAll ? {} : { answeredLately }) }
  }

  /**
   * The closest of the own table all at once, where by the estimate of the network's size these are the closest of all: in a
   * small network, and near the own key. That spares a round trip, and hardly anybody is asked in vain. `undefined`
   * elsewhere.
   */
  #atOnce({ request, target, seeds, k }: LookupInit): EarlyRequest | undefined {
    const limit = this.#distanceOfRank(EARLY_RANK_PER_K * k)
    const farthest = seeds[Math.min(k, seeds.length) - 1]
    if (limit === undefined || farthest === undefined) return undefined
    const reach = distanceFraction(target, farthest.key)
    return reach <= limit ? { request, isNear: within(target, reach) } : undefined
  }

  /** The closest known, newcomers in waiting after all others: full buckets may hold nobody but the dead. */
  #everyone(target: Key, count: number): Contact[] {
    const { table } = this.#init
    const known = table.closest(target, count)
    if (known.length === count) return known
    return [...known, ...nearestInWaiting(table.groups(), target, count - known.length)]
  }

  async #upkeep(init: LookupInit): Promise<void> {
    const { target, answersWanted } = init
    const result = await this.#init.runner.runUpkeep('refresh', target, new Lookup(init))
    if (result === undefined) return
    // Who answered beyond those that were wanted need not be the next closest.
    this.#learn(target, { ...result, closest: result.closest.slice(0, answersWanted) })
  }

  /** Peers in the network by this peer's estimate, itself counted. */
  networkSize(): number | undefined {
    const others = this.#othersEstimated()
    return others === undefined ? undefined : Math.max(others, this.#init.table.size) + 1
  }

  /** How far from a target the peer of this rank stands, by the estimate; a fraction of the keyspace. */
  #distanceOfRank(rank: number): number | undefined {
    const others = this.#othersEstimated()
    return others === undefined ? undefined : rank / others
  }

  /** Before the first lookup the neighbourhood, which the table always knows, says how dense the network is. */
  #othersEstimated(): number | undefined {
    const { table, self } = this.#init
    return this.#networkSize.estimate() ?? sampleOf(self().key, table.neighbours())
  }

  #learn(target: Key, result: LookupResult): void {
    if (result.complete) this.#networkSize.add(target, result.closest)
  }

  #withSelf(target: Key, closest: readonly Contact[]): readonly Contact[] {
    const self = this.#init.self()
    const at = closest.findIndex(({ key }) => compareDistance(target, self.key, key) < 0)
    const index = at === -1 ? closest.length : at
    return closest.toSpliced(index, 0, self).slice(0, this.#init.options.k)
  }
}

/** Whether a key stands no farther from the target than this fraction of the keyspace. */
function within(target: Key, limit: number): (key: Key) => boolean {
  return (key) => distanceFraction(target, key) <= limit
}

/** The error for a network that is not there. */
export function noPeers(asked = 0): KadmiumError {
  return new KadmiumError(
    'ERR_NO_PEERS',
    asked === 0
      ? 'no other peer is known; give a bootstrap peer'
      : `none of the ${asked} peers asked has answered; check the network or the bootstrap peers`,
    { details: { asked } },
  )
}
