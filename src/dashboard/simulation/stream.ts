import type { Frame } from '../../../simulations/watch/frame.ts'

/** The longest line that is read: a whole frame of any simulation is far below. Characters. */
const LINE_MAX = 4_000_000

/** Why there are no frames. */
export type Trouble = 'refused' | 'gone'

/**
 * Reads frames as they come, until the simulation's end or `signal`.
 *
 * @returns why no more come: `refused`, the token is none that is taken; `gone`, nobody is there any more.
 */
export async function readFrames(
  token: string | undefined,
  onFrame: (frame: Frame) => void,
  signal: AbortSignal,
): Promise<Trouble> {
  try {
    const headers = { authorization: `Bearer ${token ?? ''}` }
    const response = await fetch('frames', { headers, signal, cache: 'no-store' })
    if (response.status === 401) return 'refused'
    if (!response.ok || response.body === null) return 'gone'
    await readLines(response.body, (line) => onFrame(frameOf(line)))
  } catch (error) {
    if (!signal.aborted && !(error instanceof TypeError)) throw error // how `fetch` says that nobody is there
  }
  return 'gone'
}

async function readLines(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + value).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_MAX) throw new Error('a line of the simulation is too long')
    for (const line of lines) onLine(line)
  }
}

function frameOf(line: string): Frame {
  return JSON.parse(line) as Frame // by the server that served this very page
}
