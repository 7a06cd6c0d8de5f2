import type { Contact } from './contact.ts'
import type { Key } from './key.ts'
import type { RpcRequest } from './message.ts'
import type { Instant } from './ports.ts'

/** How long to wait for a peer; from its own round trips where they are known. */
export interface RequestTiming {
  /** When a request has failed. ms after it was sent. */
  timeoutMs(contact: Contact): number
  /** When a peer is slower than its usual, so that another is asked beside it. ms after the request was sent. */
  slowAfterMs(contact: Contact): number
  /** When a lookup that others have answered gives up waiting for it. ms after the request was sent; may be `Infinity`. */
  giveUpAfterMs(contact: Contact): number
}

/** What a lookup needs to know. */
export interface LookupInit {
  readonly target: Key
  /** The peer that asks: it never asks itself. */
  readonly self: Contact
  /**
   * Whether it takes a place among the k closest where it stands near enough, so that one other fewer is looked for; but never
   * the only place.
   */
  readonly countsSelf?: boolean | undefined
  /** Sent to every candidate. */
  readonly request: RpcRequest
  /** Contacts to begin with. */
  readonly seeds: readonly Contact[]
  /**
   * The `count` closest known, for when nobody is left to ask: the nearest seeds may all be dead while farther ones live, or
   * some that wait for a place.
   */
  readonly moreSeeds?: ((count: number) => readonly Contact[]) | undefined
  readonly k: number
  readonly alpha: number
  /** Requests under way when a round brought nothing nearer; `k` as in the paper, `alpha` never widens. */
  readonly widenTo: number
  /** How many of the closest must have answered. `k` as in the paper; fewer for reads that want speed. */
  readonly answersWanted: number
  readonly timing: RequestTiming
  /** When the lookup ends with what it has. */
  readonly deadline: Instant
  /** Where the answer of any of those to be found will do. */
  readonly holders?: Holders | undefined
  /** What candidates near the target are sent before anything else. */
  readonly early?: EarlyRequest | undefined
  /** Who has answered another request a moment ago; see `Lookup`. */
  readonly answeredLately?: ((contact: Contact) => boolean) | undefined
}

/**
 * A request that does more than ask: a candidate that is surely one of those to be found is sent it in place of the lookup's
 * own, as soon as it is heard of and not counted against alpha. Its answer names contacts too; who answers without any, or
 * refuses, is asked by the lookup's own request as well.
 * It may be the lookup's own request, to ask all of the closest at once where they are known.
 */
export interface EarlyRequest {
  readonly request: RpcRequest
  /** Whether a peer at this key is near enough; if it is, so are all that stand nearer. */
  readonly isNear: (key: Key) => boolean
}

/**
 * Whose answer will do, whoever of them gives it. One of them is asked as soon as any is known, and nobody else until it has
 * answered or is late: the nearest would carry the load of all that look for it, and two answers more are of no use.
 */
export interface Holders {
  /** Whether a peer at this key is surely one of them; if it is, so are all that stand nearer. */
  readonly isNear: (key: Key) => boolean
  /** Which of them, at random: the share of them that stand nearer. 0 to below 1. */
  readonly choice: number
}
