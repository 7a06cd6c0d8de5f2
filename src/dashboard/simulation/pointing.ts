import type { PeerMark, ValueMark } from '../../../simulations/watch/frame.ts'
import { circleDistance, type Place } from '../keyspace.ts'
import type { Geometry } from '../ring-geometry.ts'
import { fractionOfPoint, valueReach } from './ring-marks.ts'
import type { SimulationView } from './view.ts'

/** How near the pointer must be to something to mean it, in pixels. */
const REACH_PX = 14

/** What the reader points at. */
export type Pointed =
  | { readonly type: 'peer'; readonly mark: PeerMark }
  | { readonly type: 'value'; readonly mark: ValueMark }

/** What stands nearest to a place, if it is near enough. */
export function nearest(
  { up, values }: SimulationView,
  geometry: Geometry,
  { x, y }: Place,
): Pointed | undefined {
  const { center, radius, bandWidth, tickFrom } = geometry
  const distance = Math.hypot(x - center.x, y - center.y)
  const inner = tickFrom - valueReach(geometry) * 1.4 - REACH_PX
  if (distance > radius + bandWidth + REACH_PX || distance < inner) return undefined
  const fraction = (Math.atan2(y - center.y, x - center.x) / (2 * Math.PI) + 1.25) % 1
  const reach = REACH_PX / (2 * Math.PI * radius)
  if (distance < tickFrom + 2) {
    const mark = closest(values, ([point]) => point, fraction, reach)
    return mark === undefined ? undefined : { type: 'value', mark }
  }
  const mark = closest(up.values(), ([, point]) => point, fraction, reach)
  return mark === undefined ? undefined : { type: 'peer', mark }
}

/** The next peer from a fraction of the circle on, clockwise or against the clock; around the whole circle if need be. */
export function nextPeer(
  { up }: SimulationView,
  from: number,
  direction: 1 | -1,
): PeerMark | undefined {
  let best: PeerMark | undefined
  let least = Infinity
  for (const mark of up.values()) {
    const ahead = (direction * (fractionOfPoint(mark[1]) - from) + 1) % 1
    if (ahead === 0 || ahead >= least) continue
    least = ahead
    best = mark
  }
  return best
}

function closest<Mark>(
  marks: Iterable<Mark>,
  point: (mark: Mark) => number,
  fraction: number,
  reach: number,
): Mark | undefined {
  let best: Mark | undefined
  let least = reach
  for (const mark of marks) {
    const apart = circleDistance(fractionOfPoint(point(mark)), fraction)
    if (apart > least) continue
    least = apart
    best = mark
  }
  return best
}
