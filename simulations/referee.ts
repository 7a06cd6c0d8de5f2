import type { Contact } from '../src/core/contact.ts'
import type { DhtEvent, OperationKind } from '../src/core/events.ts'
import { bytesEqual, compareDistance, type Key, toHex } from '../src/core/key.ts'
import { ANSWER_RECENT_MS, FAILURES_STALE, GIVE_UP_MIN_MS } from '../src/core/limits.ts'
import type { RpcOutcome } from '../src/core/message.ts'
import { SAMPLE_PEERS_MIN } from '../src/core/network-size.ts'
import type { NodeOptions } from '../src/core/options.ts'
import type { Observer } from '../src/core/ports.ts'
import type { SimPeer } from './engine/sim-peer.ts'
import type { Simulator } from './engine/simulator.ts'
import { InvariantError } from './invariants.ts'

/** No request counts as slow before, whatever its peer's usual is (`RttEstimator`); a peer's clock may be somewhat fast. ms. */
const NEVER_SLOW_MS = 19

/** How far times may be off: clocks of peers run at their own rates. ms. */
const LATE_MS = 1

/** Operations that are a lookup and nothing else: when they are done, the k closest have answered. */
const PLAIN: ReadonlySet<OperationKind> = new Set(['find-node', 'refresh', 'join'])

/** Operations with a lookup in them, which asks by requests of these types. */
const ASKING: ReadonlySet<OperationKind> = new Set([...PLAIN, 'put', 'get', 'provide'])

/**
 * Watches every peer of a network while it works, from without: the rules that no look at a peer's state can show, for they are
 * about what it does (science.md F).
 *
 * - I3: who answers is never thrown out for a newcomer.
 * - I4: answers are bounded, name nobody twice and never who asks.
 * - I5: a lookup asks nobody twice, has at most alpha requests under way that are not slow, and ends in time.
 * - I6: when it says that it is complete, the k closest that it has heard of and that did not fail have answered; of the
 *   refresh of a bucket, which ends when the bucket has what it needs, as many as an estimate of the network's size needs. Of
 *   a find-node that alpha have answered, the others may have answered something else within the second before; and whose
 *   last request failed may be given up before this one has.
 * - I7: who holds a value takes none for it that is older.
 *
 * A broken rule is kept until `check`, as an error thrown at an observer would end in the middle of somebody's work.
 */
export class Referee {
  readonly #options: NodeOptions
  #broken: InvariantError | undefined

  /** Watches all peers of the network, and those that come. */
  constructor(sim: Simulator) {
    this.#options = sim.options
    for (const peer of sim.peers) this.#watch(peer)
    sim.onPeer = (peer) => this.#watch(peer)
  }

  /** @throws InvariantError for the first rule that was broken. */
  check(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  #watch(peer: SimPeer): void {
    const watch = new PeerWatch(peer, this.#options, (invariant, what) => {
      this.#broken ??= new InvariantError(invariant, what)
    })
    peer.observer = watch
    peer.onOutcome = (to, outcome) => watch.outcome(to, outcome)
  }
}

type Complain = (invariant: string, what: string) => void

/** What a lookup has done so far, as its peer's observer sees it. */
interface LookupWatch {
  readonly kind: OperationKind
  readonly target: Key
  /** The farthest of the k closest of the own table at the start. */
  readonly reach: Contact | undefined
  /** Everybody known at the start, asked, or named in an answer. */
  readonly heard: Map<string, Contact>
  readonly asked: Set<string>
  readonly answered: Set<string>
  readonly failed: Set<string>
  /** When each request that is under way was sent. */
  readonly sentAt: Map<string, number>
  /** Whose last request before this lookup's had failed. */
  readonly doubted: Set<string>
  readonly startedAt: number
}

/** Watches one peer, through all its incarnations. */
class PeerWatch implements Observer {
  readonly #peer: SimPeer
  readonly #options: NodeOptions
  readonly #complain: Complain
  #incarnation = 0
  #lookups = new Map<number, LookupWatch>()
  /** Failed requests in a row, of whatever operation or probe. */
  #failures = new Map<string, number>()
  /** When each peer last answered a request, least recently first; only what may still be of concern. */
  #answeredAt = new Map<string, number>()
  /** Of the values held that have versions, by key. */
  #versions = new Map<string, number>()

