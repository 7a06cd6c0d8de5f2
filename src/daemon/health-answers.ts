import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HealthProblem, isReady } from './health.ts'

/**
 * Answers `/healthz` (200 as long as the process lives) and `/readyz` (200 if the peer can do its work, else 503). Both tell
 * whether it is well, and what is wrong if it is not.
 */
export function healthAnswers(peer: {
  problems(): readonly HealthProblem[]
}): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const path = request.url?.split('?')[0]
    if (path !== '/healthz' && path !== '/readyz') {
      end(response, 404, { error: `nothing is served at ${path ?? '/'}` })
      return
    }
    const { problems, fault } = problemsOf(peer)
    const isDown = fault !== undefined || !isReady(problems)
    const verdict = {
      healthy: fault === undefined && problems.length === 0,
      problems: fault === undefined ? problems.map(({ text }) => text) : [fault],
    }
    if (path === '/healthz') end(response, 200, { alive: true, ...verdict })
    else end(response, isDown ? 503 : 200, { ready: !isDown, ...verdict })
  }
}

/** A peer that is just stopping has no state to judge. */
function problemsOf(peer: { problems(): readonly HealthProblem[] }): {
  readonly problems: readonly HealthProblem[]
  readonly fault: string | undefined
} {
  try {
    return { problems: peer.problems(), fault: undefined }
  } catch (error) {
    return { problems: [], fault: error instanceof Error ? error.message : String(error) }
  }
}

function end(response: ServerResponse, status: number, document: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(document)}\n`)
}
