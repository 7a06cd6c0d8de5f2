import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import type { ValueJudge } from '../core/get-value.ts'
import type { HeldRecord } from '../core/held-records.ts'
import { bytesEqual, type Key, keyFromDigest, toHex } from '../core/key.ts'
import { WATCH_EVENTS_MAX, WATCH_REPLICAS, WATCHES_MAX } from '../core/limits.ts'
import type { RpcRequest } from '../core/message.ts'
import type { NodeOptions } from '../core/options.ts'
import type { Cancel, Instant, Ports } from '../core/ports.ts'
import type { ValueRecord } from '../core/record.ts'
import { MUTABLE_NAMESPACE, parseRecordKey } from '../core/record-key.ts'
import type { RecordStore } from '../core/record-store.ts'
import { ReplicaSurvey } from '../core/replica-survey.ts'
import type { RoutingTable } from '../core/routing-table.ts'
import type { Validators, ValidVerdict } from '../core/validators.ts'
import { Watch, type WatchJudge, type WatchNotice } from '../core/watch.ts'
import type { Lookups } from './lookups.ts'
import { NoticeQueue } from './notice-queue.ts'
import type { OperationRunner } from './operation-runner.ts'
import { WatchAnswers } from './watch-answers.ts'

/** Options of a watch. */
export interface WatchOptions {
  /** Ends the watch: the iteration throws its reason. */
  readonly signal?: AbortSignal | undefined
  /** Replicas to listen to. Range: 1-k. Default: 4. */
  readonly replicas?: number | undefined
}

/** What watching needs of its peer. */
export interface WatchingInit {
  readonly self: () => Contact
  readonly isServer: () => boolean
  readonly options: NodeOptions
  readonly ports: Ports
  readonly validators: Validators
  readonly table: RoutingTable
  readonly records: RecordStore
  readonly runner: OperationRunner
  readonly lookups: Lookups
}

/** The keys that this peer watches; readers of one key share its subscriptions. And the watchers that it answers. */
export class Watching {
  readonly #init: WatchingInit
  /** The server side; made when the first watcher asks: most peers are watched by nobody. */
  #answers: WatchAnswers | undefined
  /** By key and number of replicas; at most `WATCHES_MAX`. Made with the first. */
  #runs: Map<string, WatchRun> | undefined
  #isClosed = false

  constructor(init: WatchingInit) {
    this.#init = init
  }

  /** Keys watched. */
  get size(): number {
    return this.#runs?.size ?? 0
  }

  /** Watchers that this peer tells of news: pairs of peer and key. */
  get subscriptions(): number {
    return this.#answers?.size ?? 0
  }

  /** See `WatchAnswers.answer`. */
  answer(...call: Parameters<WatchAnswers['answer']>): void {
    this.#answers ??= new WatchAnswers(this.#init)
    this.#answers.answer(...call)
  }

  /** Ends what others watch here; they turn to other holders. */
  closeAnswers(reason: string): void {
    this.#answers?.close(reason)
  }

  /** See `KademliaNode.watch`. */
  watch(key: Uint8Array, given: WatchOptions): AsyncGenerator<WatchNotice, never, undefined> {
    const { options, validators, ports } = this.#init
    const { replicas = Math.min(WATCH_REPLICAS, options.k) } = given
    if (validators.for(key) === undefined) {
      throw new KadmiumError(
        'ERR_INVALID_KEY',
        'no validator for the key: keys look like /kv/<name>, /mutable/<peer id>/<name>, /sha256/<digest>',
      )
    }
    if (!Number.isInteger(replicas) || replicas < 1 || replicas > options.k) {
      throw new KadmiumError(
        'ERR_INVALID_OPTION',
        `\`replicas\` must be a whole number in 1…${options.k} (k), got ${replicas}`,
        { details: { option: 'replicas' } },
      )
    }
    return this.#read(key, keyFromDigest(ports.hash(key)), replicas, given.signal)
  }

