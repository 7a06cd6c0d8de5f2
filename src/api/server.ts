import { chmod, unlink } from 'node:fs/promises'
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { KadmiumError } from '../core/errors.ts'
import { type ApiAddress, apiAddressToText, isLoopback } from './address.ts'
import { callGate } from './gate.ts'
import type { ApiPeer } from './peer.ts'
import { apiRoutes } from './routes.ts'

/** Largest request body: a value of the largest limit that can be set (1 MiB), in base64 inside JSON, and room. Bytes. */
const BODY_BYTES_MAX = 2 << 20

/** Longest deadline that is taken: Node's timers go no further, and fire at once when asked to. ms. */
const DEADLINE_MS_MAX = 2 ** 31 - 1

/** How long a connection may take to say which HTTP it speaks. ms. */
const FIRST_BYTES_MS = 10_000

/** How long a request over HTTP/1.1 may take to arrive, its body included. ms. */
const REQUEST_MS_MAX = 30_000

/** After so long without a call a connection of HTTP/2 is closed; clients open another when they need it. ms. */
const IDLE_MS_MAX = 600_000

/** Connections at once, and calls under way on one of HTTP/2. */
const CONNECTIONS_MAX = 256
const STREAMS_MAX = 128

/** What an API server is made of. */
export interface ApiServerInit {
  readonly peer: ApiPeer
  readonly address: ApiAddress
  /** What every call over TCP must carry (`Authorization: Bearer <token>`); `undefined`: nothing. */
  readonly token?: string | undefined
  /** Answers what is not a call: `/healthz`, `/metrics`. */
  readonly fallback?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  /** A call with a wrong token, or with none, was turned away. */
  readonly onUnauthenticated?: (() => void) | undefined
  /** Calls under way at once; one more is refused with RESOURCE_EXHAUSTED. Default: 256. */
  readonly callsMax?: number | undefined
  /** How long a request over HTTP/1.1 may take to arrive. ms. Default: 30 000. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a connection over HTTP/2 stays on which no call is under way. ms. Default: 600 000. */
  readonly idleTimeoutMs?: number | undefined
}

/**
 * Serves the API at one address: gRPC (HTTP/2), gRPC-Web and Connect's JSON (HTTP/1.1 and HTTP/2) on the same port. Without
 * TLS nothing negotiates the version of HTTP, so the first bytes of a connection decide.
 */
export class ApiServer {
  readonly #net: NetServer
  readonly #http1: HttpServer
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  #address: ApiAddress

  private constructor(init: ApiServerInit) {
    this.#address = init.address
    const handler = connectNodeAdapter({
      routes: apiRoutes(init.peer),
      readMaxBytes: BODY_BYTES_MAX,
      maxTimeoutMs: DEADLINE_MS_MAX,
      requestGate: callGate(init),
      ...(init.fallback === undefined ? {} : { fallback: init.fallback as () => void }), // Node's own types
    })
    const guarded = isForAnyone(init) ? refuseForeignHosts(handler) : handler
    const http1 = createTimedHttpServer(init.requestTimeoutMs ?? REQUEST_MS_MAX, guarded)
    this.#http1 = http1
    const http2 = createHttp2Server({ settings: { maxConcurrentStreams: STREAMS_MAX } }, guarded)
    http2.on('session', (session) => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
      closeWhenIdle(session, init.idleTimeoutMs ?? IDLE_MS_MAX)
    })
    this.#net = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => socket.destroy()) // the other side is gone; its calls are aborted
      socket.setTimeout(FIRST_BYTES_MS, () => socket.destroy())
      socket.once('data', (chunk: Buffer) => {
        socket.setTimeout(0)
        socket.pause()
        const server = chunk.subarray(0, 3).toString('latin1') === 'PRI' ? http2 : http1
        server.emit('connection', socket)
        socket.unshift(chunk)
        socket.resume()
      })
    })
    this.#net.maxConnections = CONNECTIONS_MAX
  }

  /**
   * Begins to serve.
   *
   * @throws KadmiumError `ERR_INVALID_OPTION` if the address is taken, or open to other machines without a token.
   */
  static async listen(init: ApiServerInit): Promise<ApiServer> {
    if (!isLoopback(init.address) && init.token === undefined) {
      throw new KadmiumError(
        'ERR_INVALID_OPTION',
        `the API address ${apiAddressToText(init.address)} is open to other machines and needs a token`,
      )
    }
    const server = new ApiServer(init)
    await server.#listen()
    return server
  }

  /** Where it is served; a port that was 0 is the one chosen. */
  get address(): ApiAddress {
    return this.#address
  }

  /** Ends all calls and connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()))
    this.#http1.close()
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #listen(): Promise<void> {
    const address = this.#address
    if (address.type === 'unix') await unlink(address.path).catch(ignoreMissing)
    // A socket is made with the mode that the umask leaves: never, not even for a moment, is it open to others.
    const umask = address.type === 'unix' ? process.umask(0o177) : undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#net.once('error', (error) => reject(cannotListen(address, error)))
        if (address.type === 'unix') this.#net.listen(address.path, resolve)
        else this.#net.listen(address.port, address.host, resolve)
      })
    } finally {
      if (umask !== undefined) process.umask(umask)
    }
    if (address.type === 'unix') {
      await chmod(address.path, 0o600)
    } else {
      const { port } = this.#net.address() as AddressInfo // it listens on TCP
      this.#address = { ...address, port }
    }
  }
}

/** Whether every program on this machine may call: a browser is one of them, and does what pages of others tell it. */
function isForAnyone({ address, token }: ApiServerInit): boolean {
  return address.type === 'tcp' && token === undefined
}

/**
 * Leaves calls to the handler whose host is this very machine by name or number. A page whose name was made to point here
 * (DNS rebinding) counts as ours to the browser, but it names its own host.
 */
function refuseForeignHosts(handler: Handler): Handler {
  return (request, response) => {
    const host = String(request.headers[':authority'] ?? request.headers.host ?? '')
    if (/^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)) {
      handler(request, response)
      return
    }
    response.writeHead(403, { 'content-type': 'text/plain' })
    response.end('this API has no token and is called as localhost, 127.0.0.1 or [::1] only\n')
  }
}

type Handler = ReturnType<typeof connectNodeAdapter>

/** Ends connections whose requests do not arrive: nobody holds one of the few without a token. */
function createTimedHttpServer(requestTimeout: number, handler: Handler): HttpServer {
  const connectionsCheckingInterval = Math.ceil(requestTimeout / 4)
  const timeouts = { requestTimeout, headersTimeout: requestTimeout, connectionsCheckingInterval }
  const server = createHttpServer(timeouts, handler)
  // It is given its connections and never listens, but begins to watch its clock when it hears that it does.
  server.emit('listening')
  return server
}

/** A watch may be silent for long; a connection on which nothing is under way need not stay. */
function closeWhenIdle(session: ServerHttp2Session, idleTimeoutMs: number): void {
  let underWay = 0
  session.on('stream', (stream) => {
    underWay++
    stream.on('close', () => {
      underWay--
      // A silent watch may have outlasted it.
      session.setTimeout(idleTimeoutMs)
    })
  })
  session.on('timeout', () => {
    if (underWay === 0) session.close()
  })
  session.setTimeout(idleTimeoutMs)
}

function cannotListen(address: ApiAddress, cause: Error): KadmiumError {
  const where = apiAddressToText(address)
  const why = 'code' in cause && cause.code === 'EADDRINUSE' ? 'it is in use' : cause.message
  return new KadmiumError('ERR_INVALID_OPTION', `cannot serve the API at ${where}: ${why}`, {
    cause,
  })
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}
