import type { HistoryPoint } from '../../../simulations/watch/frame.ts'
import type { Series } from '../activity-series.ts'

/** What the charts of a simulation draw; what it does not have is `undefined`. */
export interface SimulationSeries {
  /** Peers that joined in a minute, and below nought those that left. */
  readonly turnover: Series | undefined
  /** Of 100 gets those that succeeded, and of 100 closest peers those that lookups found. */
  readonly success: Series | undefined
  /** Copies of a value: on average, the fewest, and k. */
  readonly copies: Series | undefined
  /** Messages of a peer in a second. */
  readonly messages: Series
}

/** Steps of the charts. The network's time does not pass evenly: over a step too small a single event makes a peak. */
const STEPS = 60

/** What happened between each two moments. */
export function simulationSeries(points: readonly HistoryPoint[], k: number): SimulationSeries {
  const steps = stepsOf(points)
  const times = steps.map(({ to }) => to.at / 1_000)
  const last = points.at(-1)
  const rates = (pick: (point: HistoryPoint) => number, ms: number): number[] =>
    steps.map(({ from, to }) => ((pick(to) - pick(from)) * ms) / (to.at - from.at))
  const shares = (
    part: (point: HistoryPoint) => number,
    all: (point: HistoryPoint) => number,
  ): (number | null)[] =>
    steps.map(({ from, to }) =>
      all(to) === all(from) ? null : (100 * (part(to) - part(from))) / (all(to) - all(from)),
    )
  const success = [
    ...(last?.gets
      ? [
          shares(
            (one) => one.getsSucceeded,
            (one) => one.gets,
          ),
        ]
      : []),
    ...(last?.lookups
      ? [
          shares(
            (one) => one.recall,
            (one) => one.lookups,
          ),
        ]
      : []),
  ]
  const joined = rates((one) => one.joined, 60_000)
  const left = rates((one) => one.left, 60_000).map((rate) => -rate)
  const hasTurnover = last !== undefined && last.joined + last.left > 0
  const copies = steps.map(({ to }) => to.copies)
  const hasCopies = copies.some((one) => one !== undefined)
  const copyLines = [
    copies.map((one) => one?.mean ?? null),
    copies.map((one) => one?.fewest ?? null),
    copies.map((one) => (one === undefined ? null : k)),
  ]
  return {
    turnover: hasTurnover ? { times, lines: [joined, left] } : undefined,
    success: success.length > 0 ? { times, lines: success } : undefined,
    copies: hasCopies ? { times, lines: copyLines } : undefined,
    messages: { times, lines: [steps.map(messagesOf)] },
  }
}

/** A part of the run. */
interface Step {
  readonly from: HistoryPoint
  readonly to: HistoryPoint
}

/** Parts of about the same length; what is left at the end belongs to the last. */
function stepsOf(points: readonly HistoryPoint[]): Step[] {
  const [first, ...others] = points
  const last = points.at(-1)
  if (first === undefined || last === undefined) return []
  const least = (last.at - first.at) / STEPS
  const steps: Step[] = []
  let from = first
  for (const to of others) {
    if (to.at <= from.at || to.at - from.at < least) continue
    steps.push({ from, to })
    from = to
  }
  const end = steps.pop()
  return end === undefined ? [] : [...steps, { from: end.from, to: last }]
}

function messagesOf({ from, to }: Step): number | null {
  const peers = (from.up + to.up) / 2
  return peers === 0 ? null : ((to.messages - from.messages) * 1_000) / (to.at - from.at) / peers
}
