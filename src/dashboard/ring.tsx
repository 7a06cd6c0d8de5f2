import type { JSX, TargetedPointerEvent } from 'preact'
import { useMemo } from 'preact/hooks'
import { circleDistance, fractionOf } from './keyspace.ts'
import { isRunning, type LookupView, progressOf } from './lookup-view.ts'
import { type Focus, type Held, isSameFocus, type View } from './model.ts'
import { type Geometry, geometryOf } from './ring-geometry.ts'
import { LookupLines, Target } from './ring-lookup.tsx'
import { Contacts, Labels, Records, Self, Territories } from './ring-marks.tsx'
import { Readout } from './ring-readout.tsx'
import { useWidth } from './use-width.ts'

/** How near the pointer must be to something to mean it, in pixels. */
const REACH_PX = 14

/** What the ring shows. */
export interface RingProps {
  readonly view: View | undefined
  readonly held: Held | undefined
  readonly lookup: LookupView | undefined
  /** Peers that took the value that was put last, or gave the one got last. */
  readonly holders: ReadonlySet<string>
  readonly focus: Focus | undefined
  readonly onFocus: (focus: Focus | undefined) => void
}

/** The keyspace as a ring: this peer, its contacts, what it holds, and a lookup while it runs. */
export function Ring(props: RingProps): JSX.Element {
  const [frame, width] = useWidth<HTMLDivElement>()
  return (
    <div class="ring" ref={frame}>
      {width > 0 && <Drawing {...props} size={width} />}
    </div>
  )
}

function Drawing(props: RingProps & { readonly size: number }): JSX.Element {
  const { size, view, held, lookup, holders, focus, onFocus } = props
  const geometry = useMemo(() => geometryOf(size), [size])
  const point = (event: TargetedPointerEvent<SVGSVGElement>): void => {
    const { left, top } = event.currentTarget.getBoundingClientRect()
    const found = nearest(props, geometry, event.clientX - left, event.clientY - top)
    if (!isSameFocus(found, focus)) onFocus(found)
  }
  const marks = { geometry, focus }
  return (
    <svg
      width={size}
      height={size}
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={describe(props)}
      onPointerMove={point}
      onPointerDown={point}
      onPointerLeave={() => onFocus(undefined)}
    >
      <Labels geometry={geometry} />
      {view !== undefined && <Territories {...marks} view={view} />}
      {held !== undefined && <Records {...marks} records={held.records} />}
      {lookup !== undefined && view !== undefined && (
        <LookupLines geometry={geometry} lookup={lookup} self={view.status.key} />
      )}
      {view !== undefined && (
        <Contacts {...marks} contacts={view.contacts} holders={holders} lookup={lookup} />
      )}
      {view !== undefined && <Self geometry={geometry} point={view.status.key} />}
      {lookup?.target !== undefined && <Target geometry={geometry} point={lookup.target} />}
      <Readout {...props} geometry={geometry} />
    </svg>
  )
}

/** What stands nearest to a place, if it is near enough. */
function nearest(
  { view, held, lookup }: RingProps,
  geometry: Geometry,
  x: number,
  y: number,
): Focus | undefined {
  const { center, radius, bandWidth, tickTo } = geometry
  const across = x - center.x
  const down = y - center.y
  const distance = Math.hypot(across, down)
  if (distance > radius + bandWidth + REACH_PX || distance < tickTo - REACH_PX) return undefined
  const fraction = (Math.atan2(down, across) / (2 * Math.PI) + 1.25) % 1
  const reach = REACH_PX / (2 * Math.PI * radius)
  const isInside = distance < radius - bandWidth / 2 - 2
  const peers: [Focus, string][] = [
    ...(view?.contacts ?? []).map(({ id, key }): [Focus, string] => [{ type: 'peer', id }, key]),
    ...(lookup?.asks ?? []).map(({ peer, key }): [Focus, string] => [
      { type: 'peer', id: peer },
      key,
    ]),
  ]
  const records = (held?.records ?? []).map(({ key, target }): [Focus, string] => [
    { type: 'record', key },
    target,
  ])
  return closest(isInside ? records : peers, fraction, reach)
}

function closest(
  marks: readonly (readonly [Focus, string])[],
  fraction: number,
  reach: number,
): Focus | undefined {
  let best: Focus | undefined
  let least = reach
  for (const [focus, point] of marks) {
    const apart = circleDistance(fractionOf(point), fraction)
    if (apart > least) continue
    least = apart
    best = focus
  }
  return best
}

/** The ring in one sentence, for those who do not see it. */
function describe({ view, held, lookup }: RingProps): string {
  if (view === undefined) return 'The keyspace as a ring; nothing is known yet.'
  const { contacts, buckets } = view
  const parts = [
    `The keyspace as a ring with this peer, ${contacts.length} contacts in ${buckets.length} buckets and ${held?.total ?? 0} held records.`,
  ]
  if (lookup !== undefined) {
    const { asked, answered, hop } = progressOf(lookup)
    const tense = isRunning(lookup) ? 'is under way' : 'has ended'
    parts.push(
      `A lookup of ${lookup.key} ${tense}: ${asked} peers asked, ${answered} answered, hop ${hop}.`,
    )
  }
  return parts.join(' ')
}
