import type { JSX } from 'preact'
import { count, duration, whole } from '../format.ts'
import type { Geometry } from '../ring-geometry.ts'
import type { Pointed } from './ring.tsx'
import type { SimulationView } from './view.ts'

/** Three lines in the middle of the ring: what the reader points at, else how far the simulation is. */
export function Readout(props: {
  readonly view: SimulationView
  readonly pointed: Pointed | undefined
  readonly geometry: Geometry
}): JSX.Element {
  const { view, pointed, geometry } = props
  const { center, size } = geometry
  const [above, main, below] = pointed === undefined ? courseLines(view) : lines(view, pointed)
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

type Lines = readonly [above: string, main: string, below: string]

function lines({ state }: SimulationView, pointed: Pointed): Lines {
  const point = pointed.type === 'peer' ? pointed.mark[1] : pointed.mark[0]
  const digits = `${point.toString(16).padStart(8, '0')}…`
  if (pointed.type === 'value') {
    const [, copies] = pointed.mark
    return ['value at', digits, copies === 0 ? 'nobody holds it any more' : copiesText(copies)]
  }
  const [, , upSince] = pointed.mark
  return ['peer at', digits, `up for ${duration(Math.max(0, state.now - upSince))}`]
}

function copiesText(copies: number): string {
  return copies === 1 ? '1 copy' : `${whole(copies)} copies`
}

function courseLines({ state, outcome }: SimulationView): Lines {
  const { phase, now, phaseFrom, phaseTo, isVirtual, totals } = state
  const time = isVirtual ? 'virtual time' : 'real time'
  const peers = count(totals.up, 'peer')
  if (outcome !== undefined) return [peers, duration(now), `of ${time} in all`]
  if (phaseTo === undefined || phaseTo <= phaseFrom) return [phase, duration(now), time]
  return [phase, duration(now - phaseFrom), `of ${duration(phaseTo - phaseFrom)} of ${time}`]
}
