import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ApiPeer } from '../api/peer.ts'

/** Answers `/healthz` (the process lives) and `/readyz` (the peer is well, or 503 with what is wrong). */
export function healthAnswers(
  peer: ApiPeer,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const path = request.url?.split('?')[0]
    if (path === '/healthz') {
      end(response, 200, { alive: true })
    } else if (path === '/readyz') {
      peer.status().then(
        ({ problems }) => end(response, problems.length === 0 ? 200 : 503, { problems }),
        (error: unknown) => end(response, 503, { problems: [String(error)] }),
      )
    } else {
      end(response, 404, { error: `nothing is served at ${path ?? '/'}` })
    }
  }
}

function end(response: ServerResponse, status: number, document: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(document)}\n`)
}
