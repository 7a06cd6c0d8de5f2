import type { JSX } from 'preact'
import type { Trouble } from './stream.ts'
import type { SimulationView } from './view.ts'

/** How the simulation stands. */
export type Standing = 'waiting' | 'running' | 'good' | 'bad' | 'failed' | 'refused' | 'gone'

/** Tells how a simulation stands by what is known of it. */
export function standingOf(
  view: SimulationView | undefined,
  trouble: Trouble | undefined,
): Standing {
  const outcome = view?.outcome
  if (outcome?.failure !== undefined) return 'failed'
  if (outcome !== undefined) return outcome.checks.every(({ holds }) => holds) ? 'good' : 'bad'
  if (trouble !== undefined) return trouble
  return view === undefined ? 'waiting' : 'running'
}

/** How it stands in one line. */
export function Status(props: {
  readonly standing: Standing
  readonly failing: number
}): JSX.Element {
  const { standing, failing } = props
  const word = standing === 'bad' ? `Ended: ${failing} of its checks fail` : WORDS[standing]
  return (
    <p class={`health ${LAMPS[standing]}`} role="status">
      <span class="lamp" aria-hidden="true" />
      {failing === 1 ? 'Ended: a check fails' : word}
    </p>
  )
}

/** What is wrong, and what to do about it; nothing while all goes well. */
export function Problem(props: {
  readonly standing: Standing
  readonly why: string | undefined
}): JSX.Element | null {
  const text = textOf(props.standing, props.why)
  if (text === undefined) return null
  return (
    <div class="problems" role="alert">
      <p>{text}</p>
    </div>
  )
}

const WORDS: Readonly<Record<Standing, string>> = {
  waiting: 'Begins',
  running: 'Running',
  good: 'Ended: all checks hold',
  bad: 'Ended',
  failed: 'Broken off',
  refused: 'No token',
  gone: 'No answer',
}

const LAMPS: Readonly<Record<Standing, string>> = {
  waiting: '',
  running: 'live',
  good: 'well',
  bad: 'ill',
  failed: 'ill',
  refused: 'lost',
  gone: 'lost',
}

function textOf(standing: Standing, why: string | undefined): string | undefined {
  switch (standing) {
    case 'refused':
      return 'This address carries no token that the simulation takes: open the one that kad simulate printed, to its last character.'
    case 'gone':
      return 'The simulation does not answer any more: it was ended in its terminal.'
    case 'failed':
      return `There is no result: ${why ?? 'nothing was said of why'}.`
    default:
      return undefined
  }
}
