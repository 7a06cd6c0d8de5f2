import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { LookupEvent } from '../api/gen/kadmium/v1/kadmium_pb.ts'
import { type Api, messageOf } from './api.ts'
import { beginLookup, type LookupView, withEvent } from './lookup-view.ts'
import { Pacer } from './pacer.ts'

/** A lookup on the page, and how to begin and end one. */
export interface Lookup {
  readonly view: LookupView | undefined
  readonly start: (key: string) => void
  readonly stop: () => void
}

type Told = LookupEvent | { readonly failed: string }

/** Runs one lookup at a time and lets its events through slowly enough to be seen. */
export function useLookup(api: Api): Lookup {
  const [view, setView] = useState<LookupView>()
  const end = useRef<() => void>(() => {})
  const stop = useCallback(() => {
    end.current()
    setView(undefined)
  }, [])
  const start = useCallback(
    (key: string) => {
      end.current()
      setView(beginLookup(key))
      const call = new AbortController()
      const pacer = new Pacer<Told>((told) => setView((before) => before && withTold(before, told)))
      end.current = () => {
        call.abort()
        pacer.close()
      }
      void follow(api, key, call.signal, pacer)
    },
    [api],
  )
  useEffect(() => () => end.current(), [])
  return { view, start, stop }
}

async function follow(
  api: Api,
  key: string,
  signal: AbortSignal,
  pacer: Pacer<Told>,
): Promise<void> {
  try {
    let hasResult = false
    for await (const event of api.lookup({ key, trace: true }, { signal })) {
      hasResult ||= event.event.case === 'result'
      pacer.push(event)
    }
    if (!hasResult) pacer.push({ failed: 'The daemon ended the call without a result.' })
  } catch (error) {
    if (!signal.aborted) pacer.push({ failed: messageOf(error) })
  }
}

function withTold(view: LookupView, told: Told): LookupView {
  return 'failed' in told ? { ...view, error: told.failed } : withEvent(view, told)
}
