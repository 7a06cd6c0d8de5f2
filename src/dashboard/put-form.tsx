import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Kind, type PutResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import type { FormProps } from './ask-panel.tsx'
import { count, duration, shortId } from './format.ts'
import { KeyField } from './key-field.tsx'
import { Buttons, Outcome } from './outcome.tsx'
import { useCall } from './use-call.ts'

/** Stores a value. */
export function PutForm(props: FormProps): JSX.Element {
  const { api, keyText, onKeyText, onHolders, onChanged } = props
  const [value, setValue] = useState('')
  const [kind, setKind] = useState<Kind>(Kind.UNSPECIFIED)
  const [call, run, stop] = useCall<PutResponse>()
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    onHolders(new Set())
    void run(async (signal) => {
      const key = kind === Kind.IMMUTABLE ? '' : keyText.trim()
      const bytes = new TextEncoder().encode(value)
      const answer = await api.put({ key, value: bytes, kind }, { signal })
      onHolders(new Set(answer.stored))
      onChanged()
      if (kind === Kind.IMMUTABLE) onKeyText(answer.key)
      return answer
    })
  }
  const isImmutable = kind === Kind.IMMUTABLE
  return (
    <form onSubmit={submit}>
      <Kinds kind={kind} onKind={setKind} />
      <KeyField
        id="put-key"
        value={isImmutable ? '' : keyText}
        onValue={onKeyText}
        required={!isImmutable}
        disabled={isImmutable}
        hint={HINTS[kind] ?? ''}
      />
      <div class="field">
        <label for="put-value">Value</label>
        <textarea
          id="put-value"
          class="mono"
          rows={3}
          spellcheck={false}
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
      </div>
      <Buttons text="Put the value" isRunning={call.state === 'running'} onStop={stop} />
      <Outcome call={call}>{(answer) => <Stored answer={answer} />}</Outcome>
    </form>
  )
}

const KINDS = [
  [Kind.UNSPECIFIED, 'Shared'],
  [Kind.MUTABLE, 'Mine'],
  [Kind.IMMUTABLE, 'Immutable'],
] as const

const HINTS: Readonly<Record<number, string>> = {
  [Kind.UNSPECIFIED]: 'Anyone may write it; the last writer wins. A bare word means /kv/word.',
  [Kind.MUTABLE]: 'Signed by this peer, which alone may change it. A bare word is its name.',
  [Kind.IMMUTABLE]: 'The value’s own digest is its key; the answer tells it.',
}

function Kinds(props: { readonly kind: Kind; readonly onKind: (kind: Kind) => void }): JSX.Element {
  return (
    <fieldset class="choice">
      <legend>Kind</legend>
      {KINDS.map(([kind, name]) => (
        <label key={kind}>
          <input
            type="radio"
            name="kind"
            checked={props.kind === kind}
            onChange={() => props.onKind(kind)}
          />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  )
}

function Stored({ answer }: { readonly answer: PutResponse }): JSX.Element {
  const { key, stored, failed, target, quorum, durationMs, requests } = answer
  return (
    <>
      <p class="done">
        Held by {stored.length} of {count(target, 'peer')} under <code>{key}</code>
      </p>
      <dl class="facts">
        <dt>Took</dt>
        <dd>
          {duration(durationMs)}, {count(requests, 'request')}; {quorum} had to hold it
        </dd>
        {failed.length > 0 && (
          <>
            <dt>Not held by</dt>
            <dd>
              <ul class="plain">
                {failed.map(({ peer, type, reason }) => (
                  <li key={peer}>
                    <code title={peer}>{shortId(peer)}</code> {reason === '' ? type : reason}
                  </li>
                ))}
              </ul>
            </dd>
          </>
        )}
      </dl>
    </>
  )
}
