import { Command, Option } from 'commander'
import { defaultDataDirectory } from '../api/default-address.ts'
import { EXIT } from './exit-codes.ts'
import { Output } from './output.ts'
import { parseWhole } from './units.ts'

interface DaemonOptions {
  readonly listen?: string[]
  readonly bootstrap?: string[]
  readonly data?: string
  readonly api?: string
  readonly mode?: 'server' | 'client' | 'auto'
  readonly prefix?: string
  readonly k?: number
  readonly alpha?: number
  readonly syncWrites?: boolean
  readonly config?: string
  readonly token: boolean
  readonly logLevel: string
  readonly json?: boolean
}

/** `kad daemon`. */
export function daemonCommand(exit: (code: number) => void): Command {
  const collect = (value: string, all: string[] | undefined): string[] => [...(all ?? []), value]
  return new Command('daemon')
    .summary('run a peer')
    .description('Runs one peer until SIGINT or SIGTERM.')
    .option(
      '--listen <multiaddr>',
      'where to listen (repeatable; default /ip4/0.0.0.0/tcp/4701)',
      collect,
    )
    .option('--bootstrap <multiaddr>', 'a peer to join through (repeatable)', collect)
    .option(
      '--data <dir>',
      'the data directory (default: $KADMIUM_HOME or the platform’s own place)',
    )
    .option('--api <host:port>', 'serve the API over TCP too; the unix socket is always there')
    .addOption(
      new Option('--mode <mode>', 'answer others or only ask').choices([
        'server',
        'client',
        'auto',
      ]),
    )
    .option('--prefix <name>', 'the network: peers speak /<name>/kad/1.0.0')
    .option('--k <n>', 'peers that hold a value, and contacts in a bucket', parseWhole(1))
    .option('--alpha <n>', 'requests that a lookup has under way at once', parseWhole(1))
    .option('--sync-writes', 'force each write to the disk, against power cuts')
    .option('--config <path>', 'another configuration file than <data>/config.json')
    .option('--no-token', 'serve the API over TCP without a token (loopback only)')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .option('--json', 'print the ready line as JSON')
    .addHelpText(
      'after',
      `
Examples:
  kad daemon
  kad daemon --data ./peer2 --listen /ip4/127.0.0.1/tcp/4702 --bootstrap /ip4/127.0.0.1/tcp/4701/p2p/12D3Koo…`,
    )
    .action(async (options: DaemonOptions) => {
      exit(await runDaemon(options))
    })
}

async function runDaemon(options: DaemonOptions): Promise<number> {
  const { createLog, startDaemon } = await import('../daemon/daemon.ts')
  const output = new Output({ json: options.json ?? false })
  const log = createLog(options.logLevel)
  const stopWanted = new Promise<string>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  const { listen, bootstrap, api, mode, prefix, k, alpha, syncWrites } = options
  const daemon = await startDaemon({
    data: options.data ?? defaultDataDirectory(),
    flags: {
      ...(listen === undefined ? {} : { listen }),
      ...(bootstrap === undefined ? {} : { bootstrap }),
      ...(api === undefined ? {} : { api }),
      ...(mode === undefined ? {} : { mode }),
      ...(prefix === undefined ? {} : { prefix }),
      ...(k === undefined ? {} : { k }),
      ...(alpha === undefined ? {} : { alpha }),
      ...(syncWrites === undefined ? {} : { syncWrites }),
    },
    environment: process.env,
    configFile: options.config,
    noToken: !options.token,
    log,
  })
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
  const signal = await stopWanted
  log.info({ signal }, 'stopping')
  await daemon.stop()
  return EXIT.ok
}

/** With its token for a person at a terminal; what goes to a file or a journal tells no secret. */
function dashboardFor(url: string | undefined): string | undefined {
  return process.stdout.isTTY === true ? url : url?.replace(/#.*$/, '')
}
