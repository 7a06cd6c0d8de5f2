import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Command, Option } from 'commander'
import { parseApiAddress } from '../api/address.ts'
import { dashboardPath, defaultDataDirectory } from '../api/default-address.ts'
import { KadmiumError } from '../core/errors.ts'
import { EXIT } from './exit-codes.ts'
import { Output } from './output.ts'

interface DashboardOptions {
  readonly data?: string
  readonly api?: string
  readonly json?: boolean
}

/**
 * `kad dashboard`. It prints and opens nothing: what starts a browser shows the address, and with it the token, to everyone
 * who lists the processes of the machine.
 */
export function dashboardCommand(exit: (code: number) => void): Command {
  return new Command('dashboard')
    .summary("the address of the daemon's dashboard")
    .description(
      'Prints the address of the page that the daemon serves, with the token that opens it: whoever has it may do all that you may.',
    )
    .option(
      '--data <dir>',
      'the data directory of the daemon (default: $KADMIUM_HOME or the platform’s own place)',
    )
    .addOption(
      new Option('--api <socket>', 'the unix socket of the daemon, in place of --data').env(
        'KADMIUM_API',
      ),
    )
    .option('--json', 'one JSON document on stdout')
    .addHelpText(
      'after',
      `
Examples:
  kad daemon --api 127.0.0.1:4780
  kad dashboard`,
    )
    .action(async (options: DashboardOptions) => {
      const url = await findDashboard(dataDirectoryOf(options))
      new Output({ json: options.json ?? false }).result({ url }, () => url)
      exit(EXIT.ok)
    })
}

/** Only the directory has the token: the socket stands in it, and an address on TCP says nothing of where it is. */
function dataDirectoryOf({ data, api }: DashboardOptions): string {
  if (data !== undefined) return data
  const address = api === undefined ? undefined : parseApiAddress(api)
  return address?.type === 'unix' ? dirname(address.path) : defaultDataDirectory()
}

async function findDashboard(data: string): Promise<string> {
  const url = await readFile(dashboardPath(data), 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  })
  // A daemon that was killed leaves the file behind.
  if (url !== undefined && (await answers(url.trim()))) return url.trim()
  throw new KadmiumError(
    'ERR_NOT_STARTED',
    `no dashboard is served from ${data}: a browser needs the API on TCP, so start the daemon with 'kad daemon --api 127.0.0.1:4780'`,
  )
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/healthz', url), { signal: AbortSignal.timeout(2_000) })
    return response.ok
  } catch {
    return false // nobody listens there
  }
}
