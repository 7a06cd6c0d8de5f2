import { type Command, Option } from 'commander'
import { parseApiAddress } from '../api/address.ts'
import { defaultSocketPath } from '../api/default-address.ts'
import type { ApiPeer } from '../api/peer.ts'
import { RemotePeer } from '../api/remote-peer.ts'
import { KadmiumError } from '../core/errors.ts'
import { Output } from './output.ts'
import { parseSpan } from './units.ts'

/** The options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean
  readonly api?: string
  readonly timeout?: number
  readonly bootstrap?: readonly string[]
  readonly prefix?: string
}

/** What a command works with. */
export interface CommandContext {
  readonly output: Output
  /** The peer that does the work: a daemon's, or one of this process for one command. */
  readonly peer: ApiPeer
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly timeoutMs: number | undefined
}

/** Adds the options that all commands share. */
export function withCommonOptions(
  command: Command,
  options: { readonly bootstrap: boolean; readonly streams?: boolean },
): Command {
  const documents = options.streams === true ? 'one JSON document on each line' : JSON_HELP
  command
    .option('--json', documents)
    .addOption(
      new Option(
        '--api <address>',
        "the daemon's API: a unix path (default: kad.sock in the data directory), or host:port with the token in KADMIUM_TOKEN",
      ).env('KADMIUM_API'),
    )
    .option('--timeout <duration>', 'longest time for the whole command, such as 10s', parseSpan)
  if (options.bootstrap) {
    command
      .option(
        '--bootstrap <multiaddr>',
        'do without a daemon: join through this peer for one command (repeatable)',
        (value: string, all: readonly string[] | undefined) => [...(all ?? []), value],
      )
      .option('--prefix <name>', 'with --bootstrap: the network, as /<name>/kad/1.0.0')
  }
  return command
}

const JSON_HELP = 'one JSON document on stdout'

/** Runs a command's work on the peer that its options choose, and cleans up whatever comes of it. */
export async function runOnPeer(
  options: CommonOptions,
  work: (context: CommandContext) => Promise<number>,
): Promise<number> {
  const output = new Output({ json: options.json ?? false })
  const interruption = new AbortController()
  const onInterrupt = (): void => interruption.abort(new InterruptedError())
  process.once('SIGINT', onInterrupt)
  const common = { output, signal: interruption.signal, timeoutMs: options.timeout }
  try {
    if (options.bootstrap === undefined) {
      const address = parseApiAddress(options.api ?? defaultSocketPath())
      const peer = new RemotePeer(address, { token: process.env.KADMIUM_TOKEN })
      output.waitFor('the daemon is at work')
      return await work({ ...common, peer })
    }
    // libp2p is loaded here only: a thin client must start at once.
    const { createClientPeer } = await import('../daemon/client-peer.ts')
    const { bootstrap, prefix, timeout } = options
    output.waitFor('joining the network')
    const startedAt = performance.now()
    const peer = await createClientPeer({
      bootstrap,
      prefix,
      signal: withTimeout(interruption.signal, timeout),
    })
    try {
      output.waitFor('asking the network')
      // Joining has taken its part of the time for the whole command.
      const timeoutMs = timeout && Math.max(1, timeout - (performance.now() - startedAt))
      return await work({ ...common, peer, timeoutMs })
    } finally {
      await peer.stop()
    }
  } finally {
    output.endWait()
    process.removeListener('SIGINT', onInterrupt)
  }
}

function withTimeout(signal: AbortSignal, timeoutMs: number | undefined): AbortSignal {
  if (timeoutMs === undefined) return signal
  const timeout = new AbortController()
  const error = new KadmiumError('ERR_TIMEOUT', 'the time was over before a peer had answered')
  setTimeout(() => timeout.abort(error), timeoutMs).unref()
  return AbortSignal.any([signal, timeout.signal])
}

/** The user pressed Ctrl-C. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}
