import { timingSafeEqual } from 'node:crypto'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'

/** Pages that look on at once. */
const PAGES_MAX = 16

/** What a server of pages is made of. */
export interface PageServerInit {
  /** What a page must send (`Authorization: Bearer <token>`) to be told anything. */
  readonly token: string
  /** Answers all requests but those for frames: the page's files, which hold no secret. */
  readonly files: RequestListener
  /** Everything there is to tell just now, as one line; `undefined`: nothing yet. */
  readonly whole: () => string | undefined
}

/**
 * Serves the page of a simulation on a port of this computer that is free, to this computer only, and tells every page what
 * happens: `GET /frames` is a stream of lines. A page that does not keep up is told nothing until it has read what it was
 * told, and then everything at once: no more than one line waits for anybody.
 */
export class PageServer {
  readonly #init: PageServerInit
  readonly #server: Server
  readonly #pages = new Set<Page>()
  readonly #firstPage = Promise.withResolvers<void>()

  /** Starts to listen. */
  static async listen(init: PageServerInit): Promise<PageServer> {
    const server = new PageServer(init)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.#server.once('error', reject)
    server.#server.listen(0, '127.0.0.1', resolve)
    await promise
    return server
  }

  private constructor(init: PageServerInit) {
    this.#init = init
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  /** The port that it listens on. */
  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Where the page is. The token stands in the fragment, which a browser sends to nobody. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/#token=${this.#init.token}`
  }

  /** Pages that look on. */
  get pages(): number {
    return this.#pages.size
  }

  /** Resolves when the first page looks on. */
  get firstPage(): Promise<void> {
    return this.#firstPage.promise
  }

  /** Tells all pages what has changed. */
  tell(line: string): void {
    for (const page of this.#pages) page.tell(line)
  }

  /** Tells all pages everything. */
  tellWhole(): void {
    for (const page of this.#pages) page.tellWhole()
  }

  /** Ends all streams after what was told, and listens no more. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    for (const page of this.#pages) page.end()
    // A page that no longer reads would hold up the end for ever.
    this.#server.closeIdleConnections()
    const patience = setTimeout(() => this.#server.closeAllConnections(), 500)
    await promise
    clearTimeout(patience)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const isFrames = request.url?.split('?')[0] === '/frames'
    const refusal = this.#refusalOf(request, isFrames)
    if (refusal !== undefined) refuse(response, ...refusal)
    else if (isFrames) this.#stream(response)
    else this.#init.files(request, response)
  }

  #refusalOf({ headers, method }: IncomingMessage, isFrames: boolean): Refusal | undefined {
    // A name that somebody made resolve to this computer does not make a page of theirs one of ours.
    if (!isLoopback(headers.host, this.port)) {
      return [403, 'this page is served under the name of this computer only']
    }
    if (!isFrames) return undefined
    if (method !== 'GET') return [405, 'frames are read with GET']
    if (!isToken(headers.authorization, this.#init.token)) {
      return [401, 'the request carries no valid token']
    }
    return this.#pages.size < PAGES_MAX ? undefined : [503, `${PAGES_MAX} pages look on already`]
  }

  #stream(response: ServerResponse): void {
    const page = new Page(response, this.#init.whole)
    this.#pages.add(page)
    response.once('close', () => this.#pages.delete(page))
    this.#firstPage.resolve()
  }
}

type Refusal = readonly [status: number, why: string]

/** The stream to one page. */
class Page {
  readonly #response: ServerResponse
  readonly #whole: () => string | undefined
  /** Whether it must be told everything before changes mean something to it. */
  #isBehind = true

  constructor(response: ServerResponse, whole: () => string | undefined) {
    this.#response = response
    this.#whole = whole
    const ending = { connection: 'close', 'content-type': 'application/x-ndjson' }
    response.writeHead(200, { ...HEADERS, ...ending })
    response.flushHeaders()
    response.on('drain', () => {
      if (this.#isBehind) this.tellWhole()
    })
    this.tellWhole()
  }

  tell(line: string): void {
    if (this.#response.writableNeedDrain) this.#isBehind = true
    else if (this.#isBehind) this.tellWhole()
    else this.#response.write(`${line}\n`)
  }

  tellWhole(): void {
    const line = this.#whole()
    if (line === undefined) return
    this.#isBehind = this.#response.writableNeedDrain
    if (!this.#isBehind) this.#response.write(`${line}\n`)
  }

  end(): void {
    this.#response.end()
  }
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const

function refuse(response: ServerResponse, ...[status, why]: Refusal): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' })
  response.end(`${why}\n`)
}

function isLoopback(host: string | undefined, port: number): boolean {
  return [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`].includes(host ?? '')
}

/** In a time that tells nothing of the token but its length. */
function isToken(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '')
  const wanted = Buffer.from(`Bearer ${token}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
