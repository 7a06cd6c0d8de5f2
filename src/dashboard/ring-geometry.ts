import type { Place } from './keyspace.ts'

/** Where everything stands on the ring, in pixels. */
export interface Geometry {
  readonly size: number
  readonly center: Place
  /** The circle that peers stand on. */
  readonly radius: number
  readonly bandWidth: number
  /** Held records are ticks from the one to the other. */
  readonly tickFrom: number
  readonly tickTo: number
  /** Where the lines of a lookup begin and end. */
  readonly chordRadius: number
  readonly targetRadius: number
  readonly labelRadius: number
  readonly dot: number
}

/** Lays a ring out in a square. */
export function geometryOf(size: number): Geometry {
  const isSmall = size < 460
  const radius = size / 2 - (isSmall ? 26 : 36)
  const bandWidth = isSmall ? 12 : 16
  const inner = radius - bandWidth / 2
  return {
    size,
    center: { x: size / 2, y: size / 2 },
    radius,
    bandWidth,
    tickFrom: inner - 4,
    tickTo: inner - (isSmall ? 11 : 14),
    chordRadius: inner - (isSmall ? 13 : 17),
    targetRadius: radius + bandWidth / 2 + 5,
    labelRadius: radius + (isSmall ? 18 : 25),
    dot: isSmall ? 2.6 : 3.4,
  }
}
