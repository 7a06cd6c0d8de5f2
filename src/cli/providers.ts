import { Command } from 'commander'
import type { PeerOutput } from '../api/peer.ts'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import type { Output } from './output.ts'
import { parseWhole } from './units.ts'

/** `kad provide`. */
export function provideCommand(exit: (code: number) => void): Command {
  const command = new Command('provide')
    .summary('announce that this peer provides a CID')
    .description('Announces that this peer provides what a CID names, and keeps announcing it.')
    .argument('<cid>', 'a CID, such as bafy… or Qm…')
    .addHelpText(
      'after',
      '\nExample:\n  kad provide QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n',
    )
    .action(async (cid: string, options: CommonOptions) => {
      exit(
        await runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
          const { stored, failed, target, durationMs } = await peer.provide(cid, {
            signal,
            timeoutMs,
          })
          output.result(
            { cid, stored, failed, target, durationMs },
            `${stored.length} of ${target} peers know of it`,
          )
          return EXIT.ok
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: false })
}

/** `kad providers`. */
export function providersCommand(exit: (code: number) => void): Command {
  const command = new Command('providers')
    .summary('who provides a CID')
    .description(
      'Prints who provides what a CID names, as they are found. Exits with 3 if nobody does.',
    )
    .argument('<cid>', 'a CID')
    .option('--count <n>', 'providers that end the search', parseWhole(1))
    .addHelpText(
      'after',
      '\nExample:\n  kad providers QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n',
    )
    .action(async (cid: string, options: CommonOptions & { count?: number }) => {
      exit(
        await runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
          let count = 0
          const found = (provider: PeerOutput): void => {
            count += 1
            printPeer(output, provider)
          }
          await peer.findProviders(cid, { count: options.count, signal, timeoutMs, found })
          if (count > 0) return EXIT.ok
          output.note(`nobody is known to provide ${cid}`)
          return EXIT.notFound
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: true, streams: true })
}

/** `kad find`. */
export function findCommand(exit: (code: number) => void): Command {
  const command = new Command('find')
    .summary("a peer's addresses")
    .description("Finds a peer's addresses. Exits with 3 if nobody knows it.")
    .argument('<peer>', 'a peer id, such as 12D3KooW…')
    .addHelpText(
      'after',
      '\nExample:\n  kad find 12D3KooWGRUVh7pxZgWBKeTSGHuKTfQcEJwZ3YkHLy3ZXKk1eWmv',
    )
    .action(async (id: string, options: CommonOptions) => {
      exit(
        await runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
          printPeer(output, await peer.findPeer(id, { signal, timeoutMs }))
          return EXIT.ok
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: true })
}

function printPeer(output: Output, { id, addresses }: PeerOutput): void {
  output.result({ id, addresses }, [id, ...addresses.map((address) => `  ${address}`)].join('\n'))
}
