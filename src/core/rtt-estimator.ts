import { type Estimate, EstimateTable, UNMEASURED } from './estimate-table.ts'
import { GIVE_UP_MIN_MS, RTT_PEERS_MAX } from './limits.ts'
import type { NodeOptions } from './options.ts'

/** What an estimator is made of. */
export interface RttEstimatorInit {
  readonly options: Pick<
    NodeOptions,
    'requestTimeoutMs' | 'requestTimeoutMinMs' | 'requestTimeoutMaxMs'
  >
  /** Peers remembered; the half of them not heard of for longest is forgotten at once. Default: `RTT_PEERS_MAX`. */
  readonly peersMax?: number | undefined
}

/**
 * How long to wait for each peer, from its own round trips: smoothed mean and mean deviation, as TCP keeps them (RFC 6298).
 * A peer is named by the head of its key (`Contact.head`).
 *
 * A peer that was never measured is judged by the mean and deviation over all peers. Where no connection stands there is room
 * for opening one, and for a peer that was never measured in any case. Before any round trip is known, the options decide.
 */
export class RttEstimator {
  readonly #options: RttEstimatorInit['options']
  readonly #peersMax: number
  /**
   * Peers heard of lately, and those heard of before: when there are half as many of the former as may be, they become the
   * latter. So the least recent go without any order being kept. Made with the first one: most simulated peers are idle.
   */
  #recent: EstimateTable | undefined
  #older: EstimateTable | undefined
  /** How many of the latter are among the former again. */
  #returned = 0
  #overall: Estimate = UNKNOWN
  /** The one that was found last, and whose: a lookup wants to know three things of each peer that it asks. */
  #found: Estimate = UNKNOWN
  #foundHead: number | undefined

  constructor(init: RttEstimatorInit) {
    this.#options = init.options
    this.#peersMax = init.peersMax ?? RTT_PEERS_MAX
  }

  /** How many peers it remembers. */
  get size(): number {
    return (this.#recent?.size ?? 0) + (this.#older?.size ?? 0) - this.#returned
  }

  /** The peer answered after `rttMs`; its back-off ends. */
  sample(head: number, rttMs: number): void {
    this.#learn(head, learnt(this.#find(head), rttMs, GAIN_PEER))
    this.#overall = learnt(this.#overall, rttMs, GAIN_OVERALL)
  }

  /** The peer did not answer in time: its timeout doubles until it does. Source: RFC 6298, 5.5. */
  failed(head: number): void {
    const peer = this.#find(head)
    this.#learn(head, { ...peer, failures: Math.min(peer.failures + 1, DOUBLINGS_MAX) })
  }

  /** The peer answered, though not the way that would tell its round trip: its back-off ends. */
  answered(head: number): void {
    const peer = this.#find(head)
    if (peer.failures > 0) this.#learn(head, { ...peer, failures: 0 })
  }

  /** How long a request to this peer may take, in milliseconds. */
  timeoutMs(head: number, isConnected = true): number {
    return this.#timeoutMs(this.#find(head), isConnected)
  }

  /**
   * After how long a lookup takes this peer for slow and asks another one beside it, in milliseconds: when it takes longer
   * than it usually does. Never later than `timeoutMs`.
   */
  slowAfterMs(head: number, isConnected = true): number {
    const peer = this.#find(head)
    const known = peer.meanMs === UNMEASURED ? this.#overall : peer
    const slowMs =
      known.meanMs === UNMEASURED
        ? this.#options.requestTimeoutMs * UNKNOWN_SLOW_FRACTION
        : upperBoundMs(known, SLOW_DEVIATIONS) * (isConnected ? 1 : FIRST_REQUEST_ROUND_TRIPS)
    return Math.min(slowMs, this.#timeoutMs(peer, isConnected))
  }

  /** Whether the last request to the peer failed. */
  hasFailed(head: number): boolean {
    return this.#find(head).failures > 0
  }

  /**
   * After how long a lookup no longer waits for this peer, in milliseconds: `Infinity` if its last request was answered; else
   * when it should have answered over a new connection. Its timeout, which doubles, would hold up all who meet it.
   */
  giveUpAfterMs(head: number, isConnected = true): number {
    const peer = this.#find(head)
    if (peer.failures === 0) return Number.POSITIVE_INFINITY
    const known = peer.meanMs === UNMEASURED ? this.#overall : peer
    const timeoutMs = this.#timeoutMs(peer, isConnected)
    if (known.meanMs === UNMEASURED) return timeoutMs
    const answerMs = upperBoundMs(known, SLOW_DEVIATIONS) * FIRST_REQUEST_ROUND_TRIPS
    return Math.min(timeoutMs, Math.max(GIVE_UP_MIN_MS, answerMs))
  }

  #timeoutMs(peer: Estimate, isConnected: boolean): number {
    const { requestTimeoutMs, requestTimeoutMinMs, requestTimeoutMaxMs } = this.#options
    const backOff = 2 ** peer.failures
    if (peer.meanMs !== UNMEASURED) {
      const roundTrips = isConnected ? 1 : FIRST_REQUEST_ROUND_TRIPS
      const answerMs = upperBoundMs(peer, TIMEOUT_DEVIATIONS) * roundTrips
      const timeoutMs = Math.max(answerMs, requestTimeoutMinMs)
      return Math.min(timeoutMs * backOff, requestTimeoutMaxMs)
    }
    const overall = this.#overall
    const firstMs =
      overall.meanMs === UNMEASURED
        ? requestTimeoutMs
        : clamp(
            upperBoundMs(overall, TIMEOUT_DEVIATIONS) * FIRST_REQUEST_ROUND_TRIPS,
            requestTimeoutMinMs,
            requestTimeoutMs,
          )
    return Math.min(firstMs * backOff, Math.max(requestTimeoutMs, requestTimeoutMaxMs))
  }

  #find(head: number): Estimate {
    if (head !== this.#foundHead) {
      this.#found = this.#recent?.get(head) ?? this.#older?.get(head) ?? UNKNOWN
      this.#foundHead = head
    }
    return this.#found
  }

