/**
 * The keyspace drawn as a circle: point 0 at the top, larger points clockwise. Points come as hexadecimal texts of 40 digits;
 * 48 bits of them are more than any screen can show.
 */

const DIGITS = 12
const BITS = DIGITS * 4
const SPAN = 2 ** BITS

/** A place on the screen, in pixels. */
export interface Place {
  readonly x: number
  readonly y: number
}

/** A part of the circle; `from` < `to`, both from 0 to 1. */
export interface Arc {
  readonly from: number
  readonly to: number
}

/** Where a point stands, as a fraction of the keyspace. */
export function fractionOf(point: string): number {
  return wholeOf(point) / SPAN
}

/**
 * The points that share exactly `prefixLength` leading bits with `self`: what a bucket covers. Together with the bucket's
 * own peer the arcs of all buckets make up the circle.
 */
export function bucketArc(self: string, prefixLength: number): Arc {
  const depth = Math.min(prefixLength + 1, BITS)
  const width = 2 ** -depth
  const own = Math.floor(wholeOf(self) / (SPAN * width))
  const sibling = own % 2 === 0 ? own + 1 : own - 1
  return { from: sibling * width, to: (sibling + 1) * width }
}

/** Where a fraction of the keyspace stands on a circle. */
export function placeOn(fraction: number, radius: number, center: Place): Place {
  const angle = (fraction - 0.25) * 2 * Math.PI
  return { x: center.x + radius * Math.cos(angle), y: center.y + radius * Math.sin(angle) }
}

/** How far apart two fractions stand on the circle: from 0 to 0.5. */
export function circleDistance(a: number, b: number): number {
  const apart = Math.abs(a - b) % 1
  return Math.min(apart, 1 - apart)
}

/** The path of an arc, for SVG. */
export function arcPath({ from, to }: Arc, radius: number, center: Place): string {
  const start = placeOn(from, radius, center)
  // The ends of a whole circle fall together, which draws nothing.
  const end = placeOn(Math.min(to, from + 0.9999), radius, center)
  const large = to - from > 0.5 ? 1 : 0
  return `M${at(start)}A${radius} ${radius} 0 ${large} 1 ${at(end)}`
}

/** The path of a line between two fractions that bends towards the middle, the more the farther apart they are. */
export function chordPath(from: number, to: number, radius: number, center: Place): string {
  const start = placeOn(from, radius, center)
  const end = placeOn(to, radius, center)
  const half = (start.x + end.x) / 2
  const high = (start.y + end.y) / 2
  const depth = Math.hypot(center.x - half, center.y - high)
  const length = Math.hypot(end.x - start.x, end.y - start.y)
  const pull = depth === 0 ? 0 : Math.min(0.8, (length * 0.65) / depth)
  const bend = { x: half + (center.x - half) * pull, y: high + (center.y - high) * pull }
  return `M${at(start)}Q${at(bend)} ${at(end)}`
}

function wholeOf(point: string): number {
  const whole = Number.parseInt(point.slice(0, DIGITS).padEnd(DIGITS, '0'), 16)
  return Number.isNaN(whole) ? 0 : whole
}

function at({ x, y }: Place): string {
  return `${x.toFixed(2)} ${y.toFixed(2)}`
}
