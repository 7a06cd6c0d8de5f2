import type { JSX } from 'preact'

/** The field of a key. */
export function KeyField(props: {
  readonly id: string
  readonly value: string
  readonly onValue: (value: string) => void
  readonly hint: string
  readonly required?: boolean
  readonly disabled?: boolean
}): JSX.Element {
  const { id, value, onValue, hint, required = true, disabled = false } = props
  return (
    <div class="field">
      <label for={id}>Key</label>
      <input
        id={id}
        type="text"
        class="mono"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder="greeting"
        required={required}
        disabled={disabled}
        value={value}
        aria-describedby={`${id}-hint`}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <p id={`${id}-hint`} class="hint">
        {hint}
      </p>
    </div>
  )
}
