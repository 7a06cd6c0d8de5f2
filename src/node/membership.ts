import type { Admission } from '../core/admission.ts'
import { unreachable } from '../core/assert.ts'
import type { Contact } from '../core/contact.ts'
import { PROBES_MAX } from '../core/limits.ts'
import type { RequestTiming } from '../core/lookup-init.ts'
import type { RpcFailure, RpcRequest } from '../core/message.ts'
import type { Cancel, Instant, Ports } from '../core/ports.ts'
import { RecentAnswers } from '../core/recent-answers.ts'
import type { RoutingTable } from '../core/routing-table.ts'
import type { RttEstimator } from '../core/rtt-estimator.ts'

/**
 * Decides who is in the routing table, and sends the few requests that this needs.
 *
 * A peer enters only after it has answered a request of ours: what others say of it makes it a candidate of a lookup, no
 * more. A newcomer to a full bucket waits until the bucket's oldest contact has been probed.
 */
export class Membership {
  readonly #ports: Ports
  readonly #table: RoutingTable
  readonly #rtt: RttEstimator
  readonly #answers = new RecentAnswers()
  /** Probes under way, by the peer's id; at most `PROBES_MAX`. */
  #probes: Map<string, Cancel> | undefined
  #request: RpcRequest
  readonly #onSuspect: () => void
  /** How long to wait for a peer: longer if a connection must be opened first. */
  readonly timing: RequestTiming = {
    timeoutMs: (peer) => this.#rtt.timeoutMs(peer.head, this.#isConnected(peer)),
    slowAfterMs: (peer) => this.#rtt.slowAfterMs(peer.head, this.#isConnected(peer)),
    giveUpAfterMs: (peer) => this.#rtt.giveUpAfterMs(peer.head, this.#isConnected(peer)),
  }

  constructor(init: {
    ports: Ports
    table: RoutingTable
    rtt: RttEstimator
    self: Contact
    /** A contact in the table has failed. */
    onSuspect: () => void
  }) {
    this.#ports = init.ports
    this.#table = init.table
    this.#rtt = init.rtt
    this.#onSuspect = init.onSuspect
    // A look for ourselves tells that the peer speaks the protocol, and what every implementation answers.
    this.#request = { type: 'find-node', key: init.self.idBytes, target: init.self.key }
  }

  /** A request of ours was answered. */
  answered(from: Contact, rttMs: number, now: Instant): void {
    this.#rtt.sample(from.head, rttMs)
    this.#answers.answered(from.id, now)
    this.#offer(from, now)
  }

  /** A request of ours failed. */
  failed(to: Contact, failure: RpcFailure, sentAt: Instant, now: Instant): void {
    this.#answers.forget(to.id)
    switch (failure.type) {
      case 'timeout':
      case 'unreachable':
      case 'malformed': {
        const { type } = this.#table.failed(to.id, to.key, now, sentAt)
        if (type === 'counted') return
        this.#rtt.failed(to.head)
        if (type !== 'unknown') this.#onSuspect()
        return
      }
      case 'refused': // it answered, only not as we wished
        this.#rtt.answered(to.head)
        this.#offer(to, now)
        return
      case 'aborted':
        return
      default:
        unreachable(failure.type)
    }
  }

  /** A peer that speaks the protocol as a server showed up; its own word on its addresses is the newest. */
  seen(contact: Contact, now: Instant): void {
    this.#table.heard(contact, now)
    if (!this.#table.wants(contact, now)) return
    const oldest = this.#table.challenge(contact, now)
    if (oldest !== undefined) this.#defend(oldest, contact)
    else this.#invite(contact)
  }

  #invite(newcomer: Contact): void {
    this.#probe(newcomer, (isAlive, at) => {
      if (isAlive) this.#follow(this.#table.offer(newcomer, at), newcomer)
    })
  }

  /** Asks a contact that failed whether it is back; resolves when that is known. */
  retry(contact: Contact): Promise<void> {
    return new Promise((resolve) => {
      const isSent = this.#probe(contact, (isAlive, at) => {
        if (isAlive) this.#offer(contact, at)
        else this.#table.failed(contact.id, contact.key, at)
        resolve()
      })
      if (!isSent) resolve()
    })
  }

  isDoubted({ head }: Contact): boolean {
    return this.#rtt.hasFailed(head)
  }

  /** Whether the peer has answered a request a moment ago, and its connection stands, where the network knows of one. */
  hasAnsweredLately(peer: Contact): boolean {
    return this.#answers.has(peer.id, this.#ports.clock.now()) && this.#isConnected(peer)
  }

  /** A peer no longer answers requests. */
  left(id: string, now: Instant): void {
    this.#answers.forget(id)
    for (const contact of this.#table.contacts()) {
      if (contact.id !== id) continue
      this.#table.remove(id, contact.key, now)
      return
    }
  }

  /** Takes back all probes. */
  close(): void {
    for (const cancel of this.#probes?.values() ?? []) cancel()
    this.#probes = undefined
  }

  #isConnected(peer: Contact): boolean {
    return this.#ports.network.isConnected?.(peer) !== false
  }

  /** A peer has answered. */
  #offer(from: Contact, now: Instant): void {
    // A referrer may have told us other addresses than the peer itself did: those in the table stand.
    const contact = this.#table.get(from.key, from.head) ?? from
    this.#follow(this.#table.offer(contact, now), contact)
  }

  #follow(admission: Admission, newcomer: Contact): void {
    if (admission.type === 'probe') this.#defend(admission.oldest, newcomer)
  }

  /** Probes the oldest contact of a bucket; who answers stays (Kademlia, section 2.2). */
  #defend(oldest: Contact, newcomer: Contact): void {
    // Without room for one more probe the newcomer waits on: the table asks for the probe again at its next showing.
    this.#probe(oldest, (isAlive, at) => {
      this.#table.probed(oldest, isAlive, newcomer, at)
    })
  }

  /** Sends a probe; `false` if it was not sent, as too many are under way or one to this peer is. */
  #probe(contact: Contact, ended: (isAlive: boolean, now: Instant) => void): boolean {
    this.#probes ??= new Map()
    const probes = this.#probes
    if (probes.size >= PROBES_MAX || probes.has(contact.id)) return false
    const { clock, network } = this.#ports
    const sentAt = clock.now()
    const deadline = sentAt + this.timing.timeoutMs(contact)
    const cancel = network.send(contact, this.#request, deadline, (outcome, rttMs) => {
      probes.delete(contact.id)
      const now = clock.now()
      const isAlive = outcome.ok || outcome.failure.type === 'refused'
      if (outcome.ok) this.#rtt.sample(contact.head, rttMs ?? now - sentAt)
      else if (isAlive) this.#rtt.answered(contact.head)
      else this.#rtt.failed(contact.head)
      if (!outcome.ok) this.#answers.forget(contact.id)
      ended(isAlive, now)
    })
    probes.set(contact.id, cancel)
    return true
  }
}
