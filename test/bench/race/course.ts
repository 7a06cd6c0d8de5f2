import { seededRandom } from '../../support/tiny.ts'
import { at, type Contender, type RaceNetwork, type ValueKind } from './contender.ts'
import { type Figures, type Memory, measure, memoryNow, memoryPerPeer } from './measure.ts'

/** Bytes of a value, as in all implementations. */
export const VALUE_BYTES = 100

/** Longest warm-up of an operation, in seconds. */
const WARM_UP_SECONDS = 0.5

/** How often to look for a peer without a certain value before giving up. */
const TRIES_MAX = 200

/** What is asked of a contender. */
export interface Course {
  readonly peers: number
  readonly concurrencies: readonly number[]
  readonly seconds: number
  readonly seed: number
}

/** One measurement. */
export interface Result extends Figures {
  readonly operation: Operation
  readonly kind: ValueKind | undefined
  readonly concurrency: number
}

export type Operation = 'put' | 'get' | 'closest' | 'closest, each asked'

/** All that a contender achieved with so many peers. */
export interface Achievement {
  readonly startMs: number
  /** CPU time that the forming of the network took, for each peer. */
  readonly startCpuMs: number
  readonly contacts: number
  /** Of a peer, while operations were measured; `undefined` where there are none. */
  readonly connections: number | undefined
  readonly memory: Memory
  readonly results: readonly Result[]
}

/** Memory of a peer that is connected with all others and idle. */
export interface IdleAchievement {
  readonly connections: number
  readonly memory: Memory
}

/** Starts a contender's peers, measures each operation, and stops them. */
export async function runCourse(
  contender: Contender,
  course: Course,
  tell: (progress: string) => void,
): Promise<Achievement> {
  const before = await memoryNow()
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  const network = await contender.start(course.peers)
  const startMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  const startCpuMs = (user + system) / 1_000 / course.peers
  const memory = memoryPerPeer(before, await memoryNow(), course.peers)
  tell(`formed in ${(startMs / 1_000).toFixed(1)} s`)
  // Between peers that have run for a while connections stand, and UDP knows none: dials are measured above.
  const connections = await network.connectAll?.()
  const runner = new Runner(network, course)
  for (const kind of contender.kinds) {
    await runner.run('put', kind, 4, WARM_UP_SECONDS)
    await runner.run('get', kind, 4, WARM_UP_SECONDS)
  }
  const lookups: readonly Operation[] =
    network.closestAsked === undefined ? ['closest'] : ['closest', 'closest, each asked']
  for (const lookup of lookups) await runner.run(lookup, undefined, 4, WARM_UP_SECONDS)
  const results: Result[] = []
  for (const concurrency of course.concurrencies) {
    for (const kind of contender.kinds) {
      for (const operation of ['put', 'get'] as const) {
        results.push(await runner.run(operation, kind, concurrency, course.seconds))
        tell(describe(results.at(-1)))
      }
    }
    for (const lookup of lookups) {
      results.push(await runner.run(lookup, undefined, concurrency, course.seconds))
      tell(describe(results.at(-1)))
    }
  }
  const contacts = network.contacts()
  await network.stop()
  return { startMs, startCpuMs, contacts, connections, memory, results }
}

/** Connects peers with all others and measures what each holds then. */
export async function runIdle(contender: Contender, peers: number): Promise<IdleAchievement> {
  const before = await memoryNow()
  const network = await contender.start(peers)
  if (network.connectAll === undefined) throw new Error('it has no connections')
  const connections = await network.connectAll()
  const memory = memoryPerPeer(before, await memoryNow(), peers)
  await network.stop()
  return { connections, memory }
}

interface StoredValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Runs operations from random peers; the same seed gives the same values and peers. */
class Runner {
  readonly #network: RaceNetwork
  readonly #peers: number
  readonly #random: ReturnType<typeof seededRandom>
  readonly #stored = new Map<ValueKind, StoredValue[]>()

  constructor(network: RaceNetwork, { peers, seed }: Course) {
    this.#network = network
    this.#peers = peers
    this.#random = seededRandom(seed)
  }

  async run(
    operation: Operation,
    kind: ValueKind | undefined,
    concurrency: number,
    seconds: number,
  ): Promise<Result> {
    const figures = await measure(
      { concurrency, seconds },
      () => this.#act(operation, kind ?? 'plain'),
      () => this.#network.requests(),
    )
    return { operation, kind, concurrency, ...figures }
  }

  async #act(operation: Operation, kind: ValueKind): Promise<boolean> {
    switch (operation) {
      case 'put':
        return this.#put(kind)
      case 'get':
        return this.#get(kind)
      case 'closest':
        return this.#lookUp((peer, key) => this.#network.closest(peer, key))
      case 'closest, each asked':
        return this.#lookUp(async (peer, key) => this.#network.closestAsked?.(peer, key) ?? 0)
    }
  }

  async #lookUp(find: (peer: number, key: Uint8Array) => Promise<number>): Promise<boolean> {
    const key = this.#random.bytes(32)
    const found = await find(this.#random.below(this.#peers), key)
    if (found === 0) throw new Error('a lookup found no peer')
    return true
  }

  async #put(kind: ValueKind): Promise<boolean> {
    const value = this.#random.bytes(VALUE_BYTES)
    const key = await this.#network.put(this.#random.below(this.#peers), kind, value)
    const stored = this.#stored.get(kind) ?? []
    stored.push({ key, value })
    this.#stored.set(kind, stored)
    return true
  }

  /** From a peer that does not have the value: some would answer the others from their own store and some would not. */
  async #get(kind: ValueKind): Promise<boolean> {
    const stored = this.#stored.get(kind) ?? []
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { key, value } = at(stored, this.#random.below(stored.length))
      const peer = this.#random.below(this.#peers)
      if (this.#network.holds(peer, key)) continue
      const found = await this.#network.get(peer, kind, key)
      if (Buffer.compare(found, value) !== 0) throw new Error('a get returned another value')
      return true
    }
    return false
  }
}

function describe(result: Result | undefined): string {
  if (result === undefined) return ''
  const { operation, kind, concurrency, perSecond, p50Ms, operations } = result
  const name = [kind, operation].filter((word) => word !== undefined).join(' ')
  return `${name}, ${concurrency} at once: ${perSecond.toFixed(1)}/s, p50 ${p50Ms.toFixed(2)} ms (${operations} operations)`
}
