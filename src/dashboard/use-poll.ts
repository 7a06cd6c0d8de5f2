import { useEffect, useState } from 'preact/hooks'

/** What was last heard, and what went wrong since. */
export interface Polled<Answer> {
  readonly answer: Answer | undefined
  readonly error: unknown
  /** When the last answer came, ms since 1970. */
  readonly answeredAt: number | undefined
}

/** How long one question may take before it counts as failed. ms. */
const PATIENCE_MS = 10_000

/**
 * Asks again and again, `everyMs` after each answer, and not while nobody looks at the page. A change of `version` asks at
 * once, a change of `source` begins anew.
 */
export function usePoll<Source, Answer>(
  source: Source,
  ask: (source: Source, signal: AbortSignal) => Promise<Answer>,
  everyMs: number,
  version: number,
): Polled<Answer> {
  const [polled, setPolled] = useState<Polled<Answer>>(NOTHING)
  useEffect(() => {
    const end = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const again = async (): Promise<void> => {
      const signal = AbortSignal.any([end.signal, AbortSignal.timeout(PATIENCE_MS)])
      try {
        const answer = await ask(source, signal)
        if (!end.signal.aborted) setPolled({ answer, error: undefined, answeredAt: Date.now() })
      } catch (error) {
        if (!end.signal.aborted) setPolled((before) => ({ ...before, error }))
      }
      if (!end.signal.aborted && !document.hidden) timer = setTimeout(start, everyMs)
    }
    const start = (): void => {
      clearTimeout(timer)
      void again()
    }
    const onVisible = (): void => {
      if (!document.hidden) start()
    }
    document.addEventListener('visibilitychange', onVisible)
    start()
    return () => {
      end.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', onVisible)
    }
    // `ask` is the same function in every drawing of its component.
  }, [source, version])
  return polled
}

const NOTHING = { answer: undefined, error: undefined, answeredAt: undefined } as const
