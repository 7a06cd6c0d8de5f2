import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

/** The executable as built: what a user runs. */
const KAD = resolve(import.meta.dirname, '../../dist/bin/kad.js')

/** What a command did. */
export interface Ran {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs one `kad` command to its end. */
export async function kad(
  args: readonly string[],
  stdin?: Uint8Array,
  environment: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  const child = spawnKad(args, environment)
  child.stdin.end(stdin ?? new Uint8Array(0))
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  await once(child, 'close')
  return {
    code: child.exitCode,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
  }
}

/** Starts one `kad` command. */
export function spawnKad(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [KAD, ...args], { env: { ...cleanEnvironment(), ...environment } })
}

/** A daemon in a process of its own. */
export interface RunningDaemon {
  readonly id: string
  readonly address: string
  readonly api: string
  readonly apis: readonly string[]
  readonly data: string
  readonly pid: number
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts daemons for a test and ends them with it. */
export class Daemons {
  readonly #children: ChildProcess[] = []
  readonly #folder: Promise<string> = mkdtemp(join(tmpdir(), 'kadmium-test-'))

  /** A path in a folder that is removed with the test. */
  async path(name: string): Promise<string> {
    return join(await this.#folder, name)
  }

  async start(
    name: string,
    options: { bootstrap?: readonly string[]; args?: readonly string[] } = {},
  ): Promise<RunningDaemon> {
    const data = await this.path(name)
    const args = ['daemon', '--json', '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0']
    for (const address of options.bootstrap ?? []) args.push('--bootstrap', address)
    const child = spawn(process.execPath, [KAD, ...args, ...(options.args ?? [])], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.push(child)
    const stderr: Buffer[] = []
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    const line = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text)),
      once(child, 'exit').then(() => {
        throw new Error(`the daemon ended: ${Buffer.concat(stderr).toString()}`)
      }),
    ])
    const ready = JSON.parse(line) as { id: string; addresses: string[]; apis: string[] }
    return {
      id: ready.id,
      address: ready.addresses[0] ?? '',
      api: ready.apis[0] ?? '',
      apis: ready.apis,
      data,
      pid: child.pid ?? 0,
      end: async (signal) => {
        if (child.exitCode === null && child.signalCode === null) {
          const exit = once(child, 'exit')
          child.kill(signal)
          await exit
        }
        return child.exitCode
      },
    }
  }

  /** Ends all that still run, and removes their folders. */
  async close(): Promise<void> {
    await Promise.all(
      this.#children
        .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
        .map(async (child) => {
          const exit = once(child, 'exit')
          child.kill('SIGKILL')
          await exit
        }),
    )
    await rm(await this.#folder, { recursive: true, force: true })
  }
}

/** Waits until a condition holds that another process brings about. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((wake) => setTimeout(wake, 20))
  }
}

/** How many contacts a daemon has. */
export async function contactsOf(daemon: RunningDaemon): Promise<number> {
  const { stdout } = await kad(['status', '--json', '--api', daemon.api])
  return (JSON.parse(stdout.toString()) as { contacts: number }).contacts
}

/** The environment without what would point `kad` at a daemon of the person who runs the tests. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('KADMIUM'))
  return { ...Object.fromEntries(kept), NO_COLOR: '1' }
}
