import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { StatusResponse } from '../api/gen/kadmium/v1/kadmium_pb.ts'

/** Who this peer is and how others reach it. */
export function About({ status }: { readonly status: StatusResponse }): JSX.Element {
  const { id, key, addresses, mode, protocol, k, alpha, version } = status
  return (
    <section class="about" aria-labelledby="about-title">
      <h2 id="about-title">This peer</h2>
      <dl class="facts">
        <dt>Peer id</dt>
        <dd>
          <code>{id}</code> <Copy text={id} what="the peer id" />
        </dd>
        <dt>Point</dt>
        <dd>
          <code>{key}</code>
        </dd>
        <dt>Addresses</dt>
        <dd>
          <ul class="plain">
            {addresses.map((address) => (
              <li key={address}>
                <code>{address}</code> <Copy text={address} what={`the address ${address}`} />
              </li>
            ))}
            {addresses.length === 0 && <li>none: it takes no connections</li>}
          </ul>
        </dd>
        <dt>Network</dt>
        <dd>
          {mode} of <code>{protocol}</code>, k {k}, alpha {alpha}
        </dd>
        <dt>Version</dt>
        <dd>{version}</dd>
      </dl>
    </section>
  )
}

function Copy(props: { readonly text: string; readonly what: string }): JSX.Element | null {
  const [isCopied, setIsCopied] = useState(false)
  // Browsers give the clipboard to pages of secure origins only.
  if (!('clipboard' in navigator) || navigator.clipboard === undefined) return null
  const copy = (): void => {
    void navigator.clipboard.writeText(props.text).then(
      () => setIsCopied(true),
      () => setIsCopied(false),
    )
  }
  return (
    <button type="button" class="copy" aria-label={`Copy ${props.what}`} onClick={copy}>
      {isCopied ? 'copied' : 'copy'}
    </button>
  )
}
