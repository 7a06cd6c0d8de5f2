/**
 * How many round trips a put, a get and a lookup take, and what happens in them: 1,000 peers in virtual time, where a request
 * and its answer take 100 ms and nothing else takes any. What theory allows: a hop each until the closest are known, and for
 * a put none beyond, as the last of these requests store.
 */

import { SeededRandom } from '../../simulations/engine/random.ts'
import type { SimPeer } from '../../simulations/engine/sim-peer.ts'
import { resolveSimulation } from '../../simulations/options.ts'
import { makeSimulator } from '../../simulations/run.ts'
import type { DhtEvent } from '../../src/core/events.ts'
import { sha256Key } from '../../src/core/record-key.ts'
import type { KademliaNode } from '../../src/node/kademlia-node.ts'

const PEERS = 1_000
const OPERATIONS = 200
const ROUND_TRIP_MS = 100

const sim = makeSimulator(resolveSimulation({ latency: `constant:${ROUND_TRIP_MS}`, seed: 1 }, {}))
sim.startWarm(PEERS)
const random = new SeededRandom(1, 'round trips')
const keys: Uint8Array[] = []
// Peers at work know about how many they are: what is near enough to store at follows from it.
for (const peer of sim.oracle.peers) await sim.until(nodeOf(peer).findNode(random.bytes(32)))

await measure('put', async (node, observer) => {
  const value = random.bytes(100)
  const key = sha256Key(sim.hash(value))
  await node.put(key, value, { observer })
  keys.push(key)
})
await measure('get', async (node, observer) => {
  await node.get(random.pick(keys), { observer })
})
await measure('lookup', async (node, observer) => {
  await node.findNode(random.bytes(32), { observer })
})

type Observer = { readonly observe: (event: DhtEvent) => void }

/** Runs an operation from random peers; prints its round trips, and the course of the first. */
async function measure(
  name: string,
  operate: (node: KademliaNode, observer: Observer) => Promise<void>,
): Promise<void> {
  const counts = new Map<number, number>()
  let requests = 0
  let course: string[] = []
  for (let i = 0; i < OPERATIONS; i++) {
    const startedAt = sim.now
    const rounds = new Map<number, string[]>()
    const observe = (event: DhtEvent): void => {
      if (event.type !== 'request-sent') return
      requests += 1
      const round = Math.round((sim.now - startedAt) / ROUND_TRIP_MS) + 1
      rounds.set(round, [...(rounds.get(round) ?? []), event.request])
    }
    await sim.until(operate(nodeOf(random.pick(sim.oracle.peers)), { observe }))
    const took = Math.round((sim.now - startedAt) / ROUND_TRIP_MS)
    counts.set(took, (counts.get(took) ?? 0) + 1)
    if (i === 0) course = [...rounds].map(([round, sent]) => `  ${round}. ${summary(sent)}`)
  }
  const spread = [...counts].sort(([a], [b]) => a - b).map(([took, n]) => `${took}: ${n}`)
  const mean = [...counts].reduce((sum, [took, n]) => sum + took * n, 0) / OPERATIONS
  process.stdout.write(
    `${name}: ${mean.toFixed(2)} round trips, ${(requests / OPERATIONS).toFixed(1)} requests (${spread.join(', ')})\n${course.join('\n')}\n`,
  )
}

/** `3 find-node, 2 put-value`. */
function summary(sent: readonly string[]): string {
  const byType = Map.groupBy(sent, (type) => type)
  return [...byType].map(([type, all]) => `${all.length} ${type}`).join(', ')
}

function nodeOf({ node, contact }: SimPeer): KademliaNode {
  if (node === undefined) throw new Error(`${contact.id} is down`)
  return node
}
