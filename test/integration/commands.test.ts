import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/main.ts'
import { contactsOf, Daemons, kad, type Ran, type RunningDaemon, until } from '../support/kad.ts'

// Every command with every option that it takes, on two running daemons: none may be there that no test has run.

/** A command line, and what must come of it. */
interface Row {
  readonly line: string
  /** Default: 0. */
  readonly code?: number
  readonly stdout?: RegExp
  readonly stderr?: RegExp
  readonly stdin?: string
}

const CID = 'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n'

/** In their order: later ones read what earlier ones wrote. `<…>` stands for what only a run can know. */
const ROWS: readonly Row[] = [
  { line: 'put greeting hello --api <one> --timeout 20s --quorum 1', stdout: /held by 2 of 2/ },
  { line: 'get greeting --api <two> --timeout 20s --quorum 1', stdout: /^hello$/ },
  { line: 'get greeting --api <two> --verbose', stdout: /^hello$/, stderr: /^written by 12D3/ },
  {
    line: 'get greeting --api <two> --json',
    stdout: /^{"key":"\/kv\/greeting","value":"aGVsbG8="/,
  },
  { line: 'put page v --mutable --if-sequence 0 --json --api <one>', stdout: /"version":1,/ },
  {
    line: 'put page w --mutable --if-sequence 0 --api <one>',
    code: 5,
    stderr: /version 1 is held/,
  },
  { line: 'put --immutable --file <file> --api <one>', stdout: /^\/sha256\/ed7002b439e9/ },
  { line: 'put piped --ttl 1h --api <one>', stdin: 'in', stdout: /^\/kv\/piped\n/ },
  { line: 'get piped --out <copy> --api <two>', stdout: /^$/ },
  { line: 'put far v --bootstrap <address> --prefix kadmium', stdout: /held by 2 of 2/ },
  { line: 'get far --bootstrap <address> --prefix kadmium', stdout: /^v$/ },
  { line: 'watch greeting --count 1 --timeout 20s --api <two>', stdout: /^hello\n$/ },
  { line: 'watch greeting --count 1 --verbose --api <two>', stderr: /^written by/ },
  { line: 'watch greeting --count 1 --json --api <two>', stdout: /^{"type":"value",/ },
  {
    line: 'watch greeting --count 1 --bootstrap <address> --prefix kadmium',
    stdout: /^hello\n$/,
  },
  {
    line: 'lookup greeting --trace --timeout 20s --api <one>',
    stdout: /←[\s\S]*\n1 hop, 1 request/,
  },
  {
    line: 'lookup greeting --trace --json --api <one>',
    stdout: /^{"type":"sent"[^\n]*}\n{"type":/,
  },
  { line: 'lookup greeting --bootstrap <address> --prefix kadmium', stdout: /^target d6ec1750/ },
  { line: 'find <id> --timeout 20s --api <two>', stdout: /\n {2}\/ip4\/127\.0\.0\.1\/tcp\// },
  { line: 'find <id> --json --api <two>', stdout: /^{"id":"12D3Koo\w+","addresses":\["\/ip4/ },
  { line: 'find <id> --bootstrap <address> --prefix kadmium', stdout: /^12D3Koo/ },
  { line: `provide ${CID} --timeout 20s --api <one>`, stdout: /2 of 2 peers know of it/ },
  { line: `provide ${CID} --json --api <one>`, stdout: /^{"cid":"Qmdf/ },
  { line: `providers ${CID} --timeout 20s --count 1 --api <two>`, stdout: /^12D3Koo/ },
  { line: `providers ${CID} --json --api <two>`, stdout: /^{"id":"12D3Koo/ },
  { line: `providers ${CID} --bootstrap <address> --prefix kadmium`, stdout: /^12D3Koo/ },
  {
    line: 'delete greeting --quorum 1 --timeout 20s --api <one>',
    stdout: /^deleted \/kv\/greeting/,
  },
  { line: 'delete greeting --json --api <one>', stdout: /"key":"\/kv\/greeting"/ },
  { line: 'delete far --bootstrap <address> --prefix kadmium', stdout: /^deleted \/kv\/far/ },
  { line: 'get greeting --api <two>', code: 3, stderr: /it was deleted/ },
  { line: 'status --timeout 20s --api <one>', stdout: /^health +well\n/ },
  { line: 'status --json --api <one>', stdout: /"healthy":true,"problems":\[\]/ },
  { line: 'peers --timeout 20s --api <one>', stdout: /^peer +bits/ },
  { line: 'peers --json --api <one>', stdout: /^\[{"id":"12D3Koo/ },
  { line: 'table --timeout 20s --api <one>', stdout: /█·+ +1\/20/ },
  { line: 'table --json --api <one>', stdout: /^{"key":"[0-9a-f]{40}","k":20,"buckets":\[{/ },
  { line: 'dashboard --data <data>', stdout: /^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}\n$/ },
  { line: 'dashboard --api <one> --json', stdout: /^{"url":"http:/ },
  { line: 'dashboard --api <two>', code: 4, stderr: /kad daemon --api 127\.0\.0\.1:4780/ },
  {
    line: 'config show --data <data> --config <config> --listen /ip4/127.0.0.1/tcp/1 --bootstrap <address> --api 127.0.0.1:9 --mode auto --prefix lab --k 8 --alpha 2 --sync-writes --log-level warn --json',
    stdout: /"alpha":{"value":2,"source":"flag","place":"--alpha"}/,
  },
  { line: 'completion bash', stdout: /complete .*kad/ },
  { line: 'completion zsh', stdout: /^#compdef kad/ },
  { line: 'completion fish', stdout: /complete -c kad/ },
  { line: 'help put', stdout: /^Usage: kad put/ },
  { line: '--version', stdout: /^\d+\.\d+\.\d+\n$/ },
  {
    line: 'simulate churn --seed 7 --peers 20 --hours 0.05 --network wire --start cold --k 8 --alpha 2 --widen 0 --beta 0 --contacts 8 --timeouts fixed --latency constant:20 --loss 0 --duplication 0 --slow 0 --dead 0 --churn exponential --session 60m --rejoin on --values 5 --keys zipf --lookups 5 --gets 1 --share 0.1 --refresh 60 --replication on --runs 1 --setup R1 --out <report>',
    stdout: /✓ every value that must survive can be read[\s\S]*seed 7, digest/,
    stderr: /^wrote .*report\.json/,
  },
  { line: 'simulate --replay <report>/report.json', stderr: /the same, event by event/ },
  { line: 'simulate lookup --peers 20 --lookups 5 --json', stdout: /^{"/ },
  {
    line: 'simulate lookup --peers 20 --lookups 5 --sweep k=8 --seeds 1',
    stdout: /hops[\s\S]*one seed/,
  },
]

/** Run by tests of their own, for they do not end by themselves. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  demo: ['--keep', '--json'],
  simulate: ['--watch'],
}

const daemons = new Daemons()
const program = createProgram(() => {})
let one: RunningDaemon
let two: RunningDaemon
let places: Readonly<Record<string, string>>

beforeAll(async () => {
  const config = await daemons.path('config.json')
  await writeFile(config, JSON.stringify({ alpha: 2 }))
  one = await daemons.start('one', { args: ['--api', '127.0.0.1:0'] })
  two = await daemons.start('two', {
    bootstrap: [one.address],
    args: `--mode server --prefix kadmium --k 20 --alpha 3 --sync-writes --log-level warn --config ${config}`.split(
      ' ',
    ),
  })
  for (const daemon of [one, two]) {
    await until('they know one another', async () => (await contactsOf(daemon)) === 1)
  }
  const [file, copy, report] = await Promise.all(['file', 'copy', 'report'].map(pathOf))
  await writeFile(file ?? '', 'content')
  const { address, id, data } = one
  const own = { config, file: file ?? '', copy: copy ?? '', report: report ?? '' }
  places = { ...own, one: one.api, two: two.api, address, id, data }
}, 60_000)

afterAll(() => daemons.close())

describe('kad', () => {
  it.each(ROWS)('$line', async ({ line, code = 0, stdout = /^/, stderr = /^/, stdin }) => {
    const words = line.split(' ').map((word) => word.replace(/<(\w+)>/, placeOf))
    const ran = await kad(words, Buffer.from(stdin ?? ''))
    const said = { code: ran.code, stdout: ran.stdout.toString(), stderr: ran.stderr }
    expect(said).toMatchObject({
      code,
      stdout: expect.stringMatching(stdout) as string,
      stderr: expect.stringMatching(stderr) as string,
    })
  })

  it('has written what it was told to write into files', async () => {
    expect(await readFile(places.copy ?? '', 'utf8')).toBe('in')
    expect(await readFile(join(places.report ?? '', 'report.html'), 'utf8')).toContain('<svg')
  })

  it('has no command and no option that is not run here, or said to be run elsewhere', () => {
    const missing = program.commands.flatMap((command) => below(command)).flatMap(notRun)
    expect(missing).toEqual([])
  })

  it('refuses the API for other machines without a token, on the spot', async () => {
    const data = await daemons.path('open')
    const words = `daemon --data ${data} --listen /ip4/127.0.0.1/tcp/0 --api 0.0.0.0:0 --no-token`
    const ran: Ran = await kad(words.split(' '))
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('--no-token is for loopback addresses')
  })

  it('serves the API on loopback without a token where it is told to', async () => {
    const open = await daemons.start('loopback', { args: ['--api', '127.0.0.1:0', '--no-token'] })
    expect((await kad(['status', '--api', open.apis[1] ?? ''])).stdout.toString()).toContain(
      open.id,
    )
    expect(await open.end('SIGINT')).toBe(0)
  })

  it('says that a token is wrong, and that one is missing', async () => {
    const api = one.apis[1] ?? ''
    const missing = await kad(['status', '--api', api])
    expect(missing.stderr).toContain('wants its token: set KADMIUM_TOKEN')
    expect(missing.code).toBe(2)
    const wrong = await kad(['status', '--api', api], undefined, { KADMIUM_TOKEN: 'wrong' })
    expect(wrong.stderr).toContain('does not take this token: set KADMIUM_TOKEN')
    const token = (await readFile(join(one.data, 'token'), 'utf8')).trim()
    expect((await kad(['status', '--api', api], undefined, { KADMIUM_TOKEN: token })).code).toBe(0)
    const metrics = await fetch(`http://${api}/metrics`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(await metrics.text()).toMatch(/\nkadmium_api_unauthenticated\w* 2\n/)
  })
})

function pathOf(name: string): Promise<string> {
  return daemons.path(name)
}

function placeOf(_all: string, name: string): string {
  const place = places[name]
  if (place === undefined) throw new Error(`nothing is known of <${name}>`)
  return place
}

function below(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap((one) => below(one))
}

function pathTo(command: Command): string {
  const { parent } = command
  return parent === null || parent === program
    ? command.name()
    : `${pathTo(parent)} ${command.name()}`
}

/** What of a command no row runs. */
function notRun(command: Command): string[] {
  const path = pathTo(command)
  const lines = ROWS.map(({ line }) => line).filter((line) => `${line} `.startsWith(`${path} `))
  const elsewhere = path === 'daemon' ? DAEMON_OPTIONS : (ELSEWHERE[path] ?? [])
  if (lines.length === 0 && elsewhere.length === 0) return [path]
  return command.options
    .map(({ long }) => long ?? '')
    .filter((option) => !elsewhere.includes(option))
    .filter((option) => !lines.some((line) => line.split(' ').includes(option)))
    .map((option) => `${path} ${option}`)
}

/** What the daemons of this test were started with. */
const DAEMON_OPTIONS =
  '--json --data --listen --bootstrap --api --mode --prefix --k --alpha --sync-writes --log-level --config --no-token'.split(
    ' ',
  )
