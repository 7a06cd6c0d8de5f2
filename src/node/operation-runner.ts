import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import type { DhtEvent, OperationKind } from '../core/events.ts'
import type { Key } from '../core/key.ts'
import type { RpcFailure, RpcOutcome, RpcRequest } from '../core/message.ts'
import type { Operation } from '../core/operation.ts'
import type { Cancel, Instant, Observer, Ports } from '../core/ports.ts'
import { Drive, type DriveHooks, type RequestTimes } from './driver.ts'

/** What the rest of the peer learns from every request, whatever operation it belongs to. */
export interface RequestHooks {
  answered(from: Contact, rttMs: number, now: Instant): void
  failed(to: Contact, failure: RpcFailure, sentAt: Instant, now: Instant): void
  /** Whether the last request to the peer failed, so that it matters what becomes of this one. */
  isDoubted(to: Contact): boolean
}

/** Requests left under way by operations that have ended, each to another doubted peer; a further one is taken back. */
const LEFT_MAX = 64

/** How an operation is run. */
export interface RunOptions<Result> {
  readonly signal?: AbortSignal | undefined
  /** Hears this operation's events only, after the peer's own observer. */
  readonly observer?: Observer | undefined
  /** Whether an operation that came to its end did not do what it was for: observers hear that it failed. */
  readonly hasFailed?: (result: Result) => boolean
}

/** Runs operations: gives each a number, tells the observers, ends them when the caller or the peer gives up. */
export class OperationRunner {
  readonly #ports: Ports
  readonly #hooks: RequestHooks
  readonly #max: number
  /** At most `operationsMax` of callers, and what maintenance runs. Made with the first: most simulated peers are idle. */
  #running: Set<{ readonly kind: OperationKind; abort(reason: unknown): void }> | undefined
  /** What takes back the requests that were left under way, by the peer's id; at most `LEFT_MAX`. */
  #left: Map<string, Cancel> | undefined
  #nextNumber = 1
  #isClosed = false

  constructor(ports: Ports, hooks: RequestHooks, operationsMax: number) {
    this.#ports = ports
    this.#hooks = hooks
    this.#max = operationsMax
  }

  get running(): number {
    return this.#running?.size ?? 0
  }

