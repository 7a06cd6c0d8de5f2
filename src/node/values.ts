import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import { type GetOutcome, GetValue, type ValueJudge } from '../core/get-value.ts'
import { bytesEqual, type Key, keyFromDigest } from '../core/key.ts'
import { ENVELOPE_OVERHEAD_BYTES_MAX, RECORD_KEY_BYTES_MAX } from '../core/limits.ts'
import type { RequestTiming } from '../core/lookup-init.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Ports, StorageWrite, UnixMs } from '../core/ports.ts'
import { type Push, PushItems } from '../core/push-items.ts'
import type { ValueRecord } from '../core/record.ts'
import type { RecordStore } from '../core/record-store.ts'
import { StoreAtClosest, type StoreFailure, type StoreOutcome } from '../core/store-at-closest.ts'
import type { Validators, ValidVerdict } from '../core/validators.ts'
import { Claim } from './claim.ts'
import { type Lookups, noPeers, type OperationOptions } from './lookups.ts'
import type { OperationRunner } from './operation-runner.ts'
import { writeRecord } from './record-writes.ts'
import type { Replication } from './replication.ts'
import { remainingLifeMs } from './server.ts'
import {
  checkIfVersion,
  checkQuorum,
  describe,
  notFound,
  staleWrite,
  unknownKind,
} from './value-errors.ts'

/** Options of a put. */
export interface PutOptions extends OperationOptions {
  /** Holders that must acknowledge. 1 to k. Default: the option `putQuorum`. */
  readonly quorum?: number | undefined
  /** How long the value shall live. ms. Default: the option `recordLifetimeMs`, which is also the longest. */
  readonly ttlMs?: number | undefined
  /** Refused unless the current version is this one (`/mutable/`: the sequence). */
  readonly ifVersion?: number | undefined
  /** Whether this peer keeps the value as its owner and republishes it. Default: true. */
  readonly keep?: boolean | undefined
}

/** What a put did. */
export interface PutResult {
  readonly key: Uint8Array
  /** The holders that acknowledged, this peer among them if it is one of the k closest. */
  readonly stored: readonly Contact[]
  readonly failed: readonly StoreFailure[]
  /** Holders aimed at: k, or as many peers as there are. */
  readonly target: number
  readonly quorum: number
  readonly hops: number
  readonly requests: number
  readonly durationMs: number
}

/** Options of a get. */
export interface GetOptions extends OperationOptions {
  /** Answers with a value to wait for. Default: 1 for immutable values, the option `getQuorum` for others. */
  readonly quorum?: number | undefined
}

/** What a get found. */
export interface GetResult {
  readonly key: Uint8Array
  /** The stored bytes: for a signed kind, the envelope. */
  readonly value: Uint8Array
  readonly verdict: ValidVerdict
  /** Who gave it first; `undefined`: this peer's own store. */
  readonly from: Contact | undefined
  /** Holders that gave this very value. */
  readonly agreed: number
  readonly hops: number
  readonly requests: number
  readonly durationMs: number
}

/** What puts and gets need of their peer. */
export interface ValuesInit {
  readonly self: () => Contact
  readonly isServer: () => boolean
  readonly options: NodeOptions
  readonly ports: Ports
  readonly records: RecordStore
  readonly validators: Validators
  readonly runner: OperationRunner
  readonly lookups: Lookups
  readonly timing: RequestTiming
  readonly replication: Replication
  /** Called when records changed, so that what is due may have changed. */
  readonly onChanged: () => void
}

/** The peer's own puts and gets. */
export class Values {
  readonly #init: ValuesInit

  constructor(init: ValuesInit) {
    this.#init = init
  }

