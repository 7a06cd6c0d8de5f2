import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { PutOutput } from '../api/peer.ts'
import { KadmiumError } from '../core/errors.ts'
import { type CommonOptions, runOnPeer, withCommonOptions } from './command.ts'
import { EXIT } from './exit-codes.ts'
import { keyText, mutableName } from './keys.ts'
import { formatDuration, parseSpan, parseWhole } from './units.ts'

interface PutOptions extends CommonOptions {
  readonly file?: string
  readonly immutable?: boolean
  readonly mutable?: boolean
  readonly ttl?: number
  readonly quorum?: number
  readonly ifSequence?: number
}

/** `kad put`. */
export function putCommand(exit: (code: number) => void): Command {
  const command = new Command('put')
    .summary('store a value')
    .description(
      'Stores a value, of at most 64 KiB, at the peers closest to its key. A bare word as the key means /kv/<word>. Without a value and --file it is read from stdin.',
    )
    .argument('[key]', 'the key; none with --immutable, whose key is the digest of the value')
    .argument('[value]', 'the value as text')
    .option('--file <path>', 'take the value from a file')
    .option('--immutable', 'found under its own digest, /sha256/<digest>')
    .option('--mutable', 'signed by this peer, which alone may change it')
    .option(
      '--ttl <duration>',
      'how long it shall live, such as 2h (default: as long as it is published)',
      parseSpan,
    )
    .option('--quorum <n>', 'holders that must acknowledge', parseWhole(1))
    .option(
      '--if-sequence <n>',
      'with --mutable: only if the current sequence is n (0: there is none)',
      parseWhole(0),
    )
    .addHelpText(
      'after',
      `
Examples:
  kad put greeting hello
  kad put --immutable --file photo.jpg
  date | kad put clock --ttl 1h`,
    )
    .action(async (key: string | undefined, value: string | undefined, options: PutOptions) => {
      exit(await put(key, value, options))
    })
  return withCommonOptions(command, { bootstrap: true })
}

async function put(
  first: string | undefined,
  second: string | undefined,
  options: PutOptions,
): Promise<number> {
  const { immutable = false, mutable = false } = options
  if (immutable && mutable) throw usage('a value is either --immutable or --mutable')
  // An immutable value has no key of its own: what stands in its place is the value.
  const [key, text] = immutable ? [undefined, first] : [first, second]
  if (immutable && second !== undefined) throw usage('an --immutable value takes no key')
  if (!immutable && key === undefined) throw usage('a key is needed: kad put <key> [value]')
  const value = await readValue(text, options.file)
  return runOnPeer(options, async ({ output, peer, signal, timeoutMs }) => {
    const { ttl: ttlMs, quorum, ifSequence } = options
    const result = await peer.put({
      key: key === undefined ? undefined : mutable ? mutableName(key) : keyText(key),
      value,
      kind: immutable ? 'immutable' : mutable ? 'mutable' : 'by-key',
      ttlMs,
      quorum,
      ifSequence,
      signal,
      timeoutMs,
    })
    output.result(publicPut(result), () => {
      const { key: foundUnder, stored, target, durationMs } = result
      const holders = `${stored.length} of ${target} ${target === 1 ? 'peer' : 'peers'}`
      return `${output.style('strong', foundUnder)}\nheld by ${holders}, in ${formatDuration(durationMs)}`
    })
    for (const { peer: id, type, reason } of result.failed) {
      output.note(`not stored by ${id}: ${type}${reason === '' ? '' : ` (${reason})`}`)
    }
    return EXIT.ok
  })
}

/** What `--json` tells of a put or a delete. */
export function publicPut(result: PutOutput): unknown {
  const { key, stored, failed, target, quorum, version, durationMs, requests } = result
  return { key, stored, failed, target, quorum, version, durationMs, requests }
}

async function readValue(text: string | undefined, file: string | undefined): Promise<Uint8Array> {
  if (text !== undefined && file !== undefined) throw usage('give a value or --file, not both')
  if (text !== undefined) return new TextEncoder().encode(text)
  if (file !== undefined) {
    return readFile(file).catch((cause: unknown) => {
      throw usage(`cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`)
    })
  }
  if (process.stdin.isTTY === true) {
    throw usage('a value is needed: as an argument, with --file, or on stdin')
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > STDIN_BYTES_MAX) throw usage(`stdin holds more than ${STDIN_BYTES_MAX} bytes`)
  }
  return Buffer.concat(chunks)
}

/** More than any peer takes as a value; the peer's own limit gives the better error below it. */
const STDIN_BYTES_MAX = 2 << 20

function usage(message: string): KadmiumError {
  return new KadmiumError('ERR_INVALID_OPTION', message)
}
