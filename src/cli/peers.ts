import { Command } from 'commander'
import type { BucketOutput, ContactOutput } from '../api/peer.ts'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { type Output, table } from './output.ts'
import { formatDuration, shortId } from './units.ts'

/** `kad peers`. */
export function peersCommand(exit: (code: number) => void): Command {
  const command = new Command('peers')
    .summary('the contacts of the peer')
    .description('Lists the contacts in the routing table, the farthest first.')
    .addHelpText('after', '\nExample:\n  kad peers --json')
    .action(async (options: CommonOptions) => {
      exit(
        await runOnPeer(options, async ({ output, peer }) => {
          const peers = await peer.peers()
          output.result(peers.map(documentOf), () =>
            peers.length === 0
              ? 'no contacts yet'
              : table([
                  ['peer', 'bits', 'heard of', 'failed', 'address'],
                  ...peers.map((contact) => [
                    contact.id,
                    String(contact.prefixLength),
                    `${formatDuration(contact.lastSeenMs)} ago`,
                    String(contact.failures),
                    `${contact.connected ? '' : '(not connected) '}${contact.addresses[0] ?? ''}`,
                  ]),
                ]),
          )
          return EXIT.ok
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: false })
}

/** `kad table`. */
export function tableCommand(exit: (code: number) => void): Command {
  const command = new Command('table')
    .summary('the buckets of the peer, drawn')
    .description(
      'Draws the routing table: a row for each bucket that holds a contact. A bucket holds the peers that share that many leading bits with this one; each further row is half the keyspace of the one above.',
    )
    .addHelpText('after', '\nExample:\n  kad table')
    .action(async (options: CommonOptions) => {
      exit(
        await runOnPeer(options, async ({ output, peer }) => {
          const [buckets, { k, key }] = [await peer.table(), await peer.status()]
          const document = buckets.map(({ prefixLength, replacements, peers }) => ({
            prefixLength,
            replacements,
            peers: peers.map(documentOf),
          }))
          output.result({ key, k, buckets: document }, () => drawing(output, buckets, k, key))
          return EXIT.ok
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: false })
}

function documentOf(contact: ContactOutput): unknown {
  const { id, key, addresses, prefixLength, lastSeenMs, failures, connected } = contact
  return { id, key, addresses, prefixLength, lastSeenMs, failures, connected }
}

function drawing(output: Output, buckets: readonly BucketOutput[], k: number, key: string): string {
  const head = `${output.style('dim', 'own key')} ${key}`
  if (buckets.length === 0) return `${head}\nno contacts yet`
  const rows = buckets.map(({ prefixLength, peers, replacements }) => {
    const living = peers.filter(({ failures }) => failures === 0).length
    const failing = peers.length - living
    const free = Math.max(0, k - peers.length)
    const bar =
      output.style('good', '█'.repeat(living)) +
      output.style('bad', '▒'.repeat(failing)) +
      output.style('dim', '·'.repeat(free))
    const waiting = replacements === 0 ? '' : ` +${replacements} waiting`
    const names = peers.slice(-3).map(({ id }) => shortId(id))
    return `${String(prefixLength).padStart(3)}  ${bar}  ${String(peers.length).padStart(2)}/${k}${waiting}  ${output.style('dim', names.join(' '))}`
  })
  const legend = `${output.style('good', '█')} answers  ${output.style('bad', '▒')} has failed  ${output.style('dim', '·')} free`
  return [head, 'bits', ...rows, legend].join('\n')
}
