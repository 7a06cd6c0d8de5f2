import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import type { PeerMark, ValueMark } from '../../../simulations/watch/frame.ts'
import { count, whole } from '../format.ts'
import { arcPath } from '../keyspace.ts'
import { type Geometry, geometryOf } from '../ring-geometry.ts'
import { Labels } from '../ring-marks.tsx'
import { useWidth } from '../use-width.ts'
import type { Pointed } from './pointing.ts'
import { courseLines, pointedLines, Readout } from './readout.tsx'
import { peersPath, valueReach, valuesPath } from './ring-marks.ts'
import { usePointing } from './use-pointing.ts'
import { type Gone, type SimulationView, shareOf } from './view.ts'

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
  const { pointed, isByKey, ...listeners } = usePointing(view, geometry)
  const { center, radius, bandWidth } = geometry
  const lines = pointed === undefined ? undefined : pointedLines(view, pointed)
  // Once for each mark: what is read aloud must not begin anew with every frame.
  const said = useMemo(() => (isByKey ? lines?.join(' ') : undefined), [isByKey, pointed?.mark])
  return (
    <>
      <svg
        width={size}
        height={size}
        viewBox={`0 0 ${size} ${size}`}
        role="img"
        aria-label={describe(view)}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what is read by pointing must be read by keyboard
        tabIndex={0}
        {...listeners}
      >
        <Labels geometry={geometry} />
        <circle class="band" cx={center.x} cy={center.y} r={radius} stroke-width={bandWidth} />
        <Peers view={view} geometry={geometry} />
        <Values view={view} geometry={geometry} />
        {pointed !== undefined && <Pointer pointed={pointed} geometry={geometry} k={view.run.k} />}
        <Course view={view} geometry={geometry} />
        <Readout lines={lines ?? courseLines(view)} geometry={geometry} />
      </svg>
      <p class="unseen" aria-live="polite">
        {said}
      </p>
    </>
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

/** The ring in one sentence, for those who do not see it. */
function describe({ state, values }: SimulationView): string {
  const { up, joined, left } = state.totals
  const held = values.length === 0 ? '' : ` and ${count(values.length, 'value')}`
  return `The keyspace as a ring with ${count(up, 'peer')}${held}; ${whole(joined)} joined so far, ${whole(left)} left.`
}
