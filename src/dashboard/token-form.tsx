import type { JSX } from 'preact'
import { useState } from 'preact/hooks'

/** Asks for the API's token. `onToken` says what is wrong with it, if something is. */
export function TokenForm(props: {
  readonly wasGiven: boolean
  readonly onToken: (token: string) => Promise<string | undefined>
}): JSX.Element {
  const [token, setToken] = useState('')
  const [fault, setFault] = useState(
    props.wasGiven ? 'The daemon does not take the token that this tab had.' : undefined,
  )
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    void props.onToken(token.trim()).then(setFault)
  }
  return (
    <main class="gate">
      <h1 class="wordmark">Kadmium</h1>
      <p>
        This daemon answers those who have its token. <code>kad dashboard</code> prints an address
        that carries it; it also stands in the file <code>token</code> of the daemon’s data
        directory.
      </p>
      <form onSubmit={submit}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={token}
          aria-describedby="token-fault"
          aria-invalid={fault !== undefined}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Open the dashboard
        </button>
        <p id="token-fault" class="fault" role="alert">
          {fault}
        </p>
      </form>
    </main>
  )
}
