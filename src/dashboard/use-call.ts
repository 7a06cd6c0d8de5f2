import { useEffect, useRef, useState } from 'preact/hooks'
import { messageOf } from './api.ts'

/** A call that a form makes: nothing yet, under way, or how it ended. */
export type Call<Answer> =
  | { readonly state: 'none' }
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly answer: Answer }
  | { readonly state: 'failed'; readonly fault: string }

/** Makes one call at a time: the next one ends the one before, and so does the form's end. */
export function useCall<Answer>(): readonly [
  Call<Answer>,
  (work: (signal: AbortSignal) => Promise<Answer>) => Promise<void>,
  () => void,
] {
  const [call, setCall] = useState<Call<Answer>>({ state: 'none' })
  const end = useRef(new AbortController())
  const stop = (): void => {
    end.current.abort()
    setCall({ state: 'none' })
  }
  const run = async (work: (signal: AbortSignal) => Promise<Answer>): Promise<void> => {
    end.current.abort()
    const current = new AbortController()
    end.current = current
    setCall({ state: 'running' })
    try {
      const answer = await work(current.signal)
      if (!current.signal.aborted) setCall({ state: 'done', answer })
    } catch (error) {
      if (!current.signal.aborted) setCall({ state: 'failed', fault: messageOf(error) })
    }
  }
  useEffect(() => () => end.current.abort(), [])
  return [call, run, stop]
}
