import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { FormProps } from './ask-panel.tsx'
import { count, duration, shortId } from './format.ts'
import { KeyField } from './key-field.tsx'
import { type Ask, isRunning, type LookupView } from './lookup-view.ts'
import type { Focus } from './model.ts'
import { Buttons } from './outcome.tsx'

/** Finds the peers closest to a key and tells every request. */
export function LookupForm(props: FormProps): JSX.Element {
  const { keyText, onKeyText, lookup, onLookup, onStopLookup, onFocus, onHolders } = props
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    onHolders(new Set())
    onLookup(keyText.trim())
  }
  const running = lookup !== undefined && isRunning(lookup)
  return (
    <form onSubmit={submit}>
      <KeyField
        id="lookup-key"
        value={keyText}
        onValue={onKeyText}
        hint="A key or a peer id: finds the peers closest to it, and shows every request on the ring."
      />
      <div class="row">
        <Buttons text="Look it up" isRunning={running} onStop={onStopLookup} />
        {lookup !== undefined && !running && (
          <button type="button" class="plain" onClick={onStopLookup}>
            Clear
          </button>
        )}
      </div>
      <div class="outcome" aria-live="polite" aria-busy={running}>
        {lookup?.error !== undefined && <p class="fault">{lookup.error}</p>}
        {lookup?.result !== undefined && <Summary lookup={lookup} />}
      </div>
      {lookup !== undefined && lookup.asks.length > 0 && (
        <Trace lookup={lookup} onFocus={onFocus} />
      )}
    </form>
  )
}

function Summary({ lookup }: { readonly lookup: LookupView }): JSX.Element | null {
  const { result } = lookup
  if (result === undefined) return null
  const { closest, hops, requests, failures, durationMs, complete } = result
  return (
    <p class="done">
      {count(closest.length, 'closest peer')} of <code>{lookup.key}</code> in {duration(durationMs)}
      : {count(hops, 'hop')}, {count(requests, 'request')}, {failures} failed
      {complete ? '' : '; the time was over before all had answered'}
    </p>
  )
}

/** Every request in the order in which it was sent. */
function Trace(props: {
  readonly lookup: LookupView
  readonly onFocus: (focus: Focus | undefined) => void
}): JSX.Element {
  const { lookup, onFocus } = props
  const frame = useRef<HTMLElement>(null)
  const { asks } = lookup
  const last = asks.length
  useEffect(() => {
    // The newest request stays in sight while they come.
    if (frame.current !== null) frame.current.scrollTop = frame.current.scrollHeight
  }, [last])
  const closest = new Set(lookup.result?.closest.map(({ id }) => id))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="scroll trace" ref={frame} tabIndex={0} aria-label="Requests">
      <table>
        <thead>
          <tr>
            <th scope="col">Hop</th>
            <th scope="col">Peer</th>
            <th scope="col" class="number">
              Bits
            </th>
            <th scope="col">Answer</th>
            <th scope="col" class="number">
              New
            </th>
          </tr>
        </thead>
        <tbody>
          {asks.map((ask, index) => (
            <tr
              key={index}
              class={ask.state}
              onPointerEnter={() => onFocus({ type: 'peer', id: ask.peer })}
              onPointerLeave={() => onFocus(undefined)}
            >
              <td>{ask.hop}</td>
              <td>
                <code title={ask.peer}>{shortId(ask.peer)}</code>
                {closest.has(ask.peer) && <span class="tag">closest</span>}
              </td>
              <td class="number">{ask.prefixLength}</td>
              <td title={ask.failure}>{answerOf(ask)}</td>
              <td class="number">
                {ask.state === 'answered' ? `${ask.added}/${ask.contacts}` : ''}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function answerOf({ state, tookMs, failure }: Ask): string {
  if (state === 'asking') return 'asking …'
  return state === 'failed' ? `${failure}, ${duration(tookMs)}` : duration(tookMs)
}
