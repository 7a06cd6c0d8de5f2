import { connect } from 'node:net'
import { resolve } from 'node:path'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { type ApiAddress, apiAddressToText, isLoopback, parseApiAddress } from '../api/address.ts'
import { ApiServer } from '../api/server.ts'
import { KadmiumError } from '../core/errors.ts'
import type { DhtEvent } from '../core/events.ts'
import type { Observer } from '../core/ports.ts'
import { type Config, type ResolvedConfig, resolveConfig } from './config.ts'
import { dashboardAnswers, dashboardUrl } from './dashboard.ts'
import {
  type DataDirectory,
  loadToken,
  noteDashboard,
  openDataDirectory,
} from './data-directory.ts'
import { healthAnswers } from './health-answers.ts'
import { MeteredPeer } from './metered-peer.ts'
import { metricsAnswers } from './metrics-answers.ts'
import { MetricsPage } from './metrics-page.ts'
import { Peer } from './peer.ts'

/** What a daemon is started with. */
export interface DaemonInit {
  readonly data: string
  readonly flags: Partial<Config>
  readonly environment: NodeJS.ProcessEnv
  /** Another configuration file than the one in the data directory. */
  readonly configFile?: string | undefined
  /** Serves the API over TCP to whoever reaches it, without a token; on loopback only. */
  readonly noToken?: boolean | undefined
  /** Its level is that of the configuration, if that names one. */
  readonly log: Logger
}

/** A running daemon: one peer with its data directory and its API. */
export interface Daemon {
  readonly id: string
  readonly addresses: readonly string[]
  /** Where the API is served. */
  readonly apis: readonly string[]
  /** The URL of the dashboard, with the token in its fragment; `undefined`: no API on TCP, which browsers need. */
  readonly dashboard: string | undefined
  readonly data: string
  /** Hands over what it holds, within a bound, and ends. */
  stop(): Promise<void>
}

