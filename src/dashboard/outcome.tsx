import type { ComponentChildren, JSX } from 'preact'
import type { Call } from './use-call.ts'

/** Where the outcome of a call appears; read out when it comes. */
export function Outcome<Answer>(props: {
  readonly call: Call<Answer>
  readonly children: (answer: Answer) => ComponentChildren
}): JSX.Element {
  const { call, children } = props
  return (
    <div class="outcome" aria-live="polite" aria-busy={call.state === 'running'}>
      {call.state === 'failed' && <p class="fault">{call.fault}</p>}
      {call.state === 'done' && children(call.answer)}
    </div>
  )
}

/** The button that makes a call, and while it runs the one that ends it. */
export function Buttons(props: {
  readonly text: string
  readonly isRunning: boolean
  readonly onStop: () => void
}): JSX.Element {
  const { text, isRunning, onStop } = props
  return (
    <div class="buttons">
      <button type="submit" class="primary" aria-disabled={isRunning}>
        {text}
      </button>
      {isRunning && (
        <button type="button" onClick={onStop}>
          Stop
        </button>
      )}
    </div>
  )
}
