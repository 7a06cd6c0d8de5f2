import { SeededRandom } from './engine/random.ts'
import { noChurn, parseSessions, type SessionModel } from './models/churn.ts'
import type { TraceSession } from './models/churn-trace.ts'
import { readTrace, type SimulationOptions, withOption } from './options.ts'
import type { World } from './scenario.ts'
import type { SimulatedNetwork, SimulatedPeer } from './simulated-network.ts'

const MINUTE = 60_000

/** Living peers that a newcomer is told to join through; more than one, for it may die meanwhile. */
const SEEDS = 3

/** A newcomer whose seeds all failed tries others after this. ms. */
const JOIN_AGAIN_MS = 30_000

/** Peers with too few contacts join again so often. ms. */
const REJOIN_MS = 10 * MINUTE

/** Groups of peers that join at once in a cold start. */
const COLD_GROUP = 64

/** Peers whose messages all take a second more. ms. */
const SLOW_MS = 1_000

/**
 * Starts the network: with full tables, or by everybody joining through a few that are there. A share of the peers is slow
 * where the options say so, and a share dies at the end while the tables still hold it.
 */
export async function startNetwork(world: World<SimulatedNetwork>): Promise<void> {
  const { sim, options } = world
  const { peers, start, slow, dead } = options
  if (start === 'warm') {
    world.phase('warm start')
    await sim.startWarm(peers)
  } else {
    await startCold(world, peers)
  }
  const random = new SeededRandom(sim.seed, 'faults')
  for (const peer of random.sample(sim.peers, Math.round(slow * peers))) {
    peer.extraDelayMs = SLOW_MS / 2
  }
  for (const peer of random.sample(sim.peers, Math.round(dead * peers))) sim.kill(peer)
}

async function startCold(world: World<SimulatedNetwork>, count: number): Promise<void> {
  const { sim } = world
  world.phase('everybody joins')
  const random = new SeededRandom(sim.seed, 'joining')
  const groupMax = Math.min(COLD_GROUP, sim.operationsAtOnce)
  await sim.start(sim.create())
  while (sim.oracle.size < count) {
    const group = Math.min(groupMax, sim.oracle.size, count - sim.oracle.size)
    const seeds = random.sample(sim.oracle.peers, SEEDS).map(({ contact }) => contact)
    await sim.until(Promise.all(Array.from({ length: group }, () => sim.startAndJoin(seeds))))
  }
}

/** Lets peers come and go. */
export class Churn {
  readonly sessions: SessionModel
  readonly #world: World<SimulatedNetwork>
  readonly #sim: SimulatedNetwork
  readonly #random: SeededRandom
  readonly #trace: readonly TraceSession[] | undefined
  #isOver = false
  /** Peers that came, and peers that left, since the beginning. */
  joined = 0
  left = 0
  /** Peers that stay, such as a scenario's own observers. */
  readonly staying: Set<SimulatedPeer> = new Set()

  constructor(world: World<SimulatedNetwork>, sessions?: SessionModel) {
    const { options, sim } = world
    this.#world = world
    this.#sim = sim
    this.#random = new SeededRandom(sim.seed, 'churn')
    this.#trace = readTrace(options)
    this.sessions = sessions ?? (this.#trace === undefined ? sessionsOf(options) : noChurn)
  }

  /** Begins: those who are up have lived for a while, so that they stay for a residual session. */
  start(): void {
    this.#lookAfterTheLost()
    if (this.#trace !== undefined) this.#play(this.#trace)
    else if (this.sessions.meanMs !== Infinity) {
      for (const peer of this.#sim.oracle.peers) {
        this.#leaveAfter(peer, this.sessions.drawResidual(this.#random))
      }
    }
  }

  /**
   * A peer that knows fewer than k others joins again now and then, as a real one does through its bootstrap peers
   * (src/libp2p/joiner.ts): who came through seeds that have died is lost without.
   */
  #lookAfterTheLost(): void {
    const sim = this.#sim
    sim.after(REJOIN_MS, () => {
      for (const peer of sim.oracle.peers) {
        if ((peer.node?.table.live ?? 0) < Math.min(sim.options.k, sim.oracle.size - 1)) {
          void this.#tryAgain(peer)
        }
      }
      this.#lookAfterTheLost()
    })
  }

  /** From now on everybody stays. */
  stop(): void {
    this.#isOver = true
  }

  /** A crash. Its place is taken at once by a new peer, or it comes back itself. */
  #leaveAfter(peer: SimulatedPeer, ms: number): void {
    const { incarnation } = peer
    this.#sim.after(ms, () => {
      if (this.#isOver || peer.incarnation !== incarnation || this.staying.has(peer)) return
      this.#sim.kill(peer)
      this.left += 1
      if (this.#world.options.rejoin) {
        const downMs = this.sessions.draw(this.#random)
        this.#sim.after(downMs, () => this.#isOver || this.#join(peer))
      } else this.#join(this.#sim.create())
    })
  }

  #join(peer: SimulatedPeer): void {
    this.joined += 1
    void this.#joinNow(peer)
    this.#leaveAfter(peer, this.sessions.draw(this.#random))
  }

  async #joinNow(peer: SimulatedPeer): Promise<void> {
    const sim = this.#sim
    const seeds = this.#random.sample(sim.oracle.peers, SEEDS).map(({ contact }) => contact)
    const node = await sim.start(peer)
    const { incarnation } = peer
    try {
      await node.join(seeds)
    } catch {
      // All seeds have died since, or their answers were lost: the same as for a person who tries again.
      sim.after(JOIN_AGAIN_MS, () => {
        if (peer.incarnation === incarnation) void this.#tryAgain(peer)
      })
    }
  }

  async #tryAgain(peer: SimulatedPeer): Promise<void> {
    const seeds = this.#random.sample(this.#sim.oracle.peers, SEEDS).map(({ contact }) => contact)
    try {
      await peer.node?.join(seeds)
    } catch {
      this.#sim.after(JOIN_AGAIN_MS, () => void this.#tryAgain(peer))
    }
  }

  /** A measured trace: its first peers replace the network's as the two begin together. */
  #play(trace: readonly TraceSession[]): void {
    const sim = this.#sim
    const startedAt = sim.now
    const peers = new Map<string, SimulatedPeer>()
    const first = [...sim.oracle.peers]
    for (const { peer: name, joinedAt, leftAt } of trace) {
      if (leftAt <= 0) continue
      const known = peers.get(name) ?? (joinedAt <= 0 ? first.pop() : undefined) ?? sim.create()
      peers.set(name, known)
      if (known.node === undefined || joinedAt > 0) {
        sim.at(startedAt + Math.max(0, joinedAt), () => {
          if (known.node !== undefined) return
          this.joined += 1
          void this.#joinNow(known)
        })
      }
      if (leftAt === Infinity) continue
      sim.at(startedAt + leftAt, () => {
        this.left += 1
        sim.kill(known)
      })
    }
    // Of a trace that begins with fewer peers than the network has, the others were never there.
    for (const peer of first) sim.kill(peer)
  }
}

/** The session model that the options name. */
export function sessionsOf({ churn, session }: SimulationOptions): SessionModel {
  return withOption('churn', () => parseSessions(churn, session * MINUTE))
}
