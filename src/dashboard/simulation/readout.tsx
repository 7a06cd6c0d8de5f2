import type { JSX } from 'preact'
import { count, duration, whole } from '../format.ts'
import type { Geometry } from '../ring-geometry.ts'
import type { Pointed } from './pointing.ts'
import type { SimulationView } from './view.ts'

/** The three lines in the middle of the ring. */
export type Lines = readonly [above: string, main: string, below: string]

/** Writes three lines in the middle of the ring. */
export function Readout(props: {
  readonly lines: Lines
  readonly geometry: Geometry
}): JSX.Element {
  const { lines, geometry } = props
  const { center, size } = geometry
  const [above, main, below] = lines
  return (
    <g class={size < 460 ? 'readout small' : 'readout'}>
      <text x={center.x} y={center.y - 32}>
        {above}
      </text>
      <text class={main.length > 14 ? 'main long' : 'main'} x={center.x} y={center.y}>
        {main}
      </text>
      <text x={center.x} y={center.y + 32}>
        {below}
      </text>
    </g>
  )
}

/** What there is to say of what the reader points at. */
export function pointedLines({ state }: SimulationView, pointed: Pointed): Lines {
  const point = pointed.type === 'peer' ? pointed.mark[1] : pointed.mark[0]
  const digits = `${point.toString(16).padStart(8, '0')}…`
  if (pointed.type === 'value') {
    const [, copies] = pointed.mark
    return ['value at', digits, copies === 0 ? 'nobody holds it any more' : copiesText(copies)]
  }
  const [, , upSince] = pointed.mark
  return ['peer at', digits, `up for ${duration(Math.max(0, state.now - upSince))}`]
}

/** How far the simulation is. */
export function courseLines({ state, outcome }: SimulationView): Lines {
  const { phase, now, phaseFrom, phaseTo, isVirtual, totals } = state
  const time = isVirtual ? 'virtual time' : 'real time'
  const peers = count(totals.up, 'peer')
  if (outcome !== undefined) return [peers, duration(now), `of ${time} in all`]
  if (phaseTo === undefined || phaseTo <= phaseFrom) return [phase, duration(now), time]
  return [phase, duration(now - phaseFrom), `of ${duration(phaseTo - phaseFrom)} of ${time}`]
}

function copiesText(copies: number): string {
  return copies === 1 ? '1 copy' : `${whole(copies)} copies`
}
