import { Command } from 'commander'
import type { StatusOutput } from '../api/peer.ts'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import type { Output } from './output.ts'
import { counted, formatDuration, formatSize } from './units.ts'

/** `kad status`. */
export function statusCommand(exit: (code: number) => void): Command {
  const command = new Command('status')
    .summary('how the peer is')
    .description('Shows how the peer is. Exits with 1 if it is not well, and says why.')
    .addHelpText('after', '\nExample:\n  kad status --json')
    .action(async (options: CommonOptions) => {
      exit(
        await runOnPeer(options, async ({ output, peer }) => {
          const status = await peer.status()
          output.result(documentOf(status), () => textOf(output, status))
          return status.problems.length === 0 ? EXIT.ok : EXIT.failure
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: false })
}

function documentOf(status: StatusOutput): unknown {
  const { id, key, addresses, mode, version, protocol, k, alpha, uptimeMs, ...rest } = status
  const { contacts, buckets, connections, records, recordBytes, providerKeys } = rest
  const { publications, operations, networkSize, problems } = rest
  const identity = { id, key, addresses, mode, version, protocol, k, alpha, uptimeMs }
  const counts = { contacts, buckets, connections, records, recordBytes, providerKeys }
  const healthy = problems.length === 0
  return { ...identity, ...counts, publications, operations, networkSize, healthy, problems }
}

function textOf(output: Output, status: StatusOutput): string {
  const { problems, networkSize, records, recordBytes, connections, contacts, buckets } = status
  const verdict = problems.length === 0 ? ['well'] : problems.map((text) => `not well: ${text}`)
  const style = problems.length === 0 ? 'good' : 'bad'
  const rows: [string, string][] = [
    ...verdict.map((text, i): [string, string] => [
      i === 0 ? 'health' : '',
      output.style(style, text),
    ]),
    ['peer', status.id],
    ...status.addresses.map((address, i): [string, string] => [
      i === 0 ? 'addresses' : '',
      address,
    ]),
    ['mode', `${status.mode}, ${status.protocol}, k ${status.k}, alpha ${status.alpha}`],
    ['uptime', formatDuration(status.uptimeMs)],
    [
      'contacts',
      `${contacts} in ${counted(buckets, 'bucket')}, ${counted(connections, 'connection')}`,
    ],
    [
      'network',
      networkSize === undefined ? 'size not known yet' : `about ${Math.round(networkSize)} peers`,
    ],
    [
      'holds',
      `${counted(records, 'record')}, ${formatSize(recordBytes)}; providers of ${counted(status.providerKeys, 'key')}`,
    ],
    ['keeps published', String(status.publications)],
    ['version', status.version],
  ]
  return rows.map(([name, value]) => `${output.style('dim', name.padEnd(16))}${value}`).join('\n')
}
