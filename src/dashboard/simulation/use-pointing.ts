import type { TargetedKeyboardEvent, TargetedPointerEvent } from 'preact'
import { useState } from 'preact/hooks'
import { type Place, placeOn } from '../keyspace.ts'
import type { Geometry } from '../ring-geometry.ts'
import { nearest, nextPeer, type Pointed } from './pointing.ts'
import { fractionOfPoint } from './ring-marks.ts'
import type { SimulationView } from './view.ts'

/** What the reader points at, and the listeners by which the ring hears of it. */
export interface Pointing {
  readonly pointed: Pointed | undefined
  /** Whether it was reached with the arrow keys. */
  readonly isByKey: boolean
  readonly onPointerMove: (event: TargetedPointerEvent<SVGSVGElement>) => void
  readonly onPointerDown: (event: TargetedPointerEvent<SVGSVGElement>) => void
  readonly onPointerLeave: () => void
  readonly onKeyDown: (event: TargetedKeyboardEvent<SVGSVGElement>) => void
  readonly onBlur: () => void
}

const STEPS: Readonly<Record<string, 1 | -1>> = {
  ArrowRight: 1,
  ArrowDown: 1,
  ArrowLeft: -1,
  ArrowUp: -1,
}

/** Pointing at marks of the ring: with a pointer, or from peer to peer with the arrow keys, until Escape. */
export function usePointing(view: SimulationView, geometry: Geometry): Pointing {
  const [place, setPlace] = useState<Place & { readonly isByKey: boolean }>()
  const pointed = place === undefined ? undefined : nearest(view, geometry, place)
  const point = (event: TargetedPointerEvent<SVGSVGElement>): void => {
    const { left, top } = event.currentTarget.getBoundingClientRect()
    setPlace({ x: event.clientX - left, y: event.clientY - top, isByKey: false })
  }
  const step = (direction: 1 | -1): void => {
    const from = pointed?.type === 'peer' ? fractionOfPoint(pointed.mark[1]) : 0
    const next = nextPeer(view, from, direction)
    if (next === undefined) return
    const { radius, center } = geometry
    setPlace({ ...placeOn(fractionOfPoint(next[1]), radius, center), isByKey: true })
  }
  const leave = (): void => setPlace(undefined)
  return {
    pointed,
    isByKey: place?.isByKey === true,
    onPointerMove: point,
    onPointerDown: point,
    onPointerLeave: leave,
    onBlur: leave,
    onKeyDown: (event) => {
      const direction = STEPS[event.key]
      if (event.key === 'Escape') leave()
      if (direction === undefined) return
      event.preventDefault() // the page would scroll
      step(direction)
    },
  }
}
