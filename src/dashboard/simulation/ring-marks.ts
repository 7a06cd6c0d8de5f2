import type { PeerMark, ValueMark } from '../../../simulations/watch/frame.ts'
import { placeOn } from '../keyspace.ts'
import type { Geometry } from '../ring-geometry.ts'

const SPAN = 2 ** 32

/** Where the first 32 bits of a key stand, as a fraction of the keyspace. */
export function fractionOfPoint(point: number): number {
  return point / SPAN
}

/** All peers as one path of short lines across the band: thousands of them are drawn as quickly as one. */
export function peersPath(marks: Iterable<PeerMark>, geometry: Geometry): string {
  const { radius, bandWidth } = geometry
  const reach = bandWidth / 2 - 1
  return pathOf(
    marks,
    ([, point]) => point,
    geometry,
    () => [radius - reach, radius + reach],
  )
}

/** Values as lines from the ring inwards, the longer the more copies there are: at its full length k of them. */
export function valuesPath(values: readonly ValueMark[], k: number, geometry: Geometry): string {
  const { tickFrom } = geometry
  const full = valueReach(geometry)
  return pathOf(
    values,
    ([point]) => point,
    geometry,
    ([, copies]) => [tickFrom, tickFrom - Math.max(1, full * Math.min(1.4, copies / k))],
  )
}

/** The length of a value's line that has k copies, in pixels. */
export function valueReach({ tickFrom, tickTo }: Geometry): number {
  return 2 * (tickFrom - tickTo)
}

function pathOf<Mark>(
  marks: Iterable<Mark>,
  point: (mark: Mark) => number,
  { center }: Geometry,
  reach: (mark: Mark) => readonly [from: number, to: number],
): string {
  let path = ''
  for (const mark of marks) {
    const fraction = fractionOfPoint(point(mark))
    const [near, far] = reach(mark)
    const from = placeOn(fraction, near, center)
    const to = placeOn(fraction, far, center)
    path += `M${from.x.toFixed(1)} ${from.y.toFixed(1)}L${to.x.toFixed(1)} ${to.y.toFixed(1)}`
  }
  return path
}
