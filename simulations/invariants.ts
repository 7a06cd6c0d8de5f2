import { commonPrefixLength, compareDistance } from '../src/core/key.ts'
import type { RoutingTable } from '../src/core/routing-table.ts'
import { eventOrder } from './engine/event-queue.ts'
import { EPOCH_MS } from './engine/sim-peer.ts'
import type { Simulator } from './engine/simulator.ts'
import type { SimulatedNetwork, SimulatedPeer } from './simulated-network.ts'
import { holdersOf, type PutValue } from './values.ts'

/**
 * What must hold at any time, at any seed (science.md F): what a look at the peers shows. What shows only while they work is
 * watched by the `Referee` (I3 to I7); I11 is held by the digest, I12 by `checkQuiescence`.
 */

/** A broken invariant: which, and what was seen. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
  readonly invariant: string

  constructor(invariant: string, what: string) {
    super(`invariant ${invariant} is broken: ${what}`)
    this.invariant = invariant
  }
}

/** So many peers are checked, evenly spread over the keyspace: a check costs some microseconds a contact. */
const CHECKED_PEERS_MAX = 2_000

/** By how much a record may end later than its life from the put on: its way from holder to holder took as long. ms. */
const ON_THE_WAY_MS = 5 * 60_000

/** How long a network that has stopped is listened to: longer than any interval of a peer's duties. */
const STANDSTILL_MS = 2 * 3_600_000

/**
 * Checks the network's accounts and its peers, or in a large network a sample of them.
 *
 * @throws InvariantError
 */
export function checkInvariants(sim: SimulatedNetwork): void {
  checkNetwork(sim)
  const { peers } = sim.oracle
  const step = Math.max(1, peers.length / CHECKED_PEERS_MAX)
  for (let i = 0; i < peers.length; i += step) {
    const peer = peers[Math.floor(i)]
    if (peer !== undefined) checkPeer(sim, peer)
  }
}

/** I9 and I10: requests end exactly once, and messages are sent, lost, delivered or under way. Of the engine's network only. */
function checkNetwork(sim: SimulatedNetwork): void {
  const { requestsUnderWay = 0, messagesUnderWay = 0 } = sim.network.counters
  if (requestsUnderWay < 0) {
    throw new InvariantError('I9', `${-requestsUnderWay} requests ended twice`)
  }
  if (messagesUnderWay < 0) {
    throw new InvariantError('I10', `${-messagesUnderWay} messages came from nowhere`)
  }
}

function checkPeer(sim: SimulatedNetwork, peer: SimulatedPeer): void {
  const { node, contact: self } = peer
  if (node === undefined) throw new InvariantError('I8', `${self.id} is dead and in the oracle`)
  const { table, records, options } = node
  checkRanges(peer, node.table)
  // I1: buckets hold what belongs to them, each once and within their bounds.
  try {
    table.checkInvariants()
  } catch (error) {
    throw new InvariantError('I1', error instanceof Error ? error.message : String(error))
  }
  for (const contact of table.contacts()) {
    if (contact.id === self.id) throw new InvariantError('I1', `${self.id} knows itself`)
  }
  // I4: answers are bounded, sorted, and do not name the asker.
  const answer = table.closest(self.key, options.contactsPerResponse, self)
  if (answer.length > options.contactsPerResponse) {
    throw new InvariantError('I4', `an answer of ${answer.length} contacts`)
  }
  let descents = 0
  for (let i = 1; i < answer.length; i++) {
    const [before, after] = [answer[i - 1], answer[i]]
    if (before === undefined || after === undefined) continue
    if (compareDistance(self.key, before.key, after.key) > 0) descents += 1
  }
  // Once: live contacts come first, then those that failed.
  if (descents > 1) throw new InvariantError('I4', `${self.id} answers out of order`)
  // I7: nothing outlives the longest life, and the store keeps its quotas.
  if (records.size > options.storeRecordsMax || records.bytes > options.storeBytesMax) {
    throw new InvariantError('I7', `${self.id} holds ${records.size} records`)
  }
  const latest = peer.wallClock() + options.recordLifetimeMs
  for (const { expiresAt, record } of records.range()) {
    if (expiresAt > latest) throw new InvariantError('I7', `${self.id} prolongs a record`)
    if (!sim.validators.validate(record.key, record.value, peer.wallClock()).valid) {
      throw new InvariantError('I7', `${self.id} holds an invalid record`)
    }
  }
}

/** I2: every key but the own one belongs to one bucket, that of the prefix it shares: they part the keyspace among them. */
function checkRanges({ contact: self }: SimulatedPeer, table: RoutingTable): void {
  let before = -1
  for (const { prefixLength, contacts } of table.groups()) {
    if (prefixLength <= before)
      throw new InvariantError('I2', `${self.id} has buckets that overlap`)
    before = prefixLength
    const stray = contacts.find(({ key }) => commonPrefixLength(self.key, key) !== prefixLength)
    if (stray === undefined) continue
    throw new InvariantError('I2', `${self.id} has ${stray.id} in the wrong bucket`)
  }
}

/**
 * I7 over time: who stores a record again gives it no longer life. These were put before `putBefore`, and nobody renews them.
 *
 * @throws InvariantError
 */
export function checkLives(sim: Simulator, values: readonly PutValue[], putBefore: number): void {
  const latest = putBefore + sim.options.recordLifetimeMs + ON_THE_WAY_MS
  for (const value of values) {
    for (const peer of holdersOf(sim, value)) {
      const held = peer.node?.records.get(value.key, peer.wallClock())
      const endsAt = ((held?.expiresAt ?? 0) - EPOCH_MS - peer.skewMs) / peer.clockRate
      if (endsAt <= latest) continue
      const lateMs = Math.round(endsAt - latest)
      throw new InvariantError('I7', `${peer.contact.id} prolongs a record by ${lateMs} ms`)
    }
  }
}

/**
 * I8 and I9 at the end: peers that have stopped wait for nothing, have no alarm left, and say nothing any more. Their
 * computers stay on, or a message too many would not be sent.
 *
 * @throws InvariantError
 */
export async function checkStandstill(sim: Simulator): Promise<void> {
  const nodes = sim.oracle.peers.flatMap(({ node }) => node ?? [])
  await sim.until(Promise.all(nodes.map((node) => node.stop())))
  const { counters } = sim.network
  if (counters.requestsUnderWay !== 0) {
    throw new InvariantError('I9', `${counters.requestsUnderWay} requests never ended`)
  }
  const { messages, messagesUnderWay } = counters
  const replies = counters.sentOf('reply')
  await sim.run(sim.now + STANDSTILL_MS)
  // Requests that were on their way are refused when they arrive, each once.
  const refusals = Math.min(counters.sentOf('reply') - replies, messagesUnderWay)
  const late = counters.messages - messages - refusals
  if (late > 0) throw new InvariantError('I8', `${late} messages of peers that have stopped`)
  const alarms = sim.queue.countFrom(eventOrder(1, 0)) // 0 is the world, which goes on
  if (alarms > 0) throw new InvariantError('I8', `${alarms} alarms of peers that have stopped`)
}
