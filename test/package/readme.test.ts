import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/kad.ts'

// The commands of the README, as they stand there and in their order, in an empty folder: `npx kad` is the executable as
// built, and where a port is named any free one is taken.

const root = resolve(import.meta.dirname, '../..')
const readme = readFileSync(resolve(root, 'README.md'), 'utf8')
const KAD = resolve(root, 'dist/bin/kad.js')
/** The first address of a daemon goes to where the README leaves a place for it. */
const PLACE = /<the address that the first one printed>/
/** Commands that come to an end by themselves and within the folder. */
const QUICK = /^npx kad (put|get|delete|provide|find|lookup|status|peers|table) [^|<>$&;]*$/

const folder = mkdtempSync(join(tmpdir(), 'kadmium-readme-'))
const daemons: ChildProcess[] = []
const lines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, text = '']) =>
  text
    .replaceAll(/\\\n\s*/g, '')
    .trim()
    .split('\n'),
)
const commands = lines.map((line) => {
  const [text = '', comment] = line.split(/\s+# /)
  return { text: text.trim(), comment: comment?.trim() }
})
const started = commands.filter(({ text }) => text.startsWith('npx kad daemon --data ./'))
const quick = commands.filter(({ text }) => QUICK.test(text))
const curls = commands.filter(({ text }) => text.startsWith('curl --unix-socket ./'))

beforeAll(async () => {
  let first = ''
  for (const { text } of started) {
    const args = text
      .replace('npx kad ', '')
      .replace(/\/tcp\/\d+/, '/tcp/0')
      .replace(PLACE, first)
    const address = await startDaemon(args.split(' '))
    first ||= address
  }
  const sockets = started.map(({ text }) => `${/--data (\S+)/.exec(text)?.[1]}/kad.sock`)
  for (const socket of sockets) {
    await until(`${socket} knows the others`, async () => {
      const { contacts } = JSON.parse(
        (await run(['status', '--json', '--api', socket])).stdout,
      ) as {
        contacts: number
      }
      return contacts === started.length - 1
    })
  }
}, 60_000)

afterAll(async () => {
  for (const daemon of daemons) {
    const ended = once(daemon, 'exit')
    daemon.kill('SIGKILL')
    await ended
  }
  rmSync(folder, { recursive: true, force: true })
})

describe('the README', () => {
  it('has daemons to start and commands to try, as is to be seen by this test', () => {
    expect(started.length).toBeGreaterThan(1)
    expect(quick.length).toBeGreaterThan(3)
    expect(curls.length).toBeGreaterThan(0)
  })

  it('shows commands that do what it says beside them', async () => {
    for (const { text, comment } of quick) {
      const ran = await run(text.replace('npx kad ', '').split(/\s+/))
      expect({ text, ...ran }).toMatchObject({ code: 0 })
      expect(ran.stdout).not.toBe('')
      expect([text, ran.stdout.trim()]).toEqual([text, comment ?? ran.stdout.trim()])
    }
  })

  it.skipIf(!hasCurl())('shows calls of curl that are answered (skipped without curl)', () => {
    for (const { text } of curls) {
      const output = execFileSync('sh', ['-c', text], { cwd: folder, stdio: 'pipe' })
      const answer = JSON.parse(output.toString()) as { value?: string; code?: string }
      const value = atob(answer.value ?? '')
      const expected = text.includes('/Get') ? 'hello' : value
      expect([text, answer.code, value]).toEqual([text, undefined, expected])
    }
  })
})

async function startDaemon(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [KAD, ...args, '--json'], {
    cwd: folder,
    env: environment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  daemons.push(child)
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${args.join(' ')} ended`)))
  const ready = once(createInterface({ input: child.stdout }), 'line')
  const [line] = (await Promise.race([ready, ended])) as [string] // a line of text
  ended.catch(() => {})
  return (JSON.parse(line) as { addresses: string[] }).addresses[0] ?? ''
}

function run(
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((end) => {
    const child = execFile(
      process.execPath,
      [KAD, ...args],
      { cwd: folder, env: environment() },
      (_error, stdout, stderr) => end({ code: child.exitCode, stdout, stderr }),
    )
    child.stdin?.end()
  })
}

/** Without what would point `kad` at a daemon of the person who runs the tests. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('KADMIUM'))
  return { ...Object.fromEntries(kept), NO_COLOR: '1' }
}

function hasCurl(): boolean {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
