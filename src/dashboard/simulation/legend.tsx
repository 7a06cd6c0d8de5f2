import type { JSX } from 'preact'
import { whole } from '../format.ts'

/** What the marks on the ring mean; those that there are. */
export function SimulationLegend(props: {
  readonly hasTurnover: boolean
  readonly hasValues: boolean
  readonly hasLost: boolean
  readonly peersForEachMark: number
}): JSX.Element {
  const { hasTurnover, hasValues, hasLost, peersForEachMark } = props
  const peers = peersForEachMark === 1 ? 'peer' : `one peer of every ${whole(peersForEachMark)}`
  const entries = [
    ['tick up', peers],
    ...(hasTurnover
      ? [
          ['tick fresh', 'joined just now'],
          ['tick gone', 'left just now'],
        ]
      : []),
    ...(hasValues ? [['tick value', 'value: the longer, the more copies']] : []),
    ...(hasLost ? [['tick lost', 'value that nobody holds']] : []),
  ]
  return (
    <ul class="legend">
      {entries.map(([mark, text]) => (
        <li key={mark}>
          <span class={`mark ${mark}`} aria-hidden="true" />
          {text}
        </li>
      ))}
    </ul>
  )
}