/** Starts a daemon: settings, lock and store, key, peer, API, in this order. What fails on the way is taken back. */
export async function startDaemon(init: DaemonInit): Promise<Daemon> {
  const { flags, environment, configFile: file } = init
  const settings = resolveConfig({ flags, environment, data: resolve(init.data), file })
  const { syncWrites } = settings.config
  const directory = await openDataDirectory(init.data, { syncWrites })
  const undo: (() => Promise<void>)[] = [() => directory.release()]
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return await startParts(init, settings, directory, undo, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startParts(
  init: DaemonInit,
  { config, origins }: ResolvedConfig,
  directory: DataDirectory,
  undo: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Daemon> {
  const { log } = init
  if (origins.logLevel.source !== 'default') log.level = config.logLevel
  const metrics = new MetricsPage(directory.path)
  const peer = await Peer.start({
    privateKey: directory.privateKey,
    listen: config.listen,
    bootstrap: config.bootstrap,
    storage: directory.storage,
    mode: config.mode,
    prefix: config.prefix,
    k: config.k,
    alpha: config.alpha,
    observers: [logObserver(log)],
    metrics,
  })
  undo.push(() => peer.stop())
  if (config.bootstrap.length > 0) void logJoining(peer, config.bootstrap, log)
  const { apis, dashboard } = await startApis(init, directory, config, { peer, metrics }, undo)
  return { id: peer.id, addresses: peer.addresses, apis, dashboard, data: directory.path, stop }
}

/** Says how the first attempt to join went: an operator who mistyped an address would wait in vain. */
async function logJoining(peer: Peer, bootstrap: readonly string[], log: Logger): Promise<void> {
  try {
    const contacts = await peer.join()
    if (contacts > 0) log.info({ contacts }, 'joined the network')
    else log.warn({ bootstrap }, 'no bootstrap peer answers; trying again with growing pauses')
  } catch (error) {
    log.debug({ err: error }, 'the attempt to join ended')
  }
}

async function startApis(
  init: DaemonInit,
  directory: DataDirectory,
  config: Config,
  { peer, metrics }: { readonly peer: Peer; readonly metrics: MetricsPage },
  undo: (() => Promise<void>)[],
): Promise<{ apis: string[]; dashboard: string | undefined }> {
  const onUnauthenticated = (): void => {
    metrics.unauthenticated()
    init.log.warn('an API call carried no valid token')
  }
  const metered = new MeteredPeer(peer, (method, code) => metrics.called(method, code))
  const otherwise = dashboardAnswers(healthAnswers(peer))
  const serve = (address: ApiAddress, token?: string): Promise<ApiServer> => {
    const fallback = metricsAnswers({ page: metrics, token, onUnauthenticated, otherwise })
    return ApiServer.listen({ peer: metered, address, token, fallback, onUnauthenticated })
  }
  const servers = [await serve({ type: 'unix', path: directory.socket })]
  undo.push(() => closeAll(servers))
  let dashboard: string | undefined
  const address = config.api === '' ? undefined : parseApiAddress(config.api)
  if (address?.type === 'tcp') {
    const token = await tokenFor(init, address, directory)
    const server = await serve(address, token)
    servers.push(server)
    // A port of 0 has become one: that is its address only, not the one it was given.
    const { port } = server.address.type === 'tcp' ? server.address : address
    dashboard = dashboardUrl({ ...address, port }, token)
    undo.push(await noteDashboard(directory.path, dashboard))
  } else if (address !== undefined && resolve(address.path) !== directory.socket) {
    await checkUnused(address.path)
    servers.push(await serve(address))
  }
  return { apis: servers.map(({ address }) => apiAddressToText(address)), dashboard }
}

/** The token that calls over TCP must carry; `undefined`: none. */
async function tokenFor(
  init: DaemonInit,
  address: ApiAddress,
  directory: DataDirectory,
): Promise<string | undefined> {
  if (init.noToken !== true) return loadToken(directory.path)
  if (isLoopback(address)) return undefined
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `--no-token is for loopback addresses; ${apiAddressToText(address)} is open to other machines`,
  )
}

/** A unix socket that somebody else serves must not be taken from under him; one that was left behind may. */
async function checkUnused(path: string): Promise<void> {
  const isServed = await new Promise<boolean>((tell) => {
    const socket = connect({ path })
    socket.once('connect', () => tell(true)).once('error', () => tell(false))
    socket.once('connect', () => socket.destroy())
  })
  if (!isServed) return
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `another program serves ${path} (given by --api or KADMIUM_API); choose another address for this daemon's API`,
  )
}

async function closeAll(servers: readonly ApiServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()))
}

/** Logs for an operator: readable on a terminal, one JSON object on a line otherwise. Goes to stderr. */
export function createLog(level: string): Logger {
  if (process.stderr.isTTY === true) {
    return pino(
      { level },
      pretty({ destination: 2, ignore: 'pid,hostname', translateTime: 'HH:MM:ss' }),
    )
  }
  return pino({ level }, pino.destination(2))
}

function logObserver(log: Logger): Observer {
  return { observe: (event) => logEvent(log, event) }
}

function logEvent(log: Logger, event: DhtEvent): void {
  switch (event.type) {
    case 'contact-added':
      log.debug({ peer: event.contact.id }, 'contact added')
      return
    case 'contact-removed':
      log.debug({ peer: event.contact.id, reason: event.reason }, 'contact removed')
      return
    case 'mode':
      log.info({ mode: event.mode }, 'mode changed')
      return
    case 'storage-failed':
      log.error({ err: event.error }, 'the storage failed; what was refused is not acknowledged')
      return
    case 'operation-end': {
      const { kind, result, durationMs, requests } = event
      log.debug({ kind, result, durationMs, requests }, 'operation ended')
      return
    }
    case 'request-received':
      if (event.refusal !== undefined) {
        log.debug(
          { from: event.from.id, request: event.request, refusal: event.refusal },
          'refused',
        )
      }
      return
    default:
  }
}
