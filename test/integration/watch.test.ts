import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseApiAddress } from '../../src/api/address.ts'
import { connectKadmium } from '../../src/api/client.ts'
import { contactsOf, Daemons, kad, type RunningDaemon, until } from '../support/kad.ts'

const KAD = resolve(import.meta.dirname, '../../dist/bin/kad.js')
/** What a line of `kad watch --json` says. */
interface Line {
  readonly type: string
  readonly value?: string
  readonly initial?: boolean
}

/** A running `kad watch`. */
class Watcher {
  readonly lines: Line[] = []
  readonly child: ChildProcess
  stderr = ''

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [KAD, 'watch', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { stdout, stderr } = this.child
    if (stdout === null || stderr === null) throw new Error('the output is not piped')
    createInterface({ input: stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line)
    })
    stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
  }

  get values(): (string | undefined)[] {
    return this.lines
      .filter(({ type }) => type === 'value')
      .map(({ value = '' }) => Buffer.from(value, 'base64').toString())
  }

  async until(last: string): Promise<void> {
    await until(`the watcher is told '${last}'`, () => Promise.resolve(this.values.at(-1) === last))
  }

  /** Ctrl-C; the exit code. */
  async interrupt(): Promise<number | null> {
    const exit = once(this.child, 'exit')
    this.child.kill('SIGINT')
    await exit
    return this.child.exitCode
  }
}

const daemons = new Daemons()
const watchers: Watcher[] = []
const all: RunningDaemon[] = []

function watch(...args: readonly string[]): Watcher {
  const watcher = new Watcher(args)
  watchers.push(watcher)
  return watcher
}

/** The daemon at an index that must exist. */
function daemon(index: number): RunningDaemon {
  const found = all[index]
  if (found === undefined) throw new Error(`no daemon ${index}`)
  return found
}

function put(value: string, index: number): Promise<unknown> {
  return kad(['put', 'news', value, '--api', daemon(index).api])
}

// k = 3: of six peers three hold the key, so that killing daemons takes replicas away.
beforeAll(async () => {
  for (let i = 0; i < 6; i++) {
    const bootstrap = all.slice(0, 1).map(({ address }) => address)
    all.push(await daemons.start(`peer-${i}`, { bootstrap, args: ['--k', '3'] }))
  }
  for (const each of all) {
    await until('all know some others', async () => (await contactsOf(each)) >= 3)
  }
}, 60_000)

afterAll(async () => {
  for (const { child } of watchers) if (child.exitCode === null) child.kill('SIGKILL')
  await daemons.close()
})

describe('kad watch', () => {
  it('prints on one daemon what is put on another, what stands first, until Ctrl-C', async () => {
    await put('first', 1)
    const watcher = watch('news', '--api', daemon(4).api)
    await watcher.until('first')
    expect(watcher.lines[0]).toMatchObject({ type: 'value', key: '/kv/news', initial: true })
    for (const value of ['second', 'third']) {
      await put(value, 1)
      await watcher.until(value)
    }
    await kad(['delete', 'news', '--api', daemon(2).api])
    await until('it is told of the deletion', () =>
      Promise.resolve(watcher.lines.at(-1)?.type === 'deleted'),
    )
    expect(watcher.values).toEqual(['first', 'second', 'third'])
    expect(await watcher.interrupt()).toBe(130)
    expect(watcher.stderr).toBe('')
  })

  it('ends by itself after --count values, and prints them as lines', async () => {
    await put('a line', 0)
    const ran = await kad(['watch', 'news', '--count', '1', '--api', daemon(3).api])
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout.toString()).toBe('a line\n')
  })

  it('hears of news as a client that joins for this command only', async () => {
    const watcher = watch('news', '--bootstrap', daemon(0).address)
    await watcher.until('a line')
    await put('for visitors', 2)
    await watcher.until('for visitors')
    expect(await watcher.interrupt()).toBe(130)
  })

  it('is a stream of the API, which the typed client reads', async () => {
    const client = connectKadmium(parseApiAddress(daemon(1).api))
    const ending = new AbortController()
    const told: unknown[] = []
    await kad(['put', 'api', '1', '--api', daemon(4).api])
    for await (const { event } of client.watch({ key: 'api' }, { signal: ending.signal })) {
      if (event.case !== 'value') throw new Error(`told of ${event.case}`)
      told.push([Buffer.from(event.value.value).toString(), event.value.initial])
      if (told.length === 3) break
      await kad(['put', 'api', String(told.length + 1), '--api', daemon(4).api])
    }
    ending.abort()
    expect(told).toEqual([
      ['1', true],
      ['2', false],
      ['3', false],
    ])
  })

  it('says what is wrong: an unknown kind, the time over, no daemon', async () => {
    const unknown = await kad(['watch', '/nothing/x', '--api', daemon(0).api])
    expect(unknown).toMatchObject({ code: 2 })
    expect(unknown.stderr).toContain('keys look like /kv/<name>')
    const late = await kad(['watch', 'silence', '--timeout', '1s', '--api', daemon(0).api])
    expect(late.code).toBe(1)
    expect(late.stderr).toContain('the 1000 ms given for the watch are over')
    const nobody = await kad(['watch', 'x', '--api', await daemons.path('nothing.sock')])
    expect(nobody.code).toBe(4)
  })

  it('goes on when holders are killed one after another', async () => {
    const watcher = watch('news', '--api', daemon(5).api)
    await watcher.until('for visitors')
    for (const victim of [1, 2, 3]) {
      await daemon(victim).end('SIGKILL')
      await put(`without ${victim}`, 0)
      await watcher.until(`without ${victim}`)
    }
    expect(watcher.values).toEqual(['for visitors', 'without 1', 'without 2', 'without 3'])
    expect(await watcher.interrupt()).toBe(130)
  }, 60_000)
})
