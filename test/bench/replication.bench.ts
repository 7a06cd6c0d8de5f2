/**
 * What it costs a network to keep its values for one interval: by the sweep over regions, and beside it by one lookup for each
 * key, which is how a peer would do that knows no better. In the simulator, without churn; every message is encoded, so that
 * its bytes count.
 */

import { hrtime } from 'node:process'
import { SeededRandom } from '../../simulations/engine/random.ts'
import { Simulator } from '../../simulations/engine/simulator.ts'
import { constantLatency } from '../../simulations/models/latency.ts'
import { copiesOf, holdersOf, type PutValue } from '../../simulations/values.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import { resolveOptions } from '../../src/core/options.ts'
import { sha256Key } from '../../src/core/record-key.ts'

const PEERS = 1_000
const VALUES = 10_000
const VALUE_BYTES = 200
const K = 20
const SEED = 1
const HOUR = 3_600_000
const PUTS_AT_ONCE = 16

interface Cost {
  readonly lookups: number
  readonly lookupRequests: number
  readonly storeRequests: number
  readonly bytes: number
  readonly copies: number
}

process.stdout.write(`${VALUES} values of ${VALUE_BYTES} bytes on ${PEERS} peers, k = ${K}\n`)
const swept = await sweep()
report('region sweep', swept)
const singly = await oneByOne()
report('a lookup a key', singly)
const times = (name: keyof Cost): string => (singly[name] / swept[name]).toFixed(1)
process.stdout.write(
  `The sweep: ${times('lookups')} times fewer lookups, ${times('lookupRequests')} times fewer requests of lookups, ${times('bytes')} times fewer bytes.\n`,
)
if (swept.lookups === 0 || singly.lookups < 10 * swept.lookups) {
  process.stdout.write('At least 10 times fewer lookups were expected.\n')
  process.exitCode = 1
}

/** Replication as it is built. */
async function sweep(): Promise<Cost> {
  const sim = network('region sweep', true)
  const values = fill(sim)
  let lookups = 0
  for (const peer of sim.peers) {
    peer.observer = {
      observe: (event) => {
        if (event.type === 'operation-start' && event.kind === 'replicate') lookups += 1
      },
    }
  }
  const before = requestsOf(sim)
  // Nothing is due for an interval after the values came; in the next one everything is, once.
  await sim.run(1.9 * HOUR)
  return costOf(sim, values, before, lookups)
}

/** Each value stored anew after a lookup of its own, by the holder nearest to it. */
async function oneByOne(): Promise<Cost> {
  const sim = network('a lookup a key', false)
  const values = fill(sim)
  const before = requestsOf(sim)
  for (let i = 0; i < values.length; i += PUTS_AT_ONCE) {
    const puts = values
      .slice(i, i + PUTS_AT_ONCE)
      .map(async (value) => holdersOf(sim, value)[0]?.node?.put(value.key, value.value))
    await sim.until(Promise.all(puts))
  }
  return costOf(sim, values, before, values.length)
}

function network(name: string, replicates: boolean): Simulator {
  const sim = new Simulator({
    seed: SEED,
    options: resolveOptions({
      k: K,
      ipDiversity: false,
      // What else peers do by themselves is not counted.
      refreshIntervalMs: 24 * HOUR,
      ...(replicates ? {} : { replicateIntervalMs: 0 }),
    }),
    network: {
      latency: constantLatency(50),
      loss: 0,
      duplication: 0,
      deadPeers: 'silence',
      dialTimeoutMs: 5_000,
    },
    carrier: 'wire',
  })
  let toldAt = hrtime.bigint()
  sim.onProgress = (now) => {
    if (hrtime.bigint() - toldAt < 5_000_000_000n) return
    toldAt = hrtime.bigint()
    process.stderr.write(
      `${name}: ${(now / HOUR).toFixed(2)} virtual hours, ${sim.network.counters.messages} messages\n`,
    )
  }
  sim.startWarm(PEERS)
  return sim
}

/** The values, at the k peers closest to each. */
function fill(sim: Simulator): PutValue[] {
  const random = new SeededRandom(SEED, 'values of the bench')
  const writer = sim.create().contact // who is gone afterwards
  return Array.from({ length: VALUES }, () => {
    const value = random.bytes(VALUE_BYTES)
    const key = sha256Key(sim.hash(value))
    const target = keyFromDigest(sim.hash(key))
    const request = { type: 'put-value', key, target, record: { key, value } } as const
    for (const { node } of sim.oracle.closest(target, K)) {
      node?.answer(writer, request, ({ ok }) => {
        if (!ok) throw new Error('a holder refuses a value')
      })
    }
    return { key, target, value }
  })
}

interface Requests {
  readonly lookup: number
  readonly store: number
  readonly bytes: number
}

function requestsOf(sim: Simulator): Requests {
  const { sentByType } = sim.network.counters
  const sent = (type: 'find-node' | 'put-value'): number => sentByType.get(type)?.messages ?? 0
  const bytes = [...sentByType.values()].reduce((sum, total) => sum + total.bytes, 0)
  return { lookup: sent('find-node'), store: sent('put-value'), bytes }
}

function costOf(
  sim: Simulator,
  values: readonly PutValue[],
  before: Requests,
  lookups: number,
): Cost {
  const after = requestsOf(sim)
  return {
    lookups,
    lookupRequests: after.lookup - before.lookup,
    storeRequests: after.store - before.store,
    bytes: after.bytes - before.bytes,
    copies: Math.min(...copiesOf(sim, values)),
  }
}

function report(name: string, cost: Cost): void {
  const { lookups, lookupRequests, storeRequests, bytes, copies } = cost
  const whole = (value: number): string => value.toLocaleString('en')
  process.stdout.write(
    `${name.padEnd(15)} ${whole(lookups).padStart(7)} lookups, ${whole(lookupRequests).padStart(8)} requests of theirs, ${whole(storeRequests).padStart(8)} that store, ` +
      `${(bytes / 2 ** 20).toFixed(1).padStart(6)} MiB; at least ${copies} copies of each value after it\n`,
  )
}
