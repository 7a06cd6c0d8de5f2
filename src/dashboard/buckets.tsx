import type { JSX } from 'preact'
import type { Bucket, Peer } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { count } from './format.ts'
import { type Focus, isSameFocus, type View } from './model.ts'

/** The occupied buckets: one row each, one cell for each place in it. */
export function Buckets(props: {
  readonly view: View | undefined
  readonly focus: Focus | undefined
  readonly chosen: number | undefined
  readonly onFocus: (focus: Focus | undefined) => void
  /** A bucket was chosen, or none is any more: its contacts are listed. */
  readonly onChoose: (prefixLength: number | undefined) => void
}): JSX.Element {
  const { view, focus, chosen, onFocus, onChoose } = props
  const buckets = view?.buckets ?? []
  const k = view?.status.k ?? 20
  return (
    <section class="buckets" aria-labelledby="buckets-title">
      <h2 id="buckets-title">Buckets</h2>
      <p class="hint">
        One row for each occupied bucket: contacts that share that many leading bits with this peer,
        of {k} places. Choose one to list its contacts only.
      </p>
      <ol class="plain">
        {buckets.map((bucket) => {
          const { prefixLength } = bucket
          const mine: Focus = { type: 'bucket', prefixLength }
          return (
            <li key={prefixLength}>
              <button
                type="button"
                class={isSameFocus(focus, mine) ? 'bucket focused' : 'bucket'}
                aria-pressed={chosen === prefixLength}
                aria-label={labelOf(bucket, k)}
                onPointerEnter={() => onFocus(mine)}
                onPointerLeave={() => onFocus(undefined)}
                onFocus={() => onFocus(mine)}
                onBlur={() => onFocus(undefined)}
                onClick={() => onChoose(chosen === prefixLength ? undefined : prefixLength)}
              >
                <span class="bits">{prefixLength}</span>
                <Cells bucket={bucket} k={k} />
                <span class="fill">{bucket.peers.length}</span>
                <span class="spare">
                  {bucket.replacements > 0 ? `+${bucket.replacements}` : ''}
                </span>
              </button>
            </li>
          )
        })}
      </ol>
    </section>
  )
}

function Cells({ bucket, k }: { readonly bucket: Bucket; readonly k: number }): JSX.Element {
  return (
    <span class={k > 32 ? 'cells dense' : 'cells'} aria-hidden="true">
      {Array.from({ length: Math.max(k, bucket.peers.length) }, (_, place) => (
        <span key={place} class={cellClass(bucket.peers[place])} />
      ))}
    </span>
  )
}

function cellClass(peer: Peer | undefined): string {
  if (peer === undefined) return 'cell'
  if (peer.failures > 0) return 'cell failing'
  return peer.connected ? 'cell connected' : 'cell taken'
}

function labelOf({ prefixLength, peers, replacements }: Bucket, k: number): string {
  const connected = peers.filter((peer) => peer.connected).length
  const spare = replacements === 0 ? '' : `, ${replacements} waiting for a place`
  return `Bucket ${prefixLength}: ${count(peers.length, 'contact')} of ${k}, ${connected} connected${spare}`
}
