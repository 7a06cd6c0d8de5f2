import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname, extname, join, sep } from 'node:path'
import { type ApiAddress, apiAddressToText } from '../api/address.ts'

/** Answers a request. */
export type Answers = (request: IncomingMessage, response: ServerResponse) => void

/** The pages that are built: the dashboard of a daemon, and that of a simulation. */
export type Page = 'index.html' | 'simulation.html'

/** What a browser may load for the page: what comes from this very address, and nothing written into the page. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

/**
 * Answers GET and HEAD of the built files with `/` as their page, and leaves all else to `otherwise`. The files hold no secret:
 * what they show they ask of the API, which wants its token.
 */
export function dashboardAnswers(otherwise: Answers, page: Page = 'index.html'): Answers {
  let files: ReadonlyMap<string, File> | undefined
  return (request, response) => {
    const path = request.url?.split('?')[0] ?? '/'
    const isReading = request.method === 'GET' || request.method === 'HEAD'
    // Read when first asked for: most daemons are never looked at.
    files ??= isReading ? loadFiles(page) : undefined
    const file = isReading ? files?.get(path) : undefined
    if (file !== undefined) send(request, response, file)
    else if (isReading && path === '/') sayUnbuilt(response)
    else otherwise(request, response)
  }
}

/**
 * The URL of the page of an API on TCP. The token stands in the fragment, which a browser keeps to itself: neither servers
 * nor their logs see it.
 */
export function dashboardUrl(
  { host, port }: ApiAddress & { type: 'tcp' },
  token: string | undefined,
): string {
  const wildcards: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
  const text = apiAddressToText({ type: 'tcp', host: wildcards[host] ?? host, port })
  return `http://${text}/${token === undefined ? '' : `#token=${encodeURIComponent(token)}`}`
}

interface File {
  readonly type: string
  readonly bytes: Buffer
  readonly tag: string
  /** Whether its name changes with its contents. */
  readonly immutable: boolean
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The files of the built page by the path of their URL; whatever is asked for, nothing else is read. */
function loadFiles(page: Page): ReadonlyMap<string, File> {
  const files = new Map<string, File>()
  const folder = builtPage(import.meta.dirname)
  if (folder === undefined) return files
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const bytes = readFileSync(join(folder, name))
    const tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    const url = name.split(sep).join('/')
    const file = { type, bytes, tag, immutable: url.startsWith('assets/') }
    if (url === page) files.set('/', file)
    // The other pages have nobody here who would answer them.
    if (url === page || extname(url) !== '.html') files.set(`/${url}`, file)
  }
  return files
}

/** `dist/dashboard` of the package that this file is part of, built or not. */
function builtPage(from: string): string | undefined {
  const folder = join(from, 'dist', 'dashboard')
  if (existsSync(join(folder, 'index.html'))) return folder
  const parent = dirname(from)
  return parent === from ? undefined : builtPage(parent)
}

function send(request: IncomingMessage, response: ServerResponse, file: File): void {
  const headers = {
    'content-type': file.type,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: file.tag,
  }
  if (request.headers['if-none-match'] === file.tag) {
    response.writeHead(304, headers)
    response.end()
    return
  }
  response.writeHead(200, { ...headers, 'content-length': file.bytes.length })
  response.end(request.method === 'HEAD' ? undefined : file.bytes)
}

function sayUnbuilt(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
  response.end('The dashboard is not built: run `npm run build` and start the daemon again.\n')
}
