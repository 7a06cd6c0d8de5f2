import type { ApiPeer, WatchOutput } from '../api/peer.ts'
import { KadmiumError } from '../core/errors.ts'

/** Hears of a call that has ended; `code`: why it failed, such as `ERR_NOT_FOUND` or `ABORTED`. */
export type CallListener = (method: keyof ApiPeer, code: string | undefined) => void

/** A peer that tells of every call when it has ended. */
export class MeteredPeer implements ApiPeer {
  readonly #peer: ApiPeer
  readonly #onCall: CallListener

  constructor(peer: ApiPeer, onCall: CallListener) {
    this.#peer = peer
    this.#onCall = onCall
  }

  readonly put: ApiPeer['put'] = (input) => this.#call('put', this.#peer.put(input))

  readonly get: ApiPeer['get'] = (key, options) => this.#call('get', this.#peer.get(key, options))

  readonly delete: ApiPeer['delete'] = (key, options) =>
    this.#call('delete', this.#peer.delete(key, options))

  readonly watch: ApiPeer['watch'] = (key, options) =>
    this.#events(() => this.#peer.watch(key, options))

  readonly provide: ApiPeer['provide'] = (cid, options) =>
    this.#call('provide', this.#peer.provide(cid, options))

  readonly findProviders: ApiPeer['findProviders'] = (cid, options) =>
    this.#call('findProviders', this.#peer.findProviders(cid, options))

  readonly findPeer: ApiPeer['findPeer'] = (id, options) =>
    this.#call('findPeer', this.#peer.findPeer(id, options))

  readonly lookup: ApiPeer['lookup'] = (key, options) =>
    this.#call('lookup', this.#peer.lookup(key, options))

  readonly status: ApiPeer['status'] = () => this.#call('status', this.#peer.status())

  readonly peers: ApiPeer['peers'] = () => this.#call('peers', this.#peer.peers())

  readonly table: ApiPeer['table'] = () => this.#call('table', this.#peer.table())

  readonly records: ApiPeer['records'] = (limit) => this.#call('records', this.#peer.records(limit))

  readonly activity: ApiPeer['activity'] = (afterMs) =>
    this.#call('activity', this.#peer.activity(afterMs))

  async #call<Result>(method: keyof ApiPeer, call: Promise<Result>): Promise<Result> {
    try {
      const result = await call
      this.#onCall(method, undefined)
      return result
    } catch (error) {
      this.#onCall(method, codeOf(error))
      throw error
    }
  }

  async *#events(
    watch: () => AsyncIterable<WatchOutput>,
  ): AsyncGenerator<WatchOutput, void, undefined> {
    let code: string | undefined
    try {
      yield* watch()
    } catch (error) {
      code = codeOf(error)
      throw error
    } finally {
      this.#onCall('watch', code)
    }
  }
}

/** What is no error of ours is the reason given by whoever ended the call. */
function codeOf(error: unknown): string {
  return error instanceof KadmiumError ? error.code : 'ABORTED'
}
