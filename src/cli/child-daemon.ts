import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A daemon in a process of its own. */
export interface ChildDaemon {
  readonly name: string
  readonly id: string
  /** Where others reach it, with its id. */
  readonly address: string
  /** The API's unix socket. */
  readonly api: string
  readonly pid: number
  readonly isRunning: () => boolean
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>
  /** Asks it to stop, and waits until it has. */
  stop(): Promise<void>
}

/** How long a daemon may take to start. ms. */
const START_MS = 30_000

/** Starts a daemon with this same executable; resolves when it is ready. Rejects with what it printed if it fails. */
export async function startChildDaemon(init: {
  readonly name: string
  readonly data: string
  readonly bootstrap: readonly string[]
}): Promise<ChildDaemon> {
  const { name, data, bootstrap } = init
  const args = ['daemon', '--json', '--data', data, '--listen', '/ip4/127.0.0.1/tcp/0']
  for (const address of bootstrap) args.push('--bootstrap', address)
  const child = spawn(process.execPath, [process.argv[1] ?? '', ...args, '--log-level', 'warn'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: withoutSettings(process.env),
  })
  const ready = await firstLine(child, name)
  const { id, addresses, apis } = JSON.parse(ready) as ReadyLine // our own daemon's
  const exited = once(child, 'exit')
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await exited
  }
  return {
    name,
    id,
    address: addresses[0] ?? '',
    api: apis[0] ?? '',
    pid: child.pid ?? 0,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}

interface ReadyLine {
  readonly id: string
  readonly addresses: readonly string[]
  readonly apis: readonly string[]
}

function firstLine(child: ChildProcess, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const errors: string[] = []
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${name} was not ready after ${START_MS / 1_000} s: ${errors.join('')}`))
    }, START_MS)
    child.stderr?.on('data', (chunk: Buffer) => {
      if (errors.length < 100) errors.push(chunk.toString())
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`${name} ended with exit code ${code}: ${errors.join('')}`))
    })
    if (child.stdout === null) return
    createInterface({ input: child.stdout }).once('line', (line) => {
      clearTimeout(timer)
      resolve(line)
    })
  })
}

/** What the user has set is for a daemon of theirs: `KADMIUM_API` would have them all serve at one address. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('KADMIUM_'))
  return Object.fromEntries(kept)
}
