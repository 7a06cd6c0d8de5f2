import { RTT_PEERS_MAX } from './limits.ts'
import type { NodeOptions } from './options.ts'

/** What an estimator is made of. */
export interface RttEstimatorInit {
  readonly options: Pick<
    NodeOptions,
    'requestTimeoutMs' | 'requestTimeoutMinMs' | 'requestTimeoutMaxMs'
  >
  /** Peers remembered; the half of them not heard of for longest is forgotten at once. Default: `RTT_PEERS_MAX`. */
  readonly peersMax?: number
}

/**
 * How long to wait for each peer, from its own round trips: smoothed mean and mean deviation, as TCP keeps them (RFC 6298).
 *
 * A peer that was never measured is judged by the mean and deviation over all peers, with room for opening a connection.
 * Before any round trip is known, the options decide.
 */
export class RttEstimator {
  readonly #options: RttEstimatorInit['options']
  readonly #peersMax: number
  /**
   * Peers heard of lately, and those heard of before: when there are half as many of the former as may be, they become the
   * latter. So the least recent go without any order being kept. Made with the first one: most simulated peers are idle.
   */
  #recent: Map<string, PeerEstimate> | undefined
  #older: Map<string, PeerEstimate> | undefined
  readonly #overall: Estimate = { meanMs: UNMEASURED, deviationMs: 0 }

  constructor(init: RttEstimatorInit) {
    this.#options = init.options
    this.#peersMax = init.peersMax ?? RTT_PEERS_MAX
  }

  /** How many peers it remembers. */
  get size(): number {
    return (this.#recent?.size ?? 0) + (this.#older?.size ?? 0)
  }

  /** The peer answered after `rttMs`; its back-off ends. */
  sample(id: string, rttMs: number): void {
    const peer = this.#touch(id)
    learn(peer, rttMs, GAIN_PEER)
    peer.failures = 0
    learn(this.#overall, rttMs, GAIN_OVERALL)
  }

  /** The peer did not answer in time: its timeout doubles until it does. Source: RFC 6298, 5.5. */
  failed(id: string): void {
    const peer = this.#touch(id)
    peer.failures = Math.min(peer.failures + 1, DOUBLINGS_MAX)
  }

  /** How long a request to this peer may take, in milliseconds. */
  timeoutMs(id: string): number {
    const { requestTimeoutMs, requestTimeoutMinMs, requestTimeoutMaxMs } = this.#options
    const peer = this.#find(id)
    const backOff = 2 ** (peer?.failures ?? 0)
    if (peer !== undefined && peer.meanMs !== UNMEASURED) {
      return clamp(
        upperBoundMs(peer, TIMEOUT_DEVIATIONS) * backOff,
        requestTimeoutMinMs,
        requestTimeoutMaxMs,
      )
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

  /**
   * After how long a lookup takes this peer for slow and asks another one beside it, in milliseconds: when it takes longer
   * than it usually does. Never later than `timeoutMs`.
   */
  slowAfterMs(id: string): number {
    const peer = this.#find(id)
    const known = peer !== undefined && peer.meanMs !== UNMEASURED ? peer : this.#overall
    const slowMs =
      known.meanMs === UNMEASURED
        ? this.#options.requestTimeoutMs * UNKNOWN_SLOW_FRACTION
        : upperBoundMs(known, SLOW_DEVIATIONS)
    return Math.min(Math.max(slowMs, SLOW_MIN_MS), this.timeoutMs(id))
  }

  #find(id: string): PeerEstimate | undefined {
    return this.#recent?.get(id) ?? this.#older?.get(id)
  }

  /** The entry of this peer, made if need be, as one heard of lately. */
  #touch(id: string): PeerEstimate {
    this.#recent ??= new Map()
    const known = this.#recent.get(id)
    if (known !== undefined) return known
    const peer = this.#older?.get(id) ?? { meanMs: UNMEASURED, deviationMs: 0, failures: 0 }
    this.#older?.delete(id)
    if (this.#recent.size >= Math.max(1, Math.floor(this.#peersMax / 2))) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(id, peer)
    return peer
  }
}

interface Estimate {
  /** Smoothed round-trip time, or `UNMEASURED`. */
  meanMs: number
  /** Smoothed mean deviation from it. */
  deviationMs: number
}

interface PeerEstimate extends Estimate {
  /** Failures since the last answer: doublings of the timeout. */
  failures: number
}

const UNMEASURED = -1

// RFC 6298, section 2: one eighth of a sample for the mean, twice as much for the deviation, four deviations for a timeout.
const GAIN_PEER = 1 / 8
const DEVIATION_GAIN_FACTOR = 2
const TIMEOUT_DEVIATIONS = 4

/** The mean over all peers moves more slowly: one far peer must not change what is expected of every other. */
const GAIN_OVERALL = 1 / 32

/** A lookup has somebody else to ask, so it gives up hope earlier than a timeout does. */
const SLOW_DEVIATIONS = 2

/** Below this, pauses of the process itself would make peers of a local network look slow. ms. */
const SLOW_MIN_MS = 20

/** Share of the timeout after which a peer is slow while no round trip is known at all. */
const UNKNOWN_SLOW_FRACTION = 1 / 5

/** A first request opens a connection: TCP, noise with its muxer, the protocol's name, and then the request. */
const FIRST_REQUEST_ROUND_TRIPS = 4

/** More doublings than any range of the options allows. */
const DOUBLINGS_MAX = 16

function learn(estimate: Estimate, rttMs: number, gain: number): void {
  const sampleMs = Math.max(0, rttMs)
  if (estimate.meanMs === UNMEASURED) {
    estimate.meanMs = sampleMs
    estimate.deviationMs = sampleMs / 2
    return
  }
  const errorMs = Math.abs(sampleMs - estimate.meanMs)
  estimate.deviationMs += (errorMs - estimate.deviationMs) * gain * DEVIATION_GAIN_FACTOR
  estimate.meanMs += (sampleMs - estimate.meanMs) * gain
}

function upperBoundMs(estimate: Estimate, deviations: number): number {
  return estimate.meanMs + deviations * estimate.deviationMs
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}
