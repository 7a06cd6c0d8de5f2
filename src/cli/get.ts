import { writeFile } from 'node:fs/promises'
import { Command } from 'commander'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { keyText } from './keys.ts'
import { counted, formatDuration, parseWhole } from './units.ts'

interface GetOptions extends CommonOptions {
  readonly out?: string
  readonly verbose?: boolean
  readonly quorum?: number
}

/** `kad get`. */
export function getCommand(exit: (code: number) => void): Command {
  const command = new Command('get')
    .summary('read a value')
    .description(
      'Prints the value of a key: its raw bytes, so that it pipes. Exits with 3 if there is none.',
    )
    .argument('<key>', 'the key; a bare word means /kv/<word>')
    .option('--out <path>', 'write the value to a file')
    .option('--verbose', 'say on stderr who wrote it, when, and who gave it')
    .option('--quorum <n>', 'answers with a value to wait for', parseWhole(1))
    .addHelpText(
      'after',
      `
Examples:
  kad get greeting
  kad get /sha256/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 --out hello.txt`,
    )
    .action(async (key: string, options: GetOptions) => {
      exit(await get(key, options))
    })
  return withCommonOptions(command, { bootstrap: true })
}

function get(key: string, options: GetOptions): Promise<number> {
  return runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
    const { quorum, out, verbose = false } = options
    const found = await peer.get(keyText(key), { quorum, signal, timeoutMs })
    if (out !== undefined) await writeTo(out, found.value)
    if (verbose && !output.json) {
      const { writer, writtenAtMs, version, from, agreed, hops, requests, durationMs } = found
      const when = writtenAtMs === undefined ? '' : `, ${new Date(writtenAtMs).toISOString()}`
      output.note(
        writer === undefined ? 'unsigned' : `written by ${writer}${when} (version ${version})`,
      )
      output.note(
        `given by ${from ?? 'this peer itself'}; ${agreed} agreed; ${counted(hops, 'hop')}, ${counted(requests, 'request')}, ${formatDuration(durationMs)}`,
      )
    }
    if (output.json) {
      const { value, key: name, writer, version, writtenAtMs, expiresAtMs, from, ...rest } = found
      const { agreed, hops, requests, durationMs } = rest
      const figures = { agreed, hops, requests, durationMs }
      output.result(
        { key: name, value, writer, version, writtenAtMs, expiresAtMs, from, ...figures },
        '',
      )
    } else if (out === undefined) {
      await output.bytes(found.value)
    }
    return EXIT.ok
  })
}

async function writeTo(path: string, value: Uint8Array): Promise<void> {
  await writeFile(path, value).catch((cause: unknown) => {
    throw new Error(
      `cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    )
  })
}
