import type { Contact } from '../../src/core/contact.ts'
import { commonPrefixLength } from '../../src/core/key.ts'
import type { Keyed, Oracle } from '../oracle.ts'
import type { SimulatedPeer } from '../simulated-network.ts'
import type { SeededRandom } from './random.ts'

/** A peer refreshes after 0.8 to 1 intervals (`RefreshDuty`): none is overdue at the start. */
const REFRESHED_WITHIN = 0.8

/**
 * Gives a peer the table that it would have in a network in its steady state: of each bucket's range min(k, n) members,
 * drawn uniformly, and the k nearest neighbours. Source: science of the ideal table, Stutzbach and Rejaie (INFOCOM 2006):
 * each bucket holds a uniform sample of its range. Far buckets were refreshed at some time of the last interval, so that a
 * network does not refresh all of them at once; the neighbourhood has just been.
 */
export function fillTable(
  peer: SimulatedPeer,
  oracle: Oracle<SimulatedPeer>,
  random: SeededRandom,
  now: number,
): void {
  if (peer.node === undefined) return
  const { table, options } = peer.node
  const { peers } = oracle
  const { key } = peer.contact
  // The peer itself is the nearest of all.
  const neighbours = oracle.closest(key, table.k + 1).slice(1)
  oracle.forEachBucket(key, (prefixLength, from, to) => {
    const contacts: Contact[] = []
    drawRange(from, to, table.k, random, (index) => {
      contacts.push((peers[index] as Keyed).contact) // the oracle names places of its own array
    })
    if (to - from > table.k) {
      for (const { contact } of neighbours) {
        const isHere = commonPrefixLength(key, contact.key) === prefixLength
        if (isHere && !contacts.includes(contact)) contacts.push(contact)
      }
    }
    table.restore(prefixLength, contacts, now)
    const [first] = contacts
    if (first === undefined || to - from <= table.k) return
    table.touched(first.key, now - options.refreshIntervalMs * REFRESHED_WITHIN * random.fraction())
  })
}

/** Calls `visit` with `count` different whole numbers from `from` up to but not including `to`, or with all of them. */
export function drawRange(
  from: number,
  to: number,
  count: number,
  random: SeededRandom,
  visit: (index: number) => void,
): void {
  const size = to - from
  if (size <= count) {
    for (let i = from; i < to; i++) visit(i)
    return
  }
  // Floyd's way: `count` draws, whatever the size. So few that a scan finds a repetition sooner than a Set.
  const drawn: number[] = []
  for (let i = size - count; i < size; i++) {
    const index = random.below(i + 1)
    const fresh = drawn.includes(index) ? i : index
    drawn.push(fresh)
    visit(from + fresh)
  }
}
