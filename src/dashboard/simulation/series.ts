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
  const [first] = steps
  const moments = first === undefined ? [] : [first.from, ...steps.map(({ to }) => to)]
  const times = moments.map(({ at }) => at / 1_000)
  // What happened in the first step is drawn from its beginning.
  const line = (figure: (step: Step) => number | null): (number | null)[] =>
    first === undefined ? [] : [figure(first), ...steps.map(figure)]
  const copies = (pick: (copies: Copies) => number): (number | null)[] =>
    moments.map((moment) => (moment.copies === undefined ? null : pick(moment.copies)))
  const draw = (isThere: boolean, lines: Series['lines']): Series | undefined =>
    isThere ? { times, lines } : undefined
  const { joined = 0, left = 0, gets = 0, lookups = 0 } = points.at(-1) ?? {}
  const success = [...(gets > 0 ? [line(getsOf)] : []), ...(lookups > 0 ? [line(recallOf)] : [])]
  return {
    turnover: draw(joined + left > 0, [line(joinedOf), line(leftOf)]),
    success: draw(success.length > 0, success),
    copies: draw(
      points.some((point) => point.copies !== undefined),
      [copies(({ mean }) => mean), copies(({ fewest }) => fewest), copies(() => k)],
    ),
    messages: { times, lines: [line(messagesOf)] },
  }
}

type Copies = NonNullable<HistoryPoint['copies']>

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

/** In a minute. */
function joinedOf({ from, to }: Step): number {
  return ((to.joined - from.joined) * 60_000) / (to.at - from.at)
}

/** In a minute, below nought. */
function leftOf({ from, to }: Step): number {
  return ((from.left - to.left) * 60_000) / (to.at - from.at)
}

/** Of 100 gets; `null`: there were none. */
function getsOf({ from, to }: Step): number | null {
  const gets = to.gets - from.gets
  return gets === 0 ? null : (100 * (to.getsSucceeded - from.getsSucceeded)) / gets
}

/** Of 100 peers that lookups should find; `null`: there were none. */
function recallOf({ from, to }: Step): number | null {
  const lookups = to.lookups - from.lookups
  return lookups === 0 ? null : (100 * (to.recall - from.recall)) / lookups
}

/** In a second. */
function messagesOf({ from, to }: Step): number | null {
  const peers = (from.up + to.up) / 2
  return peers === 0 ? null : ((to.messages - from.messages) * 1_000) / (to.at - from.at) / peers
}
