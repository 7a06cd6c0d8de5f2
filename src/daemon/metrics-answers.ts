import { bearsToken } from '../api/bearer-token.ts'
import type { Answers } from './dashboard.ts'
import type { MetricsPage } from './metrics-page.ts'

/**
 * Answers `/metrics`, and leaves all else to `otherwise`. Who may call the API may read it: over TCP it wants the token,
 * which Prometheus sends when told where it lies (`authorization: { credentials_file: … }`). The figures tell whom this
 * machine talks to, how much it holds and how busy it is, and each reading costs time: that is not for everybody.
 */
export function metricsAnswers(given: {
  readonly page: MetricsPage
  /** `undefined`: none is wanted, as on the unix socket and with `--no-token`. */
  readonly token: string | undefined
  readonly onUnauthenticated: () => void
  readonly otherwise: Answers
}): Answers {
  const { page, token, onUnauthenticated, otherwise } = given
  return (request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      otherwise(request, response)
      return
    }
    const end = (status: number, type: string, body: string, more = {}): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...more })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    const refuse = (status: number, body: string, more: Record<string, string>): void =>
      end(status, 'text/plain; charset=utf-8', `${body}\n`, more)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      refuse(405, 'the metrics are read with GET', { allow: 'GET, HEAD' })
      return
    }
    if (token !== undefined && !bearsToken(request.headers.authorization, token)) {
      onUnauthenticated()
      refuse(401, 'the metrics want the token of the API: Authorization: Bearer <token>', {
        'www-authenticate': 'Bearer',
      })
      return
    }
    page.text().then(
      (text) => end(200, page.contentType, text),
      (error: unknown) => refuse(500, `the metrics could not be read: ${String(error)}`, {}),
    )
  }
}