  /**
   * Runs an operation to its end. Rejects with `signal.reason` when aborted.
   *
   * @throws KadmiumError `ERR_BUSY` when `operationsMax` are under way, `ERR_CLOSED` when the peer stops.
   */
  run<Result>(
    kind: OperationKind,
    target: Key | undefined,
    operation: Operation<Result>,
    options: RunOptions<Result> = {},
  ): Promise<Result> {
    const { signal, hasFailed } = options
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new KadmiumError('ERR_CLOSED', 'the peer has stopped')
      if (this.running >= this.#max) {
        throw new KadmiumError(
          'ERR_BUSY',
          `${this.#max} operations are under way; wait for some to end or raise \`operationsMax\``,
        )
      }
      signal?.throwIfAborted()
      const { clock } = this.#ports
      const trace = new OperationTrace(this.#ports, kind, this.#nextNumber++, options.observer)
      const startedAt = clock.now()
      const onAbort = (): void => drive.abort(signal?.reason)
      const drive: Drive<Result> = new Drive({
        kind,
        operation,
        ports: this.#ports,
        hooks: {
          ...trace.hooks(this.#hooks),
          leaves: (to, cancel) => this.#leave(to, cancel),
          settledAfterEnd: (to, outcome, times) => {
            this.#left?.delete(to.id)
            learn(this.#hooks, to, outcome, times)
          },
        },
        ended: (end) => {
          this.#running?.delete(drive)
          signal?.removeEventListener('abort', onAbort)
          const isFailure = end.type === 'done' && hasFailed?.(end.result) === true
          trace.end(isFailure ? 'failed' : end.type, clock.now() - startedAt)
          if (end.type === 'done') resolve(end.result)
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the caller's own reason, unchanged
          else reject(end.reason)
        },
      })
      this.#running ??= new Set()
      this.#running.add(drive)
      signal?.addEventListener('abort', onAbort, { once: true })
      trace.start(target)
      drive.start()
    })
  }

  /** Runs what the peer does by itself: `undefined` if it cannot be run now, because the peer is busy or stops. */
  runUpkeep<Result>(
    kind: OperationKind,
    target: Key | undefined,
    operation: Operation<Result>,
  ): Promise<Result | undefined> {
    return this.run(kind, target, operation).catch((error: unknown) => {
      const code = error instanceof KadmiumError ? error.code : undefined
      if (code === 'ERR_CLOSED' || code === 'ERR_BUSY') return undefined
      throw error // any other is a mistake of ours and must show
    })
  }

  /** One request to each peer that is doubted: its outcome says as much as those of many. */
  #leave(to: Contact, cancel: Cancel): boolean {
    if (!this.#hooks.isDoubted(to)) return false
    this.#left ??= new Map()
    if (this.#left.size >= LEFT_MAX || this.#left.has(to.id)) return false
    this.#left.set(to.id, cancel)
    return true
  }

  /** Ends everything under way with `ERR_CLOSED`; nothing can be run after it. */
  close(): void {
    this.#isClosed = true
    for (const cancel of this.#left?.values() ?? []) cancel()
    this.#left = undefined
    for (const drive of [...(this.#running ?? [])]) {
      drive.abort(new KadmiumError('ERR_CLOSED', `the peer stopped during a ${drive.kind}`))
    }
  }
}

function learn(
  hooks: RequestHooks,
  to: Contact,
  outcome: RpcOutcome,
  { sentAt, now, rttMs }: RequestTimes,
): void {
  if (outcome.ok) hooks.answered(to, rttMs, now)
  else hooks.failed(to, outcome.failure, sentAt, now)
}

/** Turns what happens to one operation into events. */
class OperationTrace {
  readonly #ports: Ports
  readonly #kind: OperationKind
  readonly #number: number
  readonly #observer: Observer | undefined
  readonly #isHeard: boolean
  #requests = 0

  constructor(ports: Ports, kind: OperationKind, number: number, observer: Observer | undefined) {
    this.#ports = ports
    this.#kind = kind
    this.#number = number
    this.#observer = observer
    this.#isHeard = observer !== undefined || ports.observer !== undefined
  }

  start(target: Key | undefined): void {
    const { operation, kind, at } = this.#head(this.#ports.clock.now())
    this.#observe({ type: 'operation-start', at, operation, kind, target })
  }

  end(result: 'done' | 'failed' | 'aborted', durationMs: number): void {
    const head = this.#head(this.#ports.clock.now())
    this.#observe({ type: 'operation-end', ...head, result, durationMs, requests: this.#requests })
  }

  hooks(peer: RequestHooks): Pick<DriveHooks, 'sent' | 'settled'> {
    return {
      sent: (to, request, now) => {
        this.#requests += 1
        if (!this.#isHeard) return
        this.#observe({ type: 'request-sent', ...this.#head(now), to, request: request.type })
      },
      settled: (to, request, outcome, times) => {
        learn(peer, to, outcome, times)
        if (this.#isHeard) this.#settled(to, request, outcome, times)
      },
    }
  }

  #settled(
    from: Contact,
    { type: request }: RpcRequest,
    outcome: RpcOutcome,
    { sentAt, now }: RequestTimes,
  ): void {
    const head = this.#head(now)
    if (!outcome.ok) {
      const { failure } = outcome
      const afterMs = now - sentAt
      this.#observe({ type: 'request-failed', ...head, from, request, failure, afterMs })
      return
    }
    const { response } = outcome
    this.#observe({
      type: 'request-answered',
      ...head,
      from,
      request,
      rttMs: now - sentAt,
      closer: 'closer' in response ? response.closer : [],
      found:
        (response.type === 'get-value' && response.record !== undefined) ||
        (response.type === 'get-providers' && response.providers.length > 0),
      response,
    })
  }

  #head(at: Instant): { at: Instant; operation: number; kind: OperationKind } {
    return { at, operation: this.#number, kind: this.#kind }
  }

  #observe(event: DhtEvent): void {
    this.#ports.observer?.observe(event)
    this.#observer?.observe(event)
  }
}
