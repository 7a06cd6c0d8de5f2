import type {
  CallOptions,
  GetOutput,
  LookupListeners,
  LookupOutput,
  WatchOutput,
} from '../../src/api/peer.ts'
import { ScriptedPeer } from '../dashboard/scripted-peer.ts'

/** A peer that fails as it is told, and whose lookups and watches go on until their signal ends them. */
export class FakePeer extends ScriptedPeer {
  /** What a get fails with; `undefined`: it does not. */
  failure: Error | undefined
  /** The options of the lookups and watches that have begun, oldest first. */
  readonly begun: CallOptions[] = []
  /** Why lookups and watches ended, in the order of their ends. */
  readonly ended: unknown[] = []
  readonly #waiting: { holds: () => boolean; wake: () => void }[] = []

  constructor() {
    super({ peers: 30 })
  }

  override async get(key: string): Promise<GetOutput> {
    if (this.failure !== undefined) throw this.failure
    return super.get(key)
  }

  override async lookup(
    _key: string,
    options: CallOptions & LookupListeners,
  ): Promise<LookupOutput> {
    options.started?.('00'.repeat(20))
    return this.#untilAborted(options)
  }

  override async *watch(
    key = '',
    options: CallOptions = {},
  ): AsyncGenerator<WatchOutput, void, undefined> {
    yield { type: 'gap', key, missed: undefined, reason: 'unwatched' }
    await this.#untilAborted(options)
  }

  /** Waits until a condition on what has begun and ended holds. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return
    await new Promise<void>((wake) => this.#waiting.push({ holds, wake }))
  }

  async #untilAborted(options: CallOptions): Promise<never> {
    const { signal } = options
    if (signal === undefined) throw new Error('the call has no signal: nothing could end it')
    this.begun.push(options)
    this.#tell()
    if (!signal.aborted) {
      await new Promise((end) => signal.addEventListener('abort', end, { once: true }))
    }
    this.ended.push(signal.reason)
    this.#tell()
    throw signal.reason
  }

  #tell(): void {
    for (const { holds, wake } of this.#waiting) if (holds()) wake()
  }
}