  /** A value has taken its place in the own store. */
  landed(held: HeldRecord): void {
    this.#answers?.landed(held)
    for (const run of this.#runs?.values() ?? []) run.landed(held)
  }

  /** Ends every watch with `ERR_CLOSED`, and refuses those of others. */
  close(): void {
    this.#isClosed = true
    this.closeAnswers('this peer stops')
    const reason = new KadmiumError('ERR_CLOSED', 'the peer stopped during a watch')
    for (const run of this.#runs?.values() ?? []) run.stop(reason)
    this.#runs?.clear()
  }

  async *#read(
    key: Uint8Array,
    target: Key,
    replicas: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchNotice, never, undefined> {
    signal?.throwIfAborted()
    const name = `${toHex(target)} ${replicas}`
    const run = this.#runs?.get(name) ?? this.#start(name, key, target, replicas)
    const queue = new NoticeQueue(WATCH_EVENTS_MAX)
    const onAbort = (): void => queue.end(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    run.join(queue)
    try {
      for (;;) yield await queue.next()
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (run.leave(queue) && this.#runs?.get(name) === run) {
        this.#runs.delete(name)
        run.stop(undefined)
      }
    }
  }

  #start(name: string, key: Uint8Array, target: Key, replicas: number): WatchRun {
    if (this.#isClosed) throw new KadmiumError('ERR_CLOSED', 'the peer has stopped')
    if (this.size >= WATCHES_MAX) {
      throw new KadmiumError('ERR_BUSY', `${WATCHES_MAX} keys are watched; end a watch first`)
    }
    const run = new WatchRun(this.#init, key, target, replicas)
    this.#runs ??= new Map()
    this.#runs.set(name, run)
    run.start()
    return run
  }
}

/** Drives the watch of one key: does what it asks for, and wakes it when it wants to. */
class WatchRun {
  readonly #init: WatchingInit
  readonly #key: Uint8Array
  readonly #target: Key
  readonly #replicas: number
  readonly #watch: Watch
  readonly #judge: WatchJudge & ValueJudge
  readonly #readers = new Set<NoticeQueue>()
  /** Requests under way, by peer: one each. */
  readonly #requests = new Map<string, Cancel>()
  readonly #ending = new AbortController()
  #last: WatchNotice | undefined
  #cancelAlarm: Cancel | undefined

  constructor(init: WatchingInit, key: Uint8Array, target: Key, replicas: number) {
    const { options, table, self } = init
    this.#init = init
    this.#judge = judgeOf(key, init)
    this.#key = key
    this.#target = target
    this.#replicas = replicas
    this.#watch = new Watch({
      key,
      target,
      selfKey: self().key,
      replicas,
      timeoutMs: options.requestTimeoutMs,
      countsByOne: parseRecordKey(key)?.namespace === MUTABLE_NAMESPACE,
      isReplica: () => init.isServer() && table.nearerThanSelf(target) < options.k,
      judge: this.#judge,
    })
  }

  start(): void {
    const { records, ports } = this.#init
    const held = records.get(this.#key, ports.clock.wallClock())
    if (held !== undefined) this.#watch.onPresent(held.record, ports.clock.now())
    this.#advance()
  }

  join(queue: NoticeQueue): void {
    this.#readers.add(queue)
    // What was told to others before is where this reader begins.
    if (this.#last?.type === 'value') queue.push({ ...this.#last, isInitial: true })
  }

  /** Returns whether that was the last reader. */
  leave(queue: NoticeQueue): boolean {
    this.#readers.delete(queue)
    return this.#readers.size === 0
  }

  landed({ record }: HeldRecord): void {
    if (this.#ending.signal.aborted || !bytesEqual(record.key, this.#key)) return
    this.#watch.onLocal(record, this.#init.ports.clock.now())
    this.#advance()
  }

  /** Takes back everything; readers that are left hear the reason. */
  stop(reason: unknown): void {
    this.#ending.abort()
    this.#cancelAlarm?.()
    this.#cancelAlarm = undefined
    for (const cancel of this.#requests.values()) cancel()
    this.#requests.clear()
    for (const reader of this.#readers) reader.end(reason)
  }

  #advance(): void {
    if (this.#ending.signal.aborted) return
    const now = this.#init.ports.clock.now()
    for (;;) {
      const step = this.#watch.next(now)
      switch (step.type) {
        case 'tell':
          this.#tell(step.notice)
          break
        case 'send':
          this.#send(step.to, step.request, step.deadline)
          break
        case 'drop':
          this.#requests.get(step.contact.id)?.()
          this.#requests.delete(step.contact.id)
          break
        case 'find':
          void this.#find()
          break
        default:
          this.#setAlarm(step.until)
          return
      }
    }
  }

  #tell(notice: WatchNotice): void {
    if (notice.type === 'value') this.#last = notice
    for (const reader of this.#readers) reader.push(notice)
  }

  #send(to: Contact, request: RpcRequest, deadline: Instant): void {
    const { network, clock } = this.#init.ports
    const cancel = network.send(to, request, deadline, (outcome) => {
      if (this.#requests.get(to.id) === cancel) this.#requests.delete(to.id)
      if (outcome.ok) this.#watch.onResponse(to, outcome.response, clock.now())
      else this.#watch.onFailure(to, clock.now())
      this.#advance()
    })
    this.#requests.set(to.id, cancel)
  }

  async #find(): Promise<void> {
    const { lookups, runner, ports } = this.#init
    const request = { type: 'get-value', key: this.#key, target: this.#target } as const
    const lookup = { ...lookups.prepare(request), answersWanted: this.#replicas }
    const survey = new ReplicaSurvey(lookup, this.#judge)
    const { signal } = this.#ending
    const found = await runner.run('watch', this.#target, survey, { signal }).catch((error) => {
      if (signal.aborted || error instanceof KadmiumError) return undefined // busy or stopping
      throw error // any other is a mistake of ours and must show
    })
    if (signal.aborted) return
    this.#watch.onFound(found, ports.clock.now())
    this.#advance()
  }

  #setAlarm(at: Instant): void {
    this.#cancelAlarm?.()
    this.#cancelAlarm = Number.isFinite(at)
      ? this.#init.ports.clock.setAlarm(at, () => {
          this.#cancelAlarm = undefined
          this.#advance()
        })
      : undefined
  }
}

/** The rule of the key's kind, at the present moment of the wall clock. */
function judgeOf(key: Uint8Array, { validators, ports }: WatchingInit): WatchJudge & ValueJudge {
  const judge = (record: ValueRecord): ValidVerdict | undefined => {
    if (!bytesEqual(record.key, key)) return undefined
    const verdict = validators.validate(key, record.value, ports.clock.wallClock())
    return verdict.valid ? verdict : undefined
  }
  return {
    judge,
    isValid: (record) => judge(record) !== undefined,
    compare: (a, b) => validators.select(key, a.value, b.value),
  }
}
