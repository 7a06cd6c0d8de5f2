import type { JSX } from 'preact'
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import type {
  ActivityResponse,
  RecordsResponse,
  StatusResponse,
} from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { About } from './about.tsx'
import { type Api, messageOf, wantsToken } from './api.ts'
import { AskPanel } from './ask-panel.tsx'
import { Buckets } from './buckets.tsx'
import { Charts } from './charts.tsx'
import { Figures } from './figures.tsx'
import { shortId } from './format.ts'
import { Health, Problems } from './health.tsx'
import { Legend } from './legend.tsx'
import { ContactList, RecordList } from './lists.tsx'
import type { Focus, View } from './model.ts'
import { Ring } from './ring.tsx'
import { storedTheme, ThemeChoice, useThemeInForce } from './theme.tsx'
import { useLookup } from './use-lookup.ts'
import { usePoll } from './use-poll.ts'

/** How often the page asks, ms: what moves, and what moves slowly. */
const VIEW_EVERY_MS = 2_000
const SLOW_EVERY_MS = 5_000

/** The whole page. */
export function Dashboard(props: {
  readonly api: Api
  readonly onRefused: () => void
}): JSX.Element {
  const { api, onRefused } = props
  const [version, setVersion] = useState(0)
  const view = usePoll(api, askView, VIEW_EVERY_MS, version)
  const held = usePoll(api, askRecords, SLOW_EVERY_MS, version)
  const activity = usePoll(api, askActivity, SLOW_EVERY_MS, 0)
  const [theme, setTheme] = useState(storedTheme)
  const inForce = useThemeInForce(theme)
  const onChanged = useCallback(() => setVersion((before) => before + 1), [])
  const isRefused = wantsToken(view.error)
  useEffect(() => {
    if (isRefused) onRefused()
  }, [isRefused, onRefused])
  const status = view.answer?.status
  const lost = view.error === undefined ? undefined : messageOf(view.error)
  useTitle(status, lost !== undefined)
  return (
    <>
      <header class="top">
        <h1 class="wordmark">Kadmium</h1>
        {status !== undefined && (
          <p class="whoami">
            peer <code title={status.id}>{shortId(status.id)}</code>
          </p>
        )}
        <Health status={status} isLost={lost !== undefined} />
        <ThemeChoice theme={theme} onChange={setTheme} />
      </header>
      <main class={lost === undefined ? '' : 'stale'}>
        <Problems status={status} lost={lost} answeredAt={view.answeredAt} />
        <Figures status={status} />
        <Network api={api} view={view.answer} held={held.answer} onChanged={onChanged}>
          <Charts activity={activity.answer} theme={inForce} />
        </Network>
        {status !== undefined && <About status={status} />}
      </main>
    </>
  )
}

/** The ring with all that points at it. */
function Network(props: {
  readonly api: Api
  readonly view: View | undefined
  readonly held: RecordsResponse | undefined
  readonly onChanged: () => void
  readonly children: JSX.Element
}): JSX.Element {
  const { api, view, held, onChanged, children } = props
  const [focus, setFocus] = useState<Focus>()
  const [bucket, setBucket] = useState<number>()
  const [holders, setHolders] = useState<ReadonlySet<string>>(NOBODY)
  const { view: lookup, start, stop } = useLookup(api)
  const onHolders = useCallback(
    (found: ReadonlySet<string>) => {
      if (found.size > 0) stop()
      setHolders(found)
    },
    [stop],
  )
  const shown = useMemo<Focus | undefined>(
    () => focus ?? (bucket === undefined ? undefined : { type: 'bucket', prefixLength: bucket }),
    [focus, bucket],
  )
  const pointing = { focus: shown, onFocus: setFocus }
  return (
    <>
      <div class="stage">
        <div class="keyspace">
          <Ring {...pointing} view={view} held={held} lookup={lookup} holders={holders} />
          <Legend hasLookup={lookup !== undefined} hasHolders={holders.size > 0} />
        </div>
        <div class="aside">
          <AskPanel
            api={api}
            lookup={lookup}
            onLookup={start}
            onStopLookup={stop}
            onHolders={onHolders}
            onFocus={setFocus}
            onChanged={onChanged}
          />
          {view !== undefined && view.contacts.length === 0 ? (
            <Alone status={view.status} />
          ) : (
            <Buckets {...pointing} view={view} chosen={bucket} onChoose={setBucket} />
          )}
        </div>
      </div>
      {children}
      <div class="tables">
        <ContactList {...pointing} view={view} bucket={bucket} />
        <RecordList {...pointing} held={held} />
      </div>
    </>
  )
}

/** What to do when nobody else is there. */
function Alone({ status }: { readonly status: StatusResponse }): JSX.Element {
  const address = status.addresses[0]
  return (
    <section class="alone" aria-labelledby="alone-title">
      <h2 id="alone-title">This peer knows no other peer yet</h2>
      {address !== undefined && (
        <>
          <p class="hint">Start another one that joins it:</p>
          <p>
            <code>
              kad daemon --data ./another --listen /ip4/0.0.0.0/tcp/0 --bootstrap {address}
            </code>
          </p>
        </>
      )}
    </section>
  )
}

const NOBODY: ReadonlySet<string> = new Set()

async function askView(api: Api, signal: AbortSignal): Promise<View> {
  const [status, { buckets }] = await Promise.all([
    api.status({}, { signal }),
    api.table({}, { signal }),
  ])
  const sorted = buckets.toSorted((a, b) => a.prefixLength - b.prefixLength)
  return { status, buckets: sorted, contacts: sorted.flatMap(({ peers }) => peers) }
}

function askRecords(api: Api, signal: AbortSignal): Promise<RecordsResponse> {
  return api.records({}, { signal })
}

function askActivity(api: Api, signal: AbortSignal): Promise<ActivityResponse> {
  return api.activity({}, { signal })
}

function useTitle(status: StatusResponse | undefined, isLost: boolean): void {
  useEffect(() => {
    const mark = isLost || status?.healthy === false ? '! ' : ''
    document.title = status === undefined ? 'Kadmium' : `${mark}${shortId(status.id)} – Kadmium`
  }, [status, isLost])
}
