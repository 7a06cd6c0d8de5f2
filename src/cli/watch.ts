import { Command } from 'commander'
import type { WatchGapOutput, WatchOutput } from '../api/peer.ts'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { keyText } from './keys.ts'
import type { Output } from './output.ts'
import { parseWhole } from './units.ts'

interface WatchOptions extends CommonOptions {
  readonly count?: number
  readonly verbose?: boolean
}

/** `kad watch`. */
export function watchCommand(exit: (code: number) => void): Command {
  const command = new Command('watch')
    .summary('print the values of a key as they land')
    .description(
      'Prints the value of a key, then every new one as it lands, each on a line of its own, until Ctrl-C. A value is printed only if it wins over all before it. Where values may have been missed, and when the value is deleted, that is said on stderr; with --json on stdout, in order.',
    )
    .argument('<key>', 'the key; a bare word means /kv/<word>')
    .option('--count <n>', 'end after so many values', parseWhole(1))
    .option('--verbose', 'say on stderr who wrote each value, and when')
    .addHelpText(
      'after',
      `
Examples:
  kad watch greeting
  kad watch greeting --count 1 --json`,
    )
    .action(async (key: string, options: WatchOptions) => {
      exit(await watch(key, options))
    })
  return withCommonOptions(command, { bootstrap: true, streams: true })
}

function watch(key: string, options: WatchOptions): Promise<number> {
  return runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
    const { count = Number.POSITIVE_INFINITY, verbose = false } = options
    const reader = new AbortController()
    const onBroken = (error: Error): void => reader.abort(error)
    process.stdout.on('error', onBroken) // whoever read has read enough, as in `kad watch x | head`
    const ends = AbortSignal.any([signal, reader.signal])
    let printed = 0
    output.endWait() // to wait is what it is for
    try {
      for await (const event of peer.watch(keyText(key), { signal: ends, timeoutMs })) {
        await print(output, event, verbose)
        if (event.type !== 'gap') printed += 1
        if (printed >= count) break
      }
      return EXIT.ok
    } catch (error) {
      if (reader.signal.aborted || isBrokenPipe(error)) return EXIT.ok
      throw error
    } finally {
      process.stdout.removeListener('error', onBroken)
    }
  })
}

async function print(output: Output, event: WatchOutput, verbose: boolean): Promise<void> {
  if (output.json) {
    output.result(documentOf(event), '')
    return
  }
  if (event.type === 'gap') {
    output.note(gapText(event))
    return
  }
  const { writer, writtenAtMs, version, from, value } = event
  if (verbose) {
    const when = writtenAtMs === undefined ? '' : `, ${new Date(writtenAtMs).toISOString()}`
    const who =
      writer === undefined ? 'unsigned' : `written by ${writer}${when} (version ${version})`
    output.note(`${who}; brought by ${from ?? 'this peer itself'}`)
  }
  if (event.type === 'deleted') output.note(`deleted${writer === undefined ? '' : ` by ${writer}`}`)
  else await output.line(value)
}

/** The fields in an order that reads well. */
function documentOf(event: WatchOutput): object {
  if (event.type === 'gap') {
    const { type, key, missed, reason } = event
    return { type, key, missed, reason }
  }
  const { type, key, value, writer, version, writtenAtMs, expiresAtMs, from, initial } = event
  return { type, key, value, writer, version, writtenAtMs, expiresAtMs, from, initial }
}

function gapText({ missed, reason }: WatchGapOutput): string {
  const what =
    missed === undefined
      ? 'values may have been missed here'
      : `${missed} ${missed === 1 ? 'value was' : 'values were'} missed here`
  const why = REASONS[reason]
  return why === undefined ? what : `${what}: ${why}`
}

const REASONS: Readonly<Record<string, string>> = {
  sequence: 'the sequence has jumped',
  overrun: 'they came faster than they could be told',
  unwatched: 'for a while no replica that knew all could be listened to',
  'slow-reader': 'they were not read for too long',
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}
