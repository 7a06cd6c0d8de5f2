import type { Contact } from '../src/core/contact.ts'
import { type Key, keyFromDigest } from '../src/core/key.ts'
import type { Observer } from '../src/core/ports.ts'
import type { Draft } from './draft.ts'
import { SeededRandom } from './engine/random.ts'
import { expectedHops, hopDistribution } from './hop-theory.ts'
import type { World } from './scenario.ts'
import type { SimulatedNetwork, SimulatedPeer } from './simulated-network.ts'
import { histogram, mean, quantiles } from './statistics.ts'

/** What one lookup showed. */
export interface LookupSample {
  /** Share of the true k closest that it found (F1). */
  readonly recall: number
  /** Hops to the nearest peer found. */
  readonly hops: number
  readonly requests: number
  readonly failures: number
  readonly durationMs: number
}

/** Lookups under way at once: they do not touch one another, and less virtual time passes. */
const AT_ONCE = 100

/** Looks up random keys from random living peers. */
export async function measureLookups(
  world: World<SimulatedNetwork>,
  count: number,
  purpose = 'lookups',
): Promise<LookupSample[]> {
  const { sim, options } = world
  const random = new SeededRandom(sim.seed, purpose)
  const closest = options.beta === 0 ? undefined : options.beta
  const atOnce = Math.min(AT_ONCE, sim.operationsAtOnce)
  const samples: LookupSample[] = []
  for (let done = 0; done < count; done += atOnce) {
    const group = Array.from({ length: Math.min(atOnce, count - done) }, () =>
      lookUp(sim, random.pick(sim.oracle.peers), random.bytes(32), { count: closest }),
    )
    for (const sample of await sim.until(Promise.all(group))) {
      world.count(sample.recall === 1)
      world.tally.lookup(sample.recall)
      samples.push(sample)
    }
  }
  return samples
}

/** One lookup of the `count` closest, or of the k closest, held against the truth: those who were there from its beginning to its end. */
export async function lookUp(
  sim: SimulatedNetwork,
  peer: SimulatedPeer,
  preimage: Uint8Array,
  { count, observer }: { readonly count?: number | undefined; readonly observer?: Observer } = {},
): Promise<LookupSample> {
  const { node } = peer
  if (node === undefined) throw new Error(`${peer.contact.id} is down`)
  const target = keyFromDigest(sim.hash(preimage))
  const startedAt = sim.now
  const result = await node.findNode(preimage, { count, observer })
  const { hops, requests, failures } = result
  return {
    recall: recallOf(sim, target, result.closest, startedAt, count),
    hops,
    requests,
    failures,
    durationMs: sim.now - startedAt,
  }
}

/** F1 of science.md: the share of the `count` closest found, of those up since `since`. */
export function recallOf(
  sim: SimulatedNetwork,
  target: Key,
  found: readonly Contact[],
  since: number,
  count: number = sim.options.k,
): number {
  const truth = sim.oracle.closest(target, count, (other) => other.upSince <= since)
  if (truth.length === 0) return 1
  const ids = new Set(found.map(({ id }) => id))
  return truth.filter(({ contact }) => ids.has(contact.id)).length / truth.length
}

/** Figures and pictures of lookups; with theory where its assumptions hold. */
export function reportLookups(
  draft: Draft,
  samples: readonly LookupSample[],
  theory: { readonly peers: number; readonly k: number },
): void {
  const hops = samples.map((sample) => sample.hops)
  const latencies = samples.map((sample) => sample.durationMs)
  const [p50 = 0, p90 = 0, p99 = 0] = quantiles(latencies, [0.5, 0.9, 0.99])
  draft.figure('recall', mean(samples.map(({ recall }) => recall)), 'share')
  draft.figure('hops', mean(hops), 'hops', {
    expected: expectedHops(theory.peers, theory.k),
    source: 'one greedy walk, tables ideal: Stutzbach and Rejaie 2006',
  })
  draft.figure('requests', mean(samples.map(({ requests }) => requests)), '')
  draft.figure('failed requests', mean(samples.map(({ failures }) => failures)), '')
  draft.figure('latency p50', p50, 'ms')
  draft.figure('latency p90', p90, 'ms')
  draft.figure('latency p99', p99, 'ms')
  draft.plot({
    name: 'hops',
    title: 'Hops to the closest peer',
    kind: 'bar',
    x: { label: 'hops', unit: '' },
    y: { label: 'share of lookups', unit: '' },
    series: [
      { name: 'measured', points: shares(histogram(hops)) },
      {
        name: 'one greedy walk, tables ideal',
        reference: true,
        points: hopDistribution(theory.peers, theory.k).map((share, i) => [i, share]),
      },
    ],
  })
  draft.plot({
    name: 'latency',
    title: 'Time of a lookup',
    kind: 'line',
    x: { label: 'time', unit: 'ms' },
    y: { label: 'share of lookups that have ended', unit: '' },
    series: [{ name: 'measured', points: cumulated(latencies) }],
  })
}

function shares(counts: readonly number[]): [number, number][] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count, value) => [value, count / total])
}

/** The cumulated distribution at 50 points. */
export function cumulated(values: readonly number[]): [number, number][] {
  const at = Array.from({ length: 51 }, (_, i) => i / 50)
  return quantiles(values, at).map((value, i) => [value, at[i] as number]) // of the same length
}
