import type { JSX } from 'preact'
import type { GetResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import type { FormProps } from './ask-panel.tsx'
import { count, duration, moment, readable, shortId, size } from './format.ts'
import { KeyField } from './key-field.tsx'
import { Buttons, Outcome } from './outcome.tsx'
import { useCall } from './use-call.ts'

/** Finds the value of a key. */
export function GetForm(props: FormProps): JSX.Element {
  const { api, keyText, onKeyText, onHolders } = props
  const [call, run, stop] = useCall<GetResponse>()
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    onHolders(new Set())
    void run(async (signal) => {
      const answer = await api.get({ key: keyText.trim() }, { signal })
      onHolders(new Set(answer.from === '' ? [] : [answer.from]))
      return answer
    })
  }
  return (
    <form onSubmit={submit}>
      <KeyField
        id="get-key"
        value={keyText}
        onValue={onKeyText}
        hint="A bare word means /kv/word. Also /mutable/<peer id>/<name> and /sha256/<digest>."
      />
      <Buttons text="Get the value" isRunning={call.state === 'running'} onStop={stop} />
      <Outcome call={call}>{(answer) => <Found answer={answer} />}</Outcome>
    </form>
  )
}

function Found({ answer }: { readonly answer: GetResponse }): JSX.Element {
  const { key, value, writer, writtenAtMs, expiresAtMs, from, agreed } = answer
  const { hops, requests, durationMs } = answer
  const { text, isText } = readable(value)
  return (
    <>
      <p class="done">
        {size(value.length)} under <code>{key}</code>
        {isText ? '' : ', no text: shown in hexadecimal'}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre class="bytes" tabIndex={0}>
        {text === '' ? '(empty)' : text}
      </pre>
      <dl class="facts">
        <dt>From</dt>
        <dd>
          {from === '' ? 'this peer’s own store' : <code title={from}>{shortId(from)}</code>}
          {from !== '' && `, ${count(agreed, 'peer')} gave it`}
        </dd>
        <dt>Took</dt>
        <dd>
          {duration(durationMs)}, {count(hops, 'hop')}, {count(requests, 'request')}
        </dd>
        <dt>Signed by</dt>
        <dd>
          {writer === '' ? (
            'nobody: its digest proves it'
          ) : (
            <code title={writer}>{shortId(writer)}</code>
          )}
        </dd>
        {writtenAtMs > 0n && <Moment name="Written" at={writtenAtMs} />}
        {expiresAtMs > 0n && <Moment name="Ends" at={expiresAtMs} />}
      </dl>
    </>
  )
}

function Moment({ name, at }: { readonly name: string; readonly at: bigint }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>{moment(Number(at))}</dd>
    </>
  )
}
