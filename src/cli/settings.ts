import { type Command, Option } from 'commander'
import type { Config } from '../daemon/config.ts'
import { parseWhole } from './units.ts'

/** A daemon's settings as they are given on the command line. */
export interface SettingOptions {
  readonly data?: string
  readonly config?: string
  readonly listen?: string[]
  readonly bootstrap?: string[]
  readonly api?: string
  readonly mode?: Config['mode']
  readonly prefix?: string
  readonly k?: number
  readonly alpha?: number
  readonly syncWrites?: boolean
  readonly logLevel?: Config['logLevel']
}

/** Adds the options that name a daemon's settings, and where others of them lie. */
export function withSettingOptions(command: Command): Command {
  const collect = (value: string, all: string[] | undefined): string[] => [...(all ?? []), value]
  return command
    .option(
      '--listen <multiaddr>',
      'where to listen (repeatable; default /ip4/0.0.0.0/tcp/4701)',
      collect,
    )
    .option('--bootstrap <multiaddr>', 'a peer to join through, /dnsaddr too (repeatable)', collect)
    .option(
      '--data <dir>',
      'the data directory (default: $KADMIUM_HOME or the platform’s own place)',
    )
    .option(
      '--api <address>',
      'serve the API at host:port too, or at a further unix path; kad.sock in the data directory is always there',
    )
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
    .addOption(
      new Option('--log-level <level>', 'what to log (default: info)').choices([
        'debug',
        'info',
        'warn',
        'error',
      ]),
    )
}

/** Those that were given: the flags of `resolveConfig`. */
export function flagsOf(options: SettingOptions): Partial<Config> {
  const { listen, bootstrap, api, mode, prefix, k, alpha, syncWrites, logLevel } = options
  return {
    ...(listen === undefined ? {} : { listen }),
    ...(bootstrap === undefined ? {} : { bootstrap }),
    ...(api === undefined ? {} : { api }),
    ...(mode === undefined ? {} : { mode }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(k === undefined ? {} : { k }),
    ...(alpha === undefined ? {} : { alpha }),
    ...(syncWrites === undefined ? {} : { syncWrites }),
    ...(logLevel === undefined ? {} : { logLevel }),
  }
}
