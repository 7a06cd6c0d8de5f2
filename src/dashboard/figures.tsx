import type { JSX } from 'preact'
import type { StatusResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { count, duration, size, whole } from './format.ts'

/** The peer's figures in one row. */
export function Figures({ status }: { readonly status: StatusResponse | undefined }): JSX.Element {
  return (
    <dl class="figures">
      {figuresOf(status).map(({ name, value, more }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <span class="value">{value}</span> <span class="more">{more}</span>
          </dd>
        </div>
      ))}
    </dl>
  )
}

interface Figure {
  readonly name: string
  readonly value: string
  readonly more: string
}

function figuresOf(status: StatusResponse | undefined): readonly Figure[] {
  if (status === undefined) {
    return NAMES.map((name) => ({ name, value: '–', more: '' }))
  }
  const { contacts, buckets, connections, records, recordBytes } = status
  const { publications, uptimeMs, operations } = status
  const values: readonly (readonly [string, string])[] = [
    [whole(contacts), `in ${count(buckets, 'bucket')}`],
    [
      whole(connections),
      operations === 0 ? 'open' : `open, ${count(operations, 'operation')} running`,
    ],
    [whole(records), size(Number(recordBytes))],
    [whole(publications), 'kept published'],
    [duration(uptimeMs), ''],
  ]
  return NAMES.map((name, i) => ({ name, value: values[i]?.[0] ?? '', more: values[i]?.[1] ?? '' }))
}

const NAMES = ['Contacts', 'Connections', 'Records held', 'Own values', 'Up for']
