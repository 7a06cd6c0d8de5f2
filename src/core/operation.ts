import type { Contact } from './contact.ts'
import type { RpcFailure, RpcRequest, RpcResponse } from './message.ts'
import type { Instant } from './ports.ts'

/**
 * What an operation wants next.
 *
 * - `send`: send this request now, and ask again at once;
 * - `wait`: ask again when an answer or failure has been reported, or when `until` has come (`Infinity`: answers only).
 *   `until` always lies in the future;
 * - `done`: final; the requests still under way are of no further use.
 */
export type Step<Result> =
  | {
      readonly type: 'send'
      readonly to: Contact
      readonly request: RpcRequest
      readonly deadline: Instant
    }
  | { readonly type: 'wait'; readonly until: Instant }
  | { readonly type: 'done'; readonly result: Result }

/**
 * A decision process without I/O: the same inputs give the same steps. The duties of whoever drives it:
 *
 * 1. call `next` until it says `wait` or `done`; send every request it asks for;
 * 2. report each request's end by exactly one of `onResponse` and `onFailure`, then call `next` again; where several have
 *    ended by the time it is called, report all of them first;
 * 3. call `next` when `until` has come, even if nothing was reported;
 * 4. after `done`, report nothing more and drop what is under way (reports after `done` have no effect).
 */
export interface Operation<Result> {
  next(now: Instant): Step<Result>
  /** `request` is the one that this answers: an operation may have several under way to one peer. */
  onResponse(from: Contact, response: RpcResponse, now: Instant, request: RpcRequest): void
  onFailure(from: Contact, failure: RpcFailure, now: Instant, request: RpcRequest): void
}
