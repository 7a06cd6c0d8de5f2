import type { JSX } from 'preact'

/** What the marks on the ring mean; those of a lookup while there is one. */
export function Legend(props: {
  readonly hasLookup: boolean
  readonly hasHolders: boolean
}): JSX.Element {
  const entries = [
    ['self', 'this peer'],
    ['connected', 'contact, connected'],
    ['idle', 'contact'],
    ['record', 'record held'],
    ...(props.hasHolders ? [['holder', 'holds the value']] : []),
    ...(props.hasLookup
      ? [
          ['target', 'target'],
          ['asking', 'asked'],
          ['answered', 'answered'],
          ['failed', 'failed'],
          ['found', 'among the closest'],
        ]
      : []),
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
