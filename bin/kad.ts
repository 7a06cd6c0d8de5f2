#!/usr/bin/env node
// The executable. It looks at the Node it runs under before it loads anything that needs a recent
// one: under an older Node it hands over to the Node pinned beside it (in a clone), or says in one
// line what to do.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { constants, homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const requiredMajor = 24
const launchedMark = 'KAD_LAUNCHED_BY'

start()

function start(): void {
  if (Number.parseInt(process.versions.node, 10) >= requiredMajor) {
    dieWithLauncher()
    module.enableCompileCache(cacheFolder())
    import('../src/cli/main.ts').then(run).catch(crash)
    return
  }
  const pinned = pinnedNode()
  if (pinned === undefined) {
    console.error(
      `kad needs Node ${requiredMajor} or later and this is ${process.versions.node}: install it from https://nodejs.org, or run "npx -p node@${requiredMajor} kad"`,
    )
    process.exitCode = 1
  } else {
    handOver(pinned)
  }
}

/**
 * Where what V8 makes of the code is kept for the next command. Not where Node would: in a folder for everybody's temporary
 * files a stranger could leave code for this process. It is no error if nothing can be kept; NODE_DISABLE_COMPILE_CACHE=1
 * turns it off.
 */
function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kadmium')
}

async function run({ main }: typeof import('../src/cli/main.ts')): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onOutputError)
  process.exitCode = await main(process.argv.slice(2))
}

/** Whoever read the output has read enough, as in `kad peers | head`: the command ends as it would, and a daemon lives on. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return
  console.error(`kad: cannot write the output: ${error.message}`)
  process.exit(1)
}

function crash(error: unknown): void {
  console.error(error)
  process.exit(1)
}

function pinnedNode(): string | undefined {
  const executable = process.platform === 'win32' ? 'node.exe' : 'node'
  const url = new URL(`../../node_modules/node/bin/${executable}`, import.meta.url)
  const path = fileURLToPath(url)
  return existsSync(path) ? path : undefined
}

/** Runs this same command under another Node: same arguments, same terminal, same exit code. */
function handOver(node: string): void {
  const child = spawn(node, process.argv.slice(1), {
    // The channel carries nothing: that it closes tells the child that the launcher was killed.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [launchedMark]: String(process.pid) },
  })
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal)
  }
  process.on('SIGINT', forward).on('SIGTERM', forward).on('SIGHUP', forward)
  child.on('error', crash)
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
  })
}

/** Whoever kills the launcher means this process: a peer must not live on without an owner. */
function dieWithLauncher(): void {
  if (process.env[launchedMark] === String(process.ppid)) {
    process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
    process.channel?.unref()
  }
  delete process.env[launchedMark]
}
