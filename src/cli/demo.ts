import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { RemotePeer } from '../api/remote-peer.ts'
import { type ChildDaemon, startChildDaemon } from './child-daemon.ts'
import { EXIT } from './exit-codes.ts'
import { Output } from './output.ts'
import { formatDuration, shortId } from './units.ts'

/** Peers of the demo. */
const PEERS = 5

/** How long the network may take to come together. ms. */
const JOIN_MS = 20_000

/** `kad demo`. */
export function demoCommand(exit: (code: number) => void): Command {
  return new Command('demo')
    .summary('a network of five peers on this machine')
    .description(
      'Starts five peers, each a process of its own, over TCP on loopback; puts a value on one, gets it on another, kills a holder, and gets it again from a third.',
    )
    .option('--keep', 'leave the peers running until Ctrl-C')
    .option('--json', 'one JSON document for each step')
    .addHelpText('after', '\nExample:\n  kad demo')
    .action(async (options: { keep?: boolean; json?: boolean }) => {
      exit(await demo(options.keep ?? false, new Output({ json: options.json ?? false })))
    })
}

async function demo(keeps: boolean, output: Output): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'kadmium-demo-'))
  const daemons: ChildDaemon[] = []
  const interruption = Promise.withResolvers<void>()
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interruption.resolve())
  const end = interruption.promise.then(() => EXIT.interrupted)
  const running = run(folder, daemons, output, ending.signal)
  try {
    const code = await Promise.race([running, end])
    if (code === EXIT.ok && keeps) {
      const alive = daemons.find(({ isRunning }) => isRunning())
      output.note(`\nThe peers go on until Ctrl-C. Try: kad get greeting --api ${alive?.api ?? ''}`)
      await interruption.promise
    } else if (code === EXIT.ok && process.stderr.isTTY === true) {
      output.note(
        '\nNext: kad demo --keep leaves them running; kad daemon runs a peer of your own.',
      )
    }
    return code
  } finally {
    ending.abort()
    await killAll(daemons)
    await running.catch(() => {}) // it may be starting one more; what went wrong is thrown already
    await killAll(daemons)
    await rm(folder, { recursive: true, force: true })
  }
}

async function killAll(daemons: readonly ChildDaemon[]): Promise<void> {
  await Promise.all(daemons.map((daemon) => daemon.kill()))
}

async function run(
  folder: string,
  daemons: ChildDaemon[],
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const startedAt = performance.now()
  const step = stepPrinter(output, startedAt, signal)
  await startPeers(folder, daemons, step)
  const [alice, bob, carol] = daemons as [ChildDaemon, ChildDaemon, ChildDaemon]
  await waitUntilJoined(daemons)
  step('joined', `all ${PEERS} peers know one another`)

  const value = 'hello, distributed world'
  const put = await peerOf(alice).put({
    key: 'greeting',
    value: new TextEncoder().encode(value),
    kind: 'by-key',
  })
  step('put', `${alice.name} put ${put.key}: held by ${put.stored.length} of ${put.target} peers`, {
    key: put.key,
    stored: put.stored,
  })

  const first = await peerOf(bob).get('greeting', {})
  step('get', `${bob.name} got '${textOf(first.value)}', written by ${shortId(first.writer ?? '')}`)

  await alice.kill()
  step('kill', `${alice.name}, which wrote and holds it, was killed (SIGKILL)`)

  const again = await peerOf(carol).get('greeting', {})
  step('get', `${carol.name} got '${textOf(again.value)}' all the same`)
  const isRight = textOf(first.value) === value && textOf(again.value) === value
  step('end', isRight ? 'done' : 'a peer gave another value', {
    durationMs: performance.now() - startedAt,
  })
  return isRight ? EXIT.ok : EXIT.failure
}

type Step = (name: string, text: string, more?: Record<string, unknown>) => void

/** Tells each step as it is done; once the demo has ended, it throws instead, so that there is no next one. */
function stepPrinter(output: Output, startedAt: number, signal: AbortSignal): Step {
  return (name, text, more = {}) => {
    signal.throwIfAborted()
    const atMs = performance.now() - startedAt
    output.result({ step: name, atMs, text, ...more }, () => {
      const at = output.style('dim', formatDuration(atMs).padStart(8))
      return `${at}  ${name === 'kill' ? output.style('bad', text) : text}`
    })
  }
}

async function startPeers(folder: string, daemons: ChildDaemon[], step: Step): Promise<void> {
  const start = async (name: string, bootstrap: readonly string[]): Promise<void> => {
    const daemon = await startChildDaemon({ name, data: join(folder, name), bootstrap })
    daemons.push(daemon)
    const { id, address, pid } = daemon
    step('start', `${name} started: process ${pid}, ${address}`, { name, id, address, pid })
  }
  await start('alice', [])
  const bootstrap = daemons.map(({ address }) => address)
  for (const name of ['bob', 'carol', 'dave', 'erin'].slice(0, PEERS - 1)) {
    await start(name, bootstrap)
  }
}

/** Each has all others in its table. */
async function waitUntilJoined(daemons: readonly ChildDaemon[]): Promise<void> {
  const deadline = performance.now() + JOIN_MS
  for (const daemon of daemons) {
    const peer = peerOf(daemon)
    for (;;) {
      const { contacts } = await peer.status()
      if (contacts >= daemons.length - 1) break
      if (performance.now() > deadline) {
        throw new Error(`${daemon.name} knows only ${contacts} peers after ${JOIN_MS / 1_000} s`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

function peerOf({ api }: ChildDaemon): RemotePeer {
  return new RemotePeer({ type: 'unix', path: api })
}

function textOf(value: Uint8Array): string {
  return new TextDecoder().decode(value)
}
