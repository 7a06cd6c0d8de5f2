import { unreachable } from './assert.ts'
import { Contact } from './contact.ts'
import { bytesEqual, compareDistance, headOf, type Key } from './key.ts'
import { ADDRESS_RETRIES_MAX, ADDRESSES_PER_PEER_MAX } from './limits.ts'
import type { Instant } from './ports.ts'

/**
 * Where a candidate stands.
 *
 * - `unasked`: heard of, not asked;
 * - `waiting`: asked, still within its usual time;
 * - `slow`: asked, and slower than usual: no longer counts against alpha, may still answer;
 * - `givenUp`: slow, and nobody waits for it any more; may still answer;
 * - `answered`: final;
 * - `self`: the peer that asks, where it counts; final;
 * - `failed`: final, unless another referrer brings addresses that were not tried.
 */
export type CandidateState =
  | 'unasked'
  | 'waiting'
  | 'slow'
  | 'givenUp'
  | 'answered'
  | 'self'
  | 'failed'

/** A peer that a lookup has heard of. */
export interface Candidate {
  contact: Contact
  /** The contact's: at hand, for a lookup compares it again and again. */
  readonly head: number
  state: CandidateState
  /** Hops from the asking peer: 1 for its own contacts, one more than its referrer for others. */
  readonly depth: number
  /** When a waiting candidate turns slow. */
  slowAt: Instant
  /** When a slow candidate is given up. */
  giveUpAt: Instant
  /** Whether it is or was sent the lookup's early request, and so does not count against alpha. */
  isEarly: boolean
  /** How often it was tried again at other addresses. */
  retries: number
  /** Whether it failed without having seen a request. */
  unreached: boolean
  /** Addresses that another referrer brought while it was being asked at others. */
  spare: readonly Uint8Array[]
}

/** Whether the lookup goes on as if this candidate were not there. */
export function isOut({ state }: Candidate): boolean {
  return state === 'failed' || state === 'givenUp'
}

/**
 * The candidates of a lookup, nearest to the target first. At most `capacity`: the farthest that has failed makes room, else the
 * farthest that was not asked for one that is nearer. Whoever was asked and may be found stays.
 * Two contacts at one distance are the same peer (the metric is unidirectional), so order also finds duplicates.
 */
export class Candidates {
  readonly #target: Key
  readonly #targetHead: number
  readonly #capacity: number
  readonly #list: Candidate[] = []
  /** The ids of those that failed and were dropped: nobody is asked twice. No more than requests were sent; most need none. */
  #gone: Set<string> | undefined

  constructor(target: Key, capacity: number) {
    this.#target = target
    this.#targetHead = headOf(target)
    this.#capacity = capacity
  }

  /** All of them, nearest first. */
  get list(): readonly Candidate[] {
    return this.#list
  }

  /** The candidate that is this peer, if any. */
  find(contact: Contact): Candidate | undefined {
    const candidate = this.#list[this.#position(contact, contact.head)]
    return candidate !== undefined && bytesEqual(candidate.contact.key, contact.key)
      ? candidate
      : undefined
  }

  /** Gives the peer that asks its place. Nobody is to name it afterwards. */
  addSelf(self: Contact): void {
    const candidate = this.#list[this.add(self, self.head, 0)]
    if (candidate !== undefined) candidate.state = 'self'
  }

  /** Takes in a contact heard of, given with its head. Returns its position if it is new, -1 if it was known or is too far. */
  add(contact: Contact, head: number, depth: number): number {
    const index = this.#position(contact, head)
    const present = this.#list[index]
    if (present?.head === head && bytesEqual(present.contact.key, contact.key)) {
      learnAddresses(present, contact)
      return -1
    }
    if (this.#gone?.has(contact.id) === true) return -1
    let place = index
    if (this.#list.length >= this.#capacity) {
      const dropped = this.#leastNeeded(index)
      if (dropped < 0) return -1
      this.#drop(dropped)
      if (dropped < index) place -= 1
    }
    this.#list.splice(place, 0, {
      contact,
      head,
      state: 'unasked',
      depth,
      slowAt: 0,
      giveUpAt: 0,
      isEarly: false,
      retries: 0,
      unreached: false,
      spare: NO_ADDRESSES,
    })
    return place
  }

  /** Who makes room for a contact at `index`; -1 if nobody does. */
  #leastNeeded(index: number): number {
    const failed = this.#list.findLastIndex(({ state }) => state === 'failed')
    if (failed >= 0) return failed
    return this.#list.findLastIndex(({ state }, i) => i >= index && state === 'unasked')
  }

  #drop(index: number): void {
    const [dropped] = this.#list.splice(index, 1)
    if (dropped?.state !== 'failed') return
    this.#gone ??= new Set()
    this.#gone.add(dropped.contact.id)
  }

  #position(contact: Contact, head: number): number {
    const distance = (head ^ this.#targetHead) >>> 0
    let low = 0
    let high = this.#list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#list[middle] as Candidate // middle < length
      const otherDistance = (other.head ^ this.#targetHead) >>> 0
      const isNearer =
        otherDistance === distance
          ? compareDistance(this.#target, other.contact.key, contact.key) < 0
          : otherDistance < distance
      if (isNearer) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * One referrer's wrong address must not hide a peer from a lookup (an aid to eclipses: go-kademlia issue 38): addresses
 * that another referrer brings are kept, and a peer that was not reached may be tried once more with them.
 */
function learnAddresses(candidate: Candidate, contact: Contact): void {
  const known = candidate.contact
  if (known === contact || candidate.state === 'answered') return
  const fresh = contact.addresses.filter(
    (address) => !known.addresses.some((other) => bytesEqual(other, address)),
  )
  if (fresh.length === 0) return
  switch (candidate.state) {
    case 'unasked': {
      const addresses = inTurn(known.addresses, fresh)
      candidate.contact = new Contact({ ...pick(known), addresses })
      return
    }
    case 'failed':
      if (candidate.unreached) tryAgain(candidate, fresh)
      return
    case 'self':
      return
    case 'waiting':
    case 'slow':
    case 'givenUp':
      candidate.spare = inTurn(candidate.spare, fresh)
      return
    default:
      unreachable(candidate.state)
  }
}

/** A candidate has not answered at the addresses it was asked at: it may be asked again at those that came meanwhile. */
export function trySpareAddresses(candidate: Candidate): void {
  const { spare } = candidate
  candidate.spare = NO_ADDRESSES
  if (spare.length > 0) tryAgain(candidate, spare)
}

function tryAgain(candidate: Candidate, addresses: readonly Uint8Array[]): void {
  if (candidate.retries >= ADDRESS_RETRIES_MAX) return
  candidate.contact = new Contact({ ...pick(candidate.contact), addresses })
  candidate.state = 'unasked'
  candidate.retries += 1
}

/** One of each, and so on: a referrer who fills the list with false addresses must not crowd out the true one of another. */
function inTurn(a: readonly Uint8Array[], b: readonly Uint8Array[]): Uint8Array[] {
  const length = Math.max(a.length, b.length)
  const all = Array.from({ length }, (_, i) => [...a.slice(i, i + 1), ...b.slice(i, i + 1)]).flat()
  return all.slice(0, ADDRESSES_PER_PEER_MAX)
}

const NO_ADDRESSES: readonly Uint8Array[] = []

function pick(contact: Contact): Pick<Contact, 'id' | 'idBytes' | 'key'> {
  return { id: contact.id, idBytes: contact.idBytes, key: contact.key }
}
