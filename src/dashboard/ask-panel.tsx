import type { JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { Api } from './api.ts'
import { GetForm } from './get-form.tsx'
import { LookupForm } from './lookup-form.tsx'
import type { LookupView } from './lookup-view.ts'
import type { Focus } from './model.ts'
import { PutForm } from './put-form.tsx'

/** What the forms share with the ring and with one another. */
export interface AskProps {
  readonly api: Api
  readonly lookup: LookupView | undefined
  readonly onLookup: (key: string) => void
  readonly onStopLookup: () => void
  /** Which peers hold the value that was put or got. */
  readonly onHolders: (holders: ReadonlySet<string>) => void
  readonly onFocus: (focus: Focus | undefined) => void
  /** Something may have changed in what the peer holds. */
  readonly onChanged: () => void
}

/** What every form is given. */
export interface FormProps extends AskProps {
  /** The key as it is typed: it stays when another form is chosen. */
  readonly keyText: string
  readonly onKeyText: (key: string) => void
}

const TABS = [
  ['lookup', 'Look up'],
  ['get', 'Get'],
  ['put', 'Put'],
] as const

type Tab = (typeof TABS)[number][0]

/** Get, put and lookup: one form at a time, chosen by tabs. */
export function AskPanel(props: AskProps): JSX.Element {
  const [tab, setTab] = useState<Tab>('lookup')
  const [keyText, onKeyText] = useState('')
  const list = useRef<HTMLDivElement>(null)
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    const index = TABS.findIndex(([name]) => name === tab) + step + TABS.length
    const [name] = TABS[index % TABS.length] ?? TABS[0]
    setTab(name)
    list.current?.querySelector<HTMLButtonElement>(`#tab-${name}`)?.focus()
  }
  const form = { ...props, keyText, onKeyText }
  return (
    <section class="ask" aria-label="Ask the network">
      <div class="tabs" role="tablist" aria-label="What to do" ref={list} onKeyDown={onKeyDown}>
        {TABS.map(([name, text]) => (
          <button
            key={name}
            id={`tab-${name}`}
            type="button"
            role="tab"
            aria-selected={tab === name}
            aria-controls={`panel-${name}`}
            tabIndex={tab === name ? 0 : -1}
            onClick={() => setTab(name)}
          >
            {text}
          </button>
        ))}
      </div>
      {TABS.map(([name]) => (
        <div
          key={name}
          id={`panel-${name}`}
          role="tabpanel"
          aria-labelledby={`tab-${name}`}
          hidden={tab !== name}
        >
          {name === 'get' && <GetForm {...form} />}
          {name === 'put' && <PutForm {...form} />}
          {name === 'lookup' && <LookupForm {...form} />}
        </div>
      ))}
    </section>
  )
}
