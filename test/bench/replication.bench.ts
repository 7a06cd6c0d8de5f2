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
const MEASURED_MS = 1.9 * HOUR
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
const times = (of: (cost: Cost) => number): string => (of(singly) / of(swept)).toFixed(1)
const requests = (cost: Cost): number => cost.lookupRequests + cost.storeRequests
process.stdout.write(
  `The sweep: ${times(({ lookups }) => lookups)} times fewer lookups and ${times(({ bytes }) => bytes)} times fewer bytes; ` +
    `${requests(swept).toLocaleString('en')} requests in all, beside ${requests(singly).toLocaleString('en')} of puts that store on their way.\n`,
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
  await sim.run(MEASURED_MS)
  return less(costOf(sim, values, before, lookups), await upkeep())
}

/** What the same peers send in that time when they hold nothing: refreshes of buckets, which are no part of it. */
async function upkeep(): Promise<Requests> {
  const sim = network('nothing held', true)
  const before = requestsOf(sim)
  await sim.run(MEASURED_MS)
  return difference(requestsOf(sim), before)
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
      refreshIntervalMs: 24 * HOUR, // as rarely as can be
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
  const { lookup, store, bytes } = difference(requestsOf(sim), before)
  const copies = Math.min(...copiesOf(sim, values))
  return { lookups, lookupRequests: lookup, storeRequests: store, bytes, copies }
}

function difference(a: Requests, b: Requests): Requests {
  return { lookup: a.lookup - b.lookup, store: a.store - b.store, bytes: a.bytes - b.bytes }
}

/** A cost without what would have been sent anyway. */
function less(cost: Cost, { lookup, store, bytes }: Requests): Cost {
  return {
    ...cost,
    lookupRequests: cost.lookupRequests - lookup,
    storeRequests: cost.storeRequests - store,
    bytes: cost.bytes - bytes,
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
