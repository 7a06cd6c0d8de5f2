import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { defaultDataDirectory } from '../api/default-address.ts'
import type { Daemon } from '../daemon/daemon.ts'
import { EXIT } from './exit-codes.ts'
import { Output } from './output.ts'
import { flagsOf, type SettingOptions, withSettingOptions } from './settings.ts'

interface DaemonOptions extends SettingOptions {
  readonly token: boolean
  readonly json?: boolean
}

/** `kad daemon`. */
export function daemonCommand(exit: (code: number) => void): Command {
  const command = new Command('daemon')
    .summary('run a peer')
    .description(
      'Runs one peer until SIGINT or SIGTERM. Each setting is taken from its flag, else from its variable (KADMIUM_LISTEN and so on), else from config.json in the data directory; see kad config show.',
    )
  return withSettingOptions(command)
    .option('--no-token', 'serve the API over TCP without a token (loopback only)')
    .option('--json', 'print the ready line as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kad daemon
  kad daemon --data ./peer2 --listen /ip4/127.0.0.1/tcp/4702 --bootstrap /ip4/127.0.0.1/tcp/4701/p2p/12D3Koo…
  kad daemon --api 127.0.0.1:4780`,
    )
    .action(async (options: DaemonOptions) => {
      exit(await runDaemon(options))
    })
}

async function runDaemon(options: DaemonOptions): Promise<number> {
  const { createLog, startDaemon } = await import('../daemon/daemon.ts')
  const output = new Output({ json: options.json ?? false })
  const log = createLog('info')
  const stopWanted = new Promise<string>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  const starting = startDaemon({
    data: options.data ?? defaultDataDirectory(),
    flags: flagsOf(options),
    environment: process.env,
    configFile: options.config,
    noToken: !options.token,
    log,
  })
  output.waitFor('starting')
  const daemon = await Promise.race([starting, stopWanted])
  output.endWait()
  if (typeof daemon === 'string') return abandonStart(starting)
  const { id, addresses, apis, data } = daemon
  const dashboard = dashboardFor(daemon.dashboard)
  output.result({ ready: true, id, addresses, apis, dashboard, data, pid: process.pid }, () =>
    [
      `ready: peer ${output.style('strong', id)}`,
      ...addresses.map((address) => `  listens at ${address}`),
      ...apis.map((address) => `  API at     ${address}`),
      ...(dashboard === undefined ? [] : [`  dashboard  ${dashboard}`]),
      `  data in    ${data}`,
    ].join('\n'),
  )
  if (process.stdout.isTTY === true && !output.json) output.note(whatNext(daemon))
  const signal = await stopWanted
  log.info({ signal }, 'stopping')
  await daemon.stop()
  return EXIT.ok
}

/** Ctrl-C came before it was ready: what has been opened by then is closed, within a bound. */
async function abandonStart(starting: Promise<Daemon>): Promise<number> {
  const stopped = starting.then(
    (daemon) => daemon.stop(),
    () => undefined, // it cleans up after itself, and nobody waits for it any more
  )
  const bound = setTimeout(() => process.exit(EXIT.interrupted), ABANDON_MS)
  await stopped
  clearTimeout(bound)
  return EXIT.interrupted
}

const ABANDON_MS = 5_000

/** For a person who has just started a first peer. */
function whatNext({ data, addresses }: Daemon): string {
  const own = data === resolve(defaultDataDirectory())
  const api = own ? '' : ` --api ${join(data, 'kad.sock')}`
  return [
    `\nStop it with Ctrl-C. In another terminal:`,
    `  kad put greeting hello${api}`,
    ...addresses.slice(0, 1).map((address) => {
      return `  kad daemon --data ./another --listen /ip4/0.0.0.0/tcp/0 --bootstrap ${address}`
    }),
    '',
  ].join('\n')
}

/** With its token for a person at a terminal; what goes to a file or a journal tells no secret. */
function dashboardFor(url: string | undefined): string | undefined {
  return process.stdout.isTTY === true ? url : url?.replace(/#.*$/, '')
}
