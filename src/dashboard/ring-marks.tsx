import type { JSX } from 'preact'
import type { HeldRecord, Peer } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { arcPath, bucketArc, fractionOf, placeOn } from './keyspace.ts'
import type { LookupView } from './lookup-view.ts'
import { type Focus, isSameFocus, type View } from './model.ts'
import type { Geometry } from './ring-geometry.ts'

/** Narrower territories than this, in pixels, are not drawn apart. */
const TERRITORY_MIN_PX = 3

interface MarksProps {
  readonly geometry: Geometry
  readonly focus: Focus | undefined
}

/** The first digit of the points, around the ring. */
export function Labels({ geometry }: { readonly geometry: Geometry }): JSX.Element {
  const { center, labelRadius } = geometry
  return (
    <g class="labels">
      {Array.from({ length: 16 }, (_, digit) => {
        const { x, y } = placeOn(digit / 16, labelRadius, center)
        return (
          <text key={digit} x={x} y={y}>
            {digit.toString(16)}
          </text>
        )
      })}
    </g>
  )
}

/** The parts of the keyspace that the buckets cover, the darker the fuller. */
export function Territories(props: MarksProps & { readonly view: View }): JSX.Element {
  const { geometry, view, focus } = props
  const { center, radius, bandWidth } = geometry
  const { key, k } = view.status
  const filled = new Map(view.buckets.map((bucket) => [bucket.prefixLength, bucket.peers.length]))
  const gap = 1 / (2 * Math.PI * radius)
  const depths = Math.floor(Math.log2((2 * Math.PI * radius) / TERRITORY_MIN_PX))
  return (
    <g class="territories" stroke-width={bandWidth}>
      {Array.from({ length: depths }, (_, prefixLength) => {
        const { from, to } = bucketArc(key, prefixLength)
        const share = (filled.get(prefixLength) ?? 0) / Math.max(1, k)
        const isFocused = isSameFocus(focus, { type: 'bucket', prefixLength })
        return (
          <path
            key={prefixLength}
            class={isFocused ? 'focused' : ''}
            d={arcPath({ from: from + gap / 2, to: to - gap / 2 }, radius, center)}
            stroke-opacity={isFocused ? 1 : 0.07 + 0.11 * Math.min(1, share)}
          />
        )
      })}
    </g>
  )
}

/** The contacts: full where a connection stands, hollow where not. */
export function Contacts(
  props: MarksProps & {
    readonly contacts: readonly Peer[]
    readonly holders: ReadonlySet<string>
    readonly lookup: LookupView | undefined
  },
): JSX.Element {
  const { geometry, contacts, holders, focus, lookup } = props
  const { center, radius, dot } = geometry
  const bucket = focus?.type === 'bucket' ? focus.prefixLength : undefined
  return (
    <g class={lookup === undefined ? 'contacts' : 'contacts quiet'}>
      {contacts.map(({ id, key, connected, failures, prefixLength }) => {
        const { x, y } = placeOn(fractionOf(key), radius, center)
        const isFocused = focus?.type === 'peer' ? focus.id === id : bucket === prefixLength
        const classes = [
          connected ? 'connected' : '',
          failures > 0 ? 'failing' : '',
          isFocused ? 'focused' : '',
        ]
        return (
          <g key={id}>
            {holders.has(id) && <circle class="holder" cx={x} cy={y} r={dot + 3.5} />}
            <circle
              class={classes.join(' ').trim()}
              cx={x}
              cy={y}
              r={isFocused && bucket === undefined ? dot + 1.6 : dot}
            />
          </g>
        )
      })}
    </g>
  )
}

/** What this peer holds: ticks inside the ring. */
export function Records(
  props: MarksProps & { readonly records: readonly HeldRecord[] },
): JSX.Element {
  const { geometry, records, focus } = props
  const { center, tickFrom, tickTo } = geometry
  return (
    <g class="records">
      {records.map(({ key, target, origin, deleted }) => {
        const fraction = fractionOf(target)
        const isFocused = focus?.type === 'record' && focus.key === key
        const from = placeOn(fraction, tickFrom, center)
        const to = placeOn(fraction, tickTo - (isFocused ? 5 : 0), center)
        const classes = `${origin} ${deleted ? 'deleted' : ''} ${isFocused ? 'focused' : ''}`
        return <line key={key} class={classes.trim()} x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
      })}
    </g>
  )
}

/** This peer: the one mark that is never to be searched for. */
export function Self(props: { readonly geometry: Geometry; readonly point: string }): JSX.Element {
  const { center, radius, bandWidth, dot } = props.geometry
  const fraction = fractionOf(props.point)
  const { x, y } = placeOn(fraction, radius, center)
  const from = placeOn(fraction, radius - bandWidth / 2 - 3, center)
  const to = placeOn(fraction, radius + bandWidth / 2 + 3, center)
  return (
    <g class="self">
      <line x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
      <circle cx={x} cy={y} r={dot * 1.9} />
    </g>
  )
}
