import type { JSX } from 'preact'
import type { StatusResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { moment } from './format.ts'

/** The verdict on the peer in one line, with the reason where it is not well. */
export function Health(props: {
  readonly status: StatusResponse | undefined
  readonly isLost: boolean
}): JSX.Element {
  const { status, isLost } = props
  const verdict = verdictOf(status, isLost)
  return (
    <p class={`health ${verdict}`} role="status">
      <span class="lamp" aria-hidden="true" />
      {WORDS[verdict]}
    </p>
  )
}

/** What is wrong, and with what consequence; nothing when all is well. */
export function Problems(props: {
  readonly status: StatusResponse | undefined
  readonly lost: string | undefined
  readonly answeredAt: number | undefined
}): JSX.Element | null {
  const { status, lost, answeredAt } = props
  if (lost !== undefined) {
    return (
      <div class="problems" role="alert">
        <p>
          {lost} Asking again every few seconds
          {answeredAt === undefined ? '' : `; what stands here is from ${moment(answeredAt)}`}.
        </p>
      </div>
    )
  }
  if (status === undefined || status.problems.length === 0) return null
  return (
    <div class="problems" role="alert">
      {status.problems.map((problem) => (
        <p key={problem}>{problem.charAt(0).toUpperCase() + problem.slice(1)}.</p>
      ))}
    </div>
  )
}

const WORDS = { well: 'Well', ill: 'Not well', lost: 'No answer', unknown: 'Asking' } as const

function verdictOf(status: StatusResponse | undefined, isLost: boolean): keyof typeof WORDS {
  if (isLost) return 'lost'
  if (status === undefined) return 'unknown'
  return status.healthy ? 'well' : 'ill'
}