  constructor(peer: SimPeer, options: NodeOptions, complain: Complain) {
    this.#peer = peer
    this.#options = options
    this.#complain = complain
  }

  /** Before the peer itself hears of it: so its own verdict on a contact comes after. */
  outcome(to: Contact, outcome: RpcOutcome): void {
    if (outcome.ok) this.#remember(to.id, this.#peer.now())
    if (outcome.ok || outcome.failure.type === 'refused') this.#failures.delete(to.id)
    else this.#failures.set(to.id, (this.#failures.get(to.id) ?? 0) + 1)
  }

  observe(event: DhtEvent): void {
    if (this.#incarnation !== this.#peer.incarnation) {
      this.#incarnation = this.#peer.incarnation
      this.#lookups = new Map()
      this.#failures = new Map()
      this.#answeredAt = new Map()
      this.#versions = new Map()
    }
    switch (event.type) {
      case 'contact-removed':
        this.#removed(event)
        break
      case 'operation-start':
        if (event.target !== undefined) this.#begun(event, event.target)
        break
      case 'request-sent':
        this.#sent(event)
        break
      case 'request-answered':
        this.#answered(event)
        break
      case 'request-failed':
        this.#failed(event)
        break
      case 'operation-end':
        this.#ended(event)
        break
      case 'record-stored':
        this.#stored(event.key)
        break
      case 'record-removed':
        this.#versions.delete(toHex(event.key))
        break
      default: // of no concern to these rules
    }
  }

