import type { JSX } from 'preact'
import { chordPath, fractionOf, placeOn } from './keyspace.ts'
import type { LookupView } from './lookup-view.ts'
import type { Geometry } from './ring-geometry.ts'

/** The requests of a lookup as lines from who named a peer to that peer, and the peers asked. */
export function LookupLines(props: {
  readonly geometry: Geometry
  readonly lookup: LookupView
  /** This peer's point. */
  readonly self: string
}): JSX.Element {
  const { geometry, lookup, self } = props
  const { center, radius, chordRadius, dot } = geometry
  const places = new Map(lookup.asks.map(({ peer, key }) => [peer, fractionOf(key)]))
  const closest = new Set(lookup.result?.closest.map(({ id }) => id))
  const own = fractionOf(self)
  return (
    <g class="lookup">
      {lookup.asks.map(({ peer, key, namedBy, state, hop }, index) => {
        const from = (namedBy === undefined ? undefined : places.get(namedBy)) ?? own
        return (
          <path
            key={index}
            class={closest.has(peer) ? `${state} closest` : state}
            data-hop={hop}
            d={chordPath(from, fractionOf(key), chordRadius, center)}
          />
        )
      })}
      {lookup.asks.map(({ peer, key, state }, index) => {
        const { x, y } = placeOn(fractionOf(key), radius, center)
        return (
          <g key={index}>
            {closest.has(peer) && <circle class="found" cx={x} cy={y} r={dot + 3.5} />}
            <circle class={state} cx={x} cy={y} r={dot + 0.6} />
          </g>
        )
      })}
    </g>
  )
}

/** The point that is looked for. */
export function Target(props: {
  readonly geometry: Geometry
  readonly point: string
}): JSX.Element {
  const { center, radius, bandWidth, targetRadius } = props.geometry
  const fraction = fractionOf(props.point)
  const { x, y } = placeOn(fraction, targetRadius, center)
  const from = placeOn(fraction, radius - bandWidth / 2 - 16, center)
  const degrees = fraction * 360
  return (
    <g class="target">
      <line x1={from.x} y1={from.y} x2={x} y2={y} />
      <path d="M0 0L-5.5 -10H5.5Z" transform={`translate(${x} ${y}) rotate(${degrees})`} />
    </g>
  )
}