  #learn(head: number, estimate: Estimate): void {
    this.#recent ??= new EstimateTable()
    if (this.#recent.get(head) === undefined) {
      if (this.#recent.size >= Math.max(1, Math.floor(this.#peersMax / 2))) {
        this.#older = this.#recent
        this.#recent = new EstimateTable()
        this.#returned = 0
      } else if (this.#older?.get(head) !== undefined) {
        this.#returned += 1
      }
    }
    this.#recent.set(head, estimate)
    this.#foundHead = undefined
  }
}

const UNKNOWN: Estimate = { meanMs: UNMEASURED, deviationMs: 0, failures: 0 }

// RFC 6298, section 2: one eighth of a sample for the mean, twice as much for the deviation, four deviations for a timeout.
const GAIN_PEER = 1 / 8
const DEVIATION_GAIN_FACTOR = 2
const TIMEOUT_DEVIATIONS = 4

/** The mean over all peers moves more slowly: one far peer must not change what is expected of every other. */
const GAIN_OVERALL = 1 / 32

/** A lookup has somebody else to ask, so it gives up hope earlier than a timeout does. */
const SLOW_DEVIATIONS = 2

/**
 * What a pause of either process adds to a round trip now and then, in ms: the clock granularity G of RFC 6298, 2.3. Without
 * it a peer that answers as evenly as a clock, or one of a local network, would look slow at the first such pause.
 */
const PAUSE_MS = 20

/** Share of the timeout after which a peer is slow while no round trip is known at all. */
const UNKNOWN_SLOW_FRACTION = 1 / 5

/** A first request opens a connection: TCP, noise with its muxer, the protocol's name, and then the request. */
const FIRST_REQUEST_ROUND_TRIPS = 4

/** More doublings than any range of the options allows. */
const DOUBLINGS_MAX = 16

function learnt({ meanMs, deviationMs }: Estimate, rttMs: number, gain: number): Estimate {
  const sampleMs = Math.max(0, rttMs)
  if (meanMs === UNMEASURED) return { meanMs: sampleMs, deviationMs: sampleMs / 2, failures: 0 }
  const errorMs = Math.abs(sampleMs - meanMs)
  return {
    meanMs: meanMs + (sampleMs - meanMs) * gain,
    deviationMs: deviationMs + (errorMs - deviationMs) * gain * DEVIATION_GAIN_FACTOR,
    failures: 0,
  }
}

function upperBoundMs(estimate: Estimate, deviations: number): number {
  return estimate.meanMs + Math.max(PAUSE_MS, deviations * estimate.deviationMs)
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}