  /** See `KademliaNode.put`. */
  async put(key: Uint8Array, value: Uint8Array, given: PutOptions): Promise<PutResult> {
    const { options, ports, runner } = this.#init
    const { clock } = ports
    given.signal?.throwIfAborted()
    this.#check(key, value)
    checkIfVersion(given.ifVersion)
    const startedAt = clock.now()
    const target = this.#targetOf(key)
    const ttlMs = Math.min(given.ttlMs ?? options.recordLifetimeMs, options.recordLifetimeMs)
    const record: ValueRecord = { key, value, ttlMs }
    const find = { type: 'find-node', key, target } as const
    const lookup = this.#init.lookups.prepare(find, given)
    const quorum = checkQuorum(given.quorum ?? options.putQuorum, options.k)
    if (lookup.seeds.length === 0 && !this.#init.isServer()) throw noPeers()
    const { ifVersion } = given
    // A conditional write must not stand here while the network refuses it: it is kept when it has succeeded.
    const keepsFirst = given.keep !== false && ifVersion === undefined
    if (keepsFirst) await this.#keep(record, target, given)
    else this.#checkVersion(key, ifVersion)
    const request = {
      type: 'put-value',
      key,
      target,
      record,
      ...(ifVersion === undefined ? {} : { ifVersion }),
    } as const
    const selfHolds = keepsFirst && this.#init.isServer()
    // A conditional write goes to those responsible only: elsewhere it could succeed on an older version.
    const early =
      ifVersion === undefined
        ? this.#init.lookups.early({ ...request, tellCloser: true })
        : undefined
    const claim =
      ifVersion !== undefined && this.#init.isServer()
        ? new Claim({ ...this.#init, record, target, ifVersion })
        : undefined
    const operation = new StoreAtClosest({
      lookup: { ...lookup, early },
      request,
      quorum,
      selfHolds,
      claim: claim && (() => claim.take()),
    })
    const outcome = await runner.run('put', target, operation, {
      ...given,
      hasFailed: (end) => this.#lacksQuorum(end),
    })
    await this.#settle(claim)
    // Others hold a newer value: the own copy must not stand beside it until the next replication.
    if (keepsFirst && outcome.failed.some(isStale)) void this.catchUp(key)
    const result = this.#putResult(key, outcome, clock.now() - startedAt)
    if (given.keep !== false && !keepsFirst) await this.#keep(record, target, given)
    return result
  }

  /** See `KademliaNode.get`. */
  async get(key: Uint8Array, given: GetOptions): Promise<GetResult> {
    const { options, ports, validators, runner } = this.#init
    given.signal?.throwIfAborted()
    const validator = validators.for(key)
    if (validator === undefined) throw unknownKind(key, validators)
    const startedAt = ports.clock.now()
    const target = this.#targetOf(key)
    const local = this.#init.records.get(key, ports.clock.wallClock())?.record
    const request = { type: 'get-value', key, target } as const
    const lookup = this.#init.lookups.prepare(request, given)
    const quorum = checkQuorum(
      given.quorum ?? (validator.immutable ? 1 : options.getQuorum),
      options.k,
    )
    if (local === undefined && lookup.seeds.length === 0 && !this.#init.isServer()) throw noPeers()
    const judge = this.#judge(key)
    const holders = quorum <= 1 ? this.#init.lookups.holders(target) : undefined
    const operation = new GetValue({
      lookup: { ...lookup, holders },
      judge,
      local,
      quorum: Math.max(1, quorum),
    })
    const outcome = await runner.run('get', target, operation, {
      ...given,
      hasFailed: isUnanswered,
    })
    return this.#getResult(key, target, outcome, ports.clock.now() - startedAt)
  }

  /**
   * Reads a key of which others hold a newer value, which then takes the place of the own copy. Where that fails, the next
   * replication finds it out again.
   */
  async catchUp(key: Uint8Array): Promise<void> {
    try {
      await this.get(key, {})
    } catch (error) {
      if (!(error instanceof KadmiumError)) throw error // not found, busy, or this peer is stopping
    }
  }

  /** Refuses a conditional write at once if the own copy tells that it is late. */
  #checkVersion(key: Uint8Array, ifVersion: number | undefined): void {
    const { records, ports } = this.#init
    const held = records.get(key, ports.clock.wallClock())
    if (ifVersion === undefined || held === undefined || held.version === ifVersion) return
    throw staleWrite(
      `version ${ifVersion} was expected, version ${held.version} is held`,
      held.version,
    )
  }

  /** The own store's part in a conditional write, once the others have been asked. */
  async #settle(claim: Claim | undefined): Promise<void> {
    if (claim === undefined) return
    const cause = await claim.durable()
    if (cause !== undefined) {
      throw new KadmiumError('ERR_STORAGE', 'the disk refused to store it', { cause })
    }
    const { refusal } = claim
    if (refusal !== undefined) throw staleWrite(refusal.reason, refusal.heldVersion)
    this.#init.onChanged()
  }

  /** Keeps the own copy durably before the network hears of the value. */
  async #keep(record: ValueRecord, target: Key, given: PutOptions): Promise<void> {
    const { ports, records, replication } = this.#init
    const { ttlMs } = given
    const now = ports.clock.wallClock()
    const result = records.put({ record, target, origin: 'owner', now })
    if (result.type === 'refused') {
      switch (result.code) {
        case 'stale':
          throw staleWrite(result.reason, result.heldVersion)
        case 'full':
          throw new KadmiumError('ERR_STORE_FULL', result.reason)
        default:
          throw new KadmiumError('ERR_INVALID_RECORD', result.reason)
      }
    }
    const endsAt: UnixMs | undefined = ttlMs === undefined ? undefined : now + ttlMs
    const write = [replication.published('value', record.key, target, endsAt)]
    if (result.type === 'stored') write.push(...result.write)
    await this.#write(record, write)
    this.#tell(record.key, 'owner')
    this.#init.onChanged()
  }

  #write(record: ValueRecord, batch: readonly StorageWrite[]): Promise<void> {
    return new Promise((resolve, reject) => {
      writeRecord(this.#init, record, batch, (error) => {
        if (error === undefined) resolve()
        else {
          reject(new KadmiumError('ERR_STORAGE', 'the disk refused to store it', { cause: error }))
        }
      })
    })
  }

  #putResult(key: Uint8Array, outcome: StoreOutcome, durationMs: number): PutResult {
    const self = this.#init.self()
    const isLone = outcome.target === 0 && this.#init.isServer()
    const stored = outcome.selfHolds || isLone ? [...outcome.stored, self] : outcome.stored
    const { failed, quorum, hops, requests } = outcome
    const target = Math.max(outcome.target, stored.length)
    if (isLone && outcome.requests === 0) {
      return { key, stored, failed, target, quorum: 1, hops, requests, durationMs }
    }
    if (this.#lacksQuorum(outcome)) {
      const stale = failed.find(isStale)
      if (stale !== undefined) throw staleWrite(describe(stale), stale.failure.heldVersion)
      const details = { stored: stored.length, quorum, target, failed: failed.length }
      if (outcome.target === 0) throw noPeers(outcome.requests)
      throw new KadmiumError(
        'ERR_QUORUM',
        `${stored.length} of ${target} peers stored the value, ${quorum} were needed` +
          (failed[0] === undefined ? '' : `; the first failure: ${describe(failed[0])}`),
        { details },
      )
    }
    return { key, stored, failed, target, quorum, hops, requests, durationMs }
  }

  /** A network of one has nobody to ask, and its peer holds the value. */
  #lacksQuorum({ quorumMet, target, requests }: StoreOutcome): boolean {
    return !quorumMet && !(target === 0 && requests === 0 && this.#init.isServer())
  }

  #getResult(key: Uint8Array, target: Key, outcome: GetOutcome, durationMs: number): GetResult {
    const { ports, validators } = this.#init
    const { record, from, agreed, hops, requests } = outcome
    if (record === undefined) {
      if (isUnanswered(outcome)) throw noPeers(requests)
      throw notFound(key, outcome.answered)
    }
    const verdict = validators.validate(key, record.value, ports.clock.wallClock())
    if (!verdict.valid) throw notFound(key, outcome.answered) // it expired while we searched
    this.#repair(target, record, outcome)
    if (verdict.deleted) throw notFound(key, outcome.answered, 'it was deleted')
    return { key, value: record.value, verdict, from, agreed, hops, requests, durationMs }
  }

  /**
   * Sends the winner to those that had a worse one, and a copy to the nearest peer that had none (Kademlia, section 2.3), with
   * a life that halves with every peer between it and the k closest. In the background: a read never waits for a repair, nor
   * fails by it.
   */
  #repair(target: Key, record: ValueRecord, outcome: GetOutcome): void {
    const { ports, options, runner, validators } = this.#init
    const { outdated, lacking, nearestWithout, nearestWithoutRank: rank } = outcome
    const copied = validators.for(record.key)?.readersReplicate === true ? lacking : []
    const local = this.#localCopy(target, record)
    const pushOf = (to: Contact, copy: ValueRecord): Push => {
      return { to, request: { type: 'put-value', key: record.key, target, record: copy } }
    }
    const pushes = [...outdated, ...copied].map((contact) => pushOf(contact, local))
    if (nearestWithout !== undefined && !copied.includes(nearestWithout)) {
      const lifeMs = Math.min(local.ttlMs ?? options.recordLifetimeMs, options.recordLifetimeMs)
      const ttlMs = lifeMs / 2 ** Math.max(0, rank - options.k + 1)
      pushes.push(pushOf(nearestWithout, { ...local, ttlMs }))
    }
    // Callers come first. Whatever comes of it: the next reader or the next replication repairs again.
    if (pushes.length === 0 || runner.running > options.operationsMax / 2) return
    const deadline = ports.clock.now() + options.requestTimeoutMaxMs
    const { timing } = this.#init
    void runner.runUpkeep('repair', target, new PushItems({ pushes, timing, deadline }))
  }

  /** Takes a newer value into the own store, if an older one is held; returns the record with the life that is left. */
  #localCopy(target: Key, record: ValueRecord): ValueRecord {
    const { ports, records } = this.#init
    const now = ports.clock.wallClock()
    const held = records.get(record.key, now)
    if (held === undefined) return record
    if (bytesEqual(held.record.value, record.value)) {
      return { ...record, ttlMs: remainingLifeMs(held.expiresAt, now) }
    }
    const result = records.put({ record, target, origin: 'replica', now })
    if (result.type === 'stored') {
      this.#tell(record.key, 'replica')
      writeRecord(this.#init, record, result.write, (error) => {
        if (error === undefined) return
        ports.observer?.observe({ type: 'storage-failed', at: ports.clock.now(), error })
      })
      this.#init.onChanged()
    }
    return record
  }

  #judge(key: Uint8Array): ValueJudge {
    const { validators, ports } = this.#init
    return {
      isValid: (record) =>
        bytesEqual(record.key, key) &&
        validators.validate(key, record.value, ports.clock.wallClock()).valid,
      compare: (a, b) => validators.select(key, a.value, b.value),
    }
  }

  #check(key: Uint8Array, value: Uint8Array): void {
    const { options, validators, ports } = this.#init
    if (key.length === 0 || key.length > RECORD_KEY_BYTES_MAX) {
      throw new KadmiumError(
        'ERR_INVALID_KEY',
        `a key has 1 to ${RECORD_KEY_BYTES_MAX} bytes, this one has ${key.length}`,
      )
    }
    const validator = validators.for(key)
    if (validator === undefined) throw unknownKind(key, validators)
    const limit = options.valueBytesMax + (validator.immutable ? 0 : ENVELOPE_OVERHEAD_BYTES_MAX)
    if (value.length > limit) throw tooLarge(value.length, limit)
    const verdict = validators.validate(key, value, ports.clock.wallClock())
    if (!verdict.valid) throw new KadmiumError('ERR_INVALID_RECORD', verdict.reason)
  }

  #targetOf(key: Uint8Array): Key {
    return keyFromDigest(this.#init.ports.hash(key))
  }

  #tell(key: Uint8Array, origin: 'owner' | 'replica'): void {
    const { observer, clock } = this.#init.ports
    observer?.observe({ type: 'record-stored', at: clock.now(), key, origin })
  }
}

function isStale({ failure }: StoreFailure): boolean {
  return failure.reason?.startsWith('stale: ') === true
}

/** Whether nobody could be asked, so that nothing is known of the key. */
function isUnanswered({ record, requests, answered }: GetOutcome): boolean {
  return record === undefined && requests > 0 && answered === 0
}

/** The error for a value over the limit. */
export function tooLarge(size: number, limit: number): KadmiumError {
  return new KadmiumError(
    'ERR_VALUE_TOO_LARGE',
    `the value has ${size} bytes, the limit is ${limit} bytes (option \`valueBytesMax\`)`,
    { details: { size, limit } },
  )
}