  /** I3: stale ones go, or those that a full bucket has beyond the neighbours. */
  #removed({ contact, reason }: Extract<DhtEvent, { type: 'contact-removed' }>): void {
    const failures = this.#failures.get(contact.id) ?? 0
    if (reason === 'stale' && failures < FAILURES_STALE) {
      this.#break('I3', `threw ${contact.id} out after ${failures} failures in a row`)
    }
  }

  #stored(key: Uint8Array): void {
    const version = this.#peer.node?.records.get(key, this.#peer.wallClock())?.version ?? 0
    const name = toHex(key)
    const before = this.#versions.get(name) ?? 0
    if (version < before) this.#break('I7', `took version ${version} for ${before} of ${name}`)
    this.#versions.set(name, version)
  }

  #begun(event: Extract<DhtEvent, { type: 'operation-start' }>, target: Key): void {
    if (!ASKING.has(event.kind)) return
    const known = this.#peer.node?.table.closest(target, this.#options.k) ?? []
    this.#lookups.set(event.operation, {
      kind: event.kind,
      target,
      reach: known.at(-1),
      heard: new Map(known.map((contact) => [contact.id, contact])),
      asked: new Set(),
      answered: new Set(),
      failed: new Set(),
      sentAt: new Map(),
      doubted: new Set(),
      startedAt: event.at,
    })
  }

  /**
   * I5: nobody twice, and no more at once than alpha, or after a round without progress than it may widen to. A find-node may
   * ask all that stand no farther than the closest of the own table beside these, where it takes those for the closest of all.
   */
  #sent({ operation, at, to, request }: Extract<DhtEvent, { type: 'request-sent' }>): void {
    const lookup = this.#lookups.get(operation)
    if (lookup === undefined || request === 'put-value') return
    if (lookup.asked.has(to.id)) this.#break('I5', `asked ${to.id} twice in a ${lookup.kind}`)
    lookup.heard.set(to.id, to)
    lookup.asked.add(to.id)
    lookup.sentAt.set(to.id, at)
    if (this.#failures.has(to.id)) lookup.doubted.add(to.id)
    const { alpha, widenTo, k } = this.#options
    const widest = Math.max(alpha, widenTo === 0 ? k : widenTo)
    const most = lookup.answered.size < alpha ? alpha : widest
    const young = [...lookup.sentAt].filter(([id, sentAt]) => {
      return at - sentAt < NEVER_SLOW_MS && !mayGoAtOnce(lookup, id)
    })
    if (young.length > most) {
      this.#break('I5', `had ${young.length} requests of a ${lookup.kind} under way at once`)
    }
  }

  #answered(event: Extract<DhtEvent, { type: 'request-answered' }>): void {
    const { closer, from } = event
    const most = this.#options.contactsPerResponse
    if (closer.length > most) this.#break('I4', `was told ${closer.length} contacts by ${from.id}`)
    if (new Set(closer).size < closer.length) this.#break('I4', `${from.id} named one peer twice`)
    if (closer.some(({ id }) => id === this.#peer.contact.id)) {
      this.#break('I4', `was told of itself by ${from.id}`)
    }
    const lookup = this.#lookups.get(event.operation)
    if (lookup === undefined) return
    lookup.sentAt.delete(from.id)
    lookup.answered.add(from.id)
    for (const contact of closer) lookup.heard.set(contact.id, contact)
  }

  #remember(id: string, at: number): void {
    this.#answeredAt.delete(id)
    this.#answeredAt.set(id, at)
    for (const [oldest, answeredAt] of this.#answeredAt) {
      if (at - answeredAt <= this.#options.operationTimeoutMs + ANSWER_RECENT_MS) break
      this.#answeredAt.delete(oldest)
    }
  }

  #failed({ operation, from }: Extract<DhtEvent, { type: 'request-failed' }>): void {
    const lookup = this.#lookups.get(operation)
    lookup?.sentAt.delete(from.id)
    lookup?.failed.add(from.id)
  }

  #ended(event: Extract<DhtEvent, { type: 'operation-end' }>): void {
    const lookup = this.#lookups.get(event.operation)
    if (lookup === undefined) return
    this.#lookups.delete(event.operation)
    const { operationTimeoutMs } = this.#options
    // Whoever ends at the deadline may have taken a trillionth of a second less, as floating point has it.
    const isInTime = event.durationMs < operationTimeoutMs - 1
    if (event.durationMs > operationTimeoutMs + LATE_MS) {
      this.#break('I5', `took ${event.durationMs} ms for a ${lookup.kind}`)
    }
    if (!PLAIN.has(lookup.kind) || event.result !== 'done' || !isInTime) return
    const { heard, answered, failed, target } = lookup
    const isOut = (id: string): boolean => failed.has(id) || wasGivenUp(lookup, id, event.at)
    const self = this.#peer.contact
    const others = [...heard.values()].filter(({ id }) => !isOut(id) && id !== self.id)
    // Who looks for others may be one of the closest itself.
    const closest = (lookup.kind === 'find-node' ? [...others, self] : others)
      .sort((a, b) => compareDistance(target, a.key, b.key))
      .slice(0, this.#answersWanted(lookup))
      .filter(({ id }) => id !== self.id)
    const missed = closest.filter(({ id }) => !answered.has(id) && !this.#isSpared(lookup, id))
    if (missed.length > 0) {
      const wanted = `the ${closest.length} closest`
      this.#break('I6', `ended a ${lookup.kind} without ${missed.length} of ${wanted}`)
    }
  }

  /** An upper bound: a lookup may have counted on an answer before a later request failed, or the connection was closed. */
  #isSpared({ kind, answered, startedAt }: LookupWatch, id: string): boolean {
    const answeredAt = this.#answeredAt.get(id) ?? Number.NEGATIVE_INFINITY
    const isRecent = answeredAt >= startedAt - ANSWER_RECENT_MS
    return kind === 'find-node' && answered.size >= this.#options.alpha && isRecent
  }

  #answersWanted({ kind, target }: LookupWatch): number {
    const { k } = this.#options
    const isOfBucket = kind === 'refresh' && !bytesEqual(target, this.#peer.contact.key)
    return isOfBucket ? Math.min(k, SAMPLE_PEERS_MIN) : k
  }

  #break(invariant: string, what: string): void {
    this.#complain(invariant, `${this.#peer.contact.id} ${what}`)
  }
}

function wasGivenUp({ answered, doubted, sentAt }: LookupWatch, id: string, at: number): boolean {
  const isLate = at - (sentAt.get(id) ?? at) >= GIVE_UP_MIN_MS - LATE_MS
  return answered.size > 0 && doubted.has(id) && isLate
}

function mayGoAtOnce({ kind, target, reach, heard }: LookupWatch, id: string): boolean {
  const contact = heard.get(id)
  if (kind !== 'find-node' || reach === undefined || contact === undefined) return false
  return compareDistance(target, contact.key, reach.key) <= 0
}
