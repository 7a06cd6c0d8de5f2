import { Command } from 'commander'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { keyText } from './keys.ts'
import { publicPut } from './put.ts'
import { parseWhole } from './units.ts'

/** `kad delete`. */
export function deleteCommand(exit: (code: number) => void): Command {
  const command = new Command('delete')
    .summary('delete a value')
    .description(
      'Puts a signed tombstone, which outlives every copy of the value. Immutable values cannot be deleted; they end by themselves.',
    )
    .argument('<key>', 'the key; a bare word means /kv/<word>')
    .option('--quorum <n>', 'holders that must acknowledge', parseWhole(1))
    .addHelpText('after', '\nExample:\n  kad delete greeting')
    .action(async (key: string, options: CommonOptions & { quorum?: number }) => {
      exit(
        await runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
          const { quorum } = options
          const result = await peer.delete(keyText(key), { quorum, signal, timeoutMs })
          output.result(
            publicPut(result),
            `deleted ${result.key}: ${result.stored.length} of ${result.target} peers hold the tombstone`,
          )
          return EXIT.ok
        }),
      )
    })
  return withCommonOptions(command, { bootstrap: true })
}
