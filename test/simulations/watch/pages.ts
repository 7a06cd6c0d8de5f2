import { get, type IncomingMessage, type RequestListener } from 'node:http'
import { createInterface } from 'node:readline'
import type { Frame, HistoryPoint, PeerMark } from '../../../simulations/watch/frame.ts'

/** Instead of the built page. */
export const FILES: RequestListener = (_request, response) => {
  response.end('the page')
}

/** What stands on a page after the frames that it was told. */
export class Told {
  readonly frames: Frame[] = []
  readonly up: Map<number, PeerMark> = new Map()
  points: readonly HistoryPoint[] = []

  take(frame: Frame): void {
    this.frames.push(frame)
    const { ring, history } = frame
    if (ring.isWhole) this.up.clear()
    for (const number of ring.left) {
      if (!this.up.delete(number)) throw new Error(`${number} left and was not there`)
    }
    for (const mark of ring.joined) this.up.set(mark[0], mark)
    this.points = history.isWhole ? history.points : [...this.points, ...history.points]
  }

  get last(): Frame | undefined {
    return this.frames.at(-1)
  }

  /** The points of the peers that are up, in order. */
  get marks(): number[] {
    return [...this.up.values()].map(([, point]) => point).sort((a, b) => a - b)
  }
}

/** Asks a page's server for something. */
export async function ask(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  get(new URL(path, url), { headers, agent: false }, resolve).once('error', reject)
  return promise
}

/** What opens the frames of a watch. */
export function bearerOf(url: string): { readonly authorization: string } {
  return { authorization: `Bearer ${new URL(url).hash.replace('#token=', '')}` }
}

/** Looks on as a page does, until it is told no more. `onFrame` hears of each frame. */
export async function lookOn(url: string, onFrame?: (told: Told) => void): Promise<Told> {
  const told = new Told()
  const response = await ask(url, '/frames', bearerOf(url))
  for await (const line of createInterface({ input: response })) {
    told.take(JSON.parse(line) as Frame) // by the server under test
    onFrame?.(told)
  }
  return told
}
