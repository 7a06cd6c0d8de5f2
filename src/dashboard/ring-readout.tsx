import type { JSX } from 'preact'
import { count, duration, shortId, size, timeLeft, whole } from './format.ts'
import { isRunning, progressOf } from './lookup-view.ts'
import type { RingProps } from './ring.tsx'
import type { Geometry } from './ring-geometry.ts'

/** Three lines in the middle of the ring: what the reader points at, else the lookup, else the network. */
export function Readout(props: RingProps & { readonly geometry: Geometry }): JSX.Element {
  const { geometry } = props
  const { center, size: side } = geometry
  const [above, main, below] = linesOf(props)
  const isLong = main.length > 14
  return (
    <g class={side < 460 ? 'readout small' : 'readout'}>
      {props.lookup !== undefined && <Hub geometry={geometry} />}
      <text x={center.x} y={center.y - (isLong ? 24 : 32)}>
        {above}
      </text>
      <text class={isLong ? 'main long' : 'main'} x={center.x} y={center.y}>
        {main}
      </text>
      <text x={center.x} y={center.y + (isLong ? 24 : 32)}>
        {below}
      </text>
    </g>
  )
}

/** Takes the lines of a lookup back behind the words. */
function Hub({ geometry }: { readonly geometry: Geometry }): JSX.Element {
  const { center, chordRadius } = geometry
  return (
    <>
      <radialGradient id="hub">
        <stop class="hub" offset="0.6" stop-opacity="0.92" />
        <stop class="hub" offset="1" stop-opacity="0" />
      </radialGradient>
      <ellipse
        cx={center.x}
        cy={center.y}
        rx={chordRadius * 0.72}
        ry={chordRadius * 0.46}
        fill="url(#hub)"
      />
    </>
  )
}

type Lines = readonly [above: string, main: string, below: string]

function linesOf(props: RingProps): Lines {
  return focusLines(props) ?? lookupLines(props) ?? networkLines(props)
}

function focusLines({ focus, view, held, lookup }: RingProps): Lines | undefined {
  switch (focus?.type) {
    case 'peer': {
      const contact = view?.contacts.find(({ id }) => id === focus.id)
      if (contact !== undefined) {
        const { prefixLength, lastSeenMs, failures, connected } = contact
        const state = connected ? 'connected' : 'no connection'
        const how = failures > 0 ? `${count(failures, 'failure')} in a row` : state
        return [
          `contact in bucket ${prefixLength}`,
          shortId(contact.id),
          `heard of ${duration(lastSeenMs)} ago, ${how}`,
        ]
      }
      const ask = lookup?.asks.findLast(({ peer }) => peer === focus.id)
      if (ask === undefined) return undefined
      const how = ask.state === 'failed' ? ask.failure : `${ask.state}, hop ${ask.hop}`
      return [`shares ${count(ask.prefixLength, 'bit')}`, shortId(ask.peer), how]
    }
    case 'record': {
      const record = held?.records.find(({ key }) => key === focus.key)
      if (record === undefined) return undefined
      const left = timeLeft(Number(record.expiresAtMs))
      const kind = record.deleted ? 'deleted' : size(record.valueBytes)
      return [ORIGINS[record.origin] ?? record.origin, shortKey(record.key), `${kind}, ${left}`]
    }
    case 'bucket': {
      const bucket = view?.buckets.find(({ prefixLength }) => prefixLength === focus.prefixLength)
      if (bucket === undefined || view === undefined) return undefined
      const share = 2 ** -(focus.prefixLength + 1)
      return [
        `bucket ${focus.prefixLength}`,
        `${bucket.peers.length} of ${view.status.k}`,
        `covers ${portion(share)} of the keyspace`,
      ]
    }
    default:
      return undefined
  }
}

function lookupLines({ lookup }: RingProps): Lines | undefined {
  if (lookup === undefined) return undefined
  const { asked, answered, failed, hop } = progressOf(lookup)
  const { result } = lookup
  if (result !== undefined) {
    const { closest, hops, requests, failures, durationMs } = result
    return [
      `${count(closest.length, 'closest peer')} found`,
      duration(durationMs),
      `${count(hops, 'hop')}, ${count(requests, 'request')}, ${whole(failures)} failed`,
    ]
  }
  if (!isRunning(lookup)) return undefined
  return [
    `looking up ${shortKey(lookup.key)}`,
    hop === 0 ? 'asking' : `hop ${hop}`,
    `${asked} asked, ${answered} answered${failed > 0 ? `, ${failed} failed` : ''}`,
  ]
}

function networkLines({ view }: RingProps): Lines {
  if (view === undefined) return ['', '', '']
  const { contacts, status } = view
  if (contacts.length === 0) return ['alone so far', '1 peer', 'no contacts yet']
  const hint = 'point at a mark to read it'
  if (status.networkSize === 0) return ['this peer knows', count(contacts.length, 'peer'), hint]
  return ['in the network, about', `${whole(status.networkSize)} peers`, hint]
}

const ORIGINS: Readonly<Record<string, string>> = {
  owner: 'own value',
  replica: 'replica',
  cached: 'cached on the way',
}

function shortKey(key: string): string {
  return key.length <= 26 ? key : `${key.slice(0, 14)}…${key.slice(-10)}`
}

function portion(share: number): string {
  return share >= 0.01 ? `${Number((share * 100).toPrecision(2))} %` : `1/${whole(1 / share)}`
}
