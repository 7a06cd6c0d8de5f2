import type { Frame, HistoryPoint, PeerMark } from '../../../simulations/watch/frame.ts'

/** A peer that is gone, and when it was seen to go, in the page's time. ms. */
export interface Gone {
  readonly mark: PeerMark
  readonly at: number
}

/** What is known of the simulation: the frames so far, put together. */
export interface SimulationView extends Pick<Frame, 'run' | 'state' | 'values' | 'outcome'> {
  /** Peers that are up, by their numbers. */
  readonly up: ReadonlyMap<number, PeerMark>
  /** Those that came a moment ago, by their numbers, with when. */
  readonly fresh: ReadonlyMap<number, number>
  /** Those that left a moment ago. */
  readonly gone: readonly Gone[]
  readonly points: readonly HistoryPoint[]
}

/** So long a peer that came or left stands out. ms. */
export const MOMENT_MS = 2_000

/** Peers that left are drawn while they are no more than these: of a crash of thousands all go at once. */
export const GONE_MAX = 1_000

/** The view after one more frame. `now` is the page's time in ms; it only goes on. */
export function withFrame(
  before: SimulationView | undefined,
  frame: Frame,
  now: number,
): SimulationView {
  const { run, state, values, outcome, ring, history } = frame
  const up = new Map(ring.isWhole ? [] : before?.up)
  const fresh = new Map(
    [...(before?.fresh ?? [])].filter(([, at]) => now - at < MOMENT_MS && !ring.isWhole),
  )
  const gone = (before?.gone ?? []).filter(({ at }) => now - at < MOMENT_MS)
  for (const number of ring.left) {
    const mark = up.get(number)
    if (mark !== undefined) gone.push({ mark, at: now })
    up.delete(number)
    fresh.delete(number)
  }
  for (const mark of ring.joined) {
    up.set(mark[0], mark)
    if (!ring.isWhole) fresh.set(mark[0], now)
  }
  const points = history.isWhole
    ? history.points
    : history.points.length === 0
      ? (before?.points ?? [])
      : [...(before?.points ?? []), ...history.points]
  return { run, state, values, outcome, up, fresh, gone: gone.slice(-GONE_MAX), points }
}

/** How far it is, from 0 to 1; `undefined` while nobody knows when the phase ends. */
export function shareOf({ state, outcome }: SimulationView): number | undefined {
  if (outcome !== undefined) return 1
  const { now, phaseFrom, phaseTo } = state
  if (phaseTo === undefined || phaseTo <= phaseFrom) return undefined
  return Math.min(1, (now - phaseFrom) / (phaseTo - phaseFrom))
}
