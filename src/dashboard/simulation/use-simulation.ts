import { useEffect, useState } from 'preact/hooks'
import { readFrames, type Trouble } from './stream.ts'
import { type SimulationView, withFrame } from './view.ts'

/** The simulation as it is known just now, and why nothing more is heard of it. */
export function useSimulation(token: string | undefined): {
  readonly view: SimulationView | undefined
  readonly trouble: Trouble | undefined
} {
  const [view, setView] = useState<SimulationView>()
  const [trouble, setTrouble] = useState<Trouble>()
  useEffect(() => {
    const end = new AbortController()
    const { signal } = end
    void readFrames(
      token,
      (frame) => setView((before) => withFrame(before, frame, performance.now())),
      signal,
    ).then((why) => {
      if (!signal.aborted) setTrouble(why)
    })
    return () => end.abort()
  }, [token])
  return { view, trouble }
}
