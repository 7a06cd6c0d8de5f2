import type { JSX, TargetedPointerEvent } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { PeerMark, ValueMark } from '../../../simulations/watch/frame.ts'
import { count, whole } from '../format.ts'
import { arcPath, circleDistance } from '../keyspace.ts'
import { type Geometry, geometryOf } from '../ring-geometry.ts'
import { Labels } from '../ring-marks.tsx'
import { useWidth } from '../use-width.ts'
import { Readout } from './readout.tsx'
import { fractionOfPoint, peersPath, valueReach, valuesPath } from './ring-marks.ts'
import { type Gone, type SimulationView, shareOf } from './view.ts'

/** How near the pointer must be to something to mean it, in pixels. */
const REACH_PX = 14

/** What the reader points at. */
export type Pointed =
  | { readonly type: 'peer'; readonly mark: PeerMark }
  | { readonly type: 'value'; readonly mark: ValueMark }

/** The keyspace as a ring, with the peers that are up and the values that they hold. */
export function SimulationRing({ view }: { readonly view: SimulationView }): JSX.Element {
  const [frame, width] = useWidth<HTMLDivElement>()
  return (
    <div class="ring" ref={frame}>
      {width > 0 && <Drawing view={view} size={width} />}
    </div>
  )
}

function Drawing(props: { readonly view: SimulationView; readonly size: number }): JSX.Element {
  const { view, size } = props
  const geometry = useMemo(() => geometryOf(size), [size])
  const [pointer, setPointer] = useState<{ readonly x: number; readonly y: number }>()
  const point = (event: TargetedPointerEvent<SVGSVGElement>): void => {
    const { left, top } = event.currentTarget.getBoundingClientRect()
    setPointer({ x: event.clientX - left, y: event.clientY - top })
  }
  const pointed = pointer === undefined ? undefined : nearest(view, geometry, pointer)
  const { center, radius, bandWidth } = geometry
  return (
    <svg
      width={size}
      height={size}
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={describe(view)}
      onPointerMove={point}
      onPointerDown={point}
      onPointerLeave={() => setPointer(undefined)}
    >
      <Labels geometry={geometry} />
      <circle class="band" cx={center.x} cy={center.y} r={radius} stroke-width={bandWidth} />
      <Peers view={view} geometry={geometry} />
      <Values view={view} geometry={geometry} />
      {pointed !== undefined && <Pointer pointed={pointed} geometry={geometry} k={view.run.k} />}
      <Course view={view} geometry={geometry} />
      <Readout view={view} pointed={pointed} geometry={geometry} />
    </svg>
  )
}

interface MarksProps {
  readonly view: SimulationView
  readonly geometry: Geometry
}

function Peers({ view, geometry }: MarksProps): JSX.Element {
  const { up, fresh, gone } = view
  const settled = useMemo(
    () =>
      peersPath(
        [...up.values()].filter(([number]) => !fresh.has(number)),
        geometry,
      ),
    [up, fresh, geometry],
  )
  const marksOf = (marks: readonly PeerMark[]): JSX.Element[] =>
    marks.map((mark) => <path key={mark[0]} d={peersPath([mark], geometry)} />)
  const freshMarks = [...fresh.keys()]
    .map((number) => up.get(number))
    .filter((mark) => mark !== undefined)
  return (
    <g class="peers" data-up={up.size}>
      <path class="up" d={settled} />
      <g class="gone">{marksOf(gone.map(({ mark }: Gone) => mark))}</g>
      <g class="fresh">{marksOf(freshMarks)}</g>
    </g>
  )
}

function Values({ view, geometry }: MarksProps): JSX.Element {
  const { values, run } = view
  const paths = useMemo(() => {
    const lost = values.filter(([, copies]) => copies === 0)
    const held = values.filter(([, copies]) => copies > 0)
    const full = lost.map(([point]): ValueMark => [point, run.k])
    return { held: valuesPath(held, run.k, geometry), lost: valuesPath(full, run.k, geometry) }
  }, [values, run.k, geometry])
  return (
    <g class="values">
      <path class="held" d={paths.held} />
      <path class="lost" d={paths.lost} />
    </g>
  )
}

/** The mark that the reader points at, drawn over all others. */
function Pointer(props: {
  readonly pointed: Pointed
  readonly geometry: Geometry
  readonly k: number
}): JSX.Element {
  const { pointed, geometry, k } = props
  const d =
    pointed.type === 'peer'
      ? peersPath([pointed.mark], geometry)
      : valuesPath([pointed.mark], k, geometry)
  return <path class="pointed" d={d} />
}

/** How far the phase is, around the readout; closed when all is over. */
function Course({ view, geometry }: MarksProps): JSX.Element | null {
  const share = shareOf(view)
  if (share === undefined) return null
  const { center, tickFrom } = geometry
  const radius = Math.round((tickFrom - 2 * valueReach(geometry)) * 0.76)
  return (
    <g class={`course ${endOf(view)}`}>
      <circle cx={center.x} cy={center.y} r={radius} />
      {share > 0 && <path d={arcPath({ from: 0, to: share }, radius, center)} />}
    </g>
  )
}

function endOf({ outcome }: SimulationView): string {
  if (outcome === undefined) return ''
  const isGood = outcome.failure === undefined && outcome.checks.every(({ holds }) => holds)
  return isGood ? 'good' : 'bad'
}

/** What stands nearest to a place, if it is near enough. */
function nearest(
  { up, values }: SimulationView,
  geometry: Geometry,
  { x, y }: { readonly x: number; readonly y: number },
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

/** The ring in one sentence, for those who do not see it. */
function describe({ state, values }: SimulationView): string {
  const { up, joined, left } = state.totals
  const held = values.length === 0 ? '' : ` and ${count(values.length, 'value')}`
  return `The keyspace as a ring with ${count(up, 'peer')}${held}; ${whole(joined)} joined so far, ${whole(left)} left.`
}
