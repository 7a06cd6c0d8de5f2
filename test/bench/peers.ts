/**
 * `npm run bench:peers`: Kadmium beside @libp2p/kad-dht, hyperdht and bittorrent-dht. They run in turn, each in a process
 * of its own with all its peers on loopback. Tables go to stdout, progress to stderr, figures as JSON to `--out <file>`.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Order, Report } from './race/child.ts'
import { CONTENDERS, type ContenderName, PACKAGES } from './race/contenders.ts'
import { VALUE_BYTES } from './race/course.ts'
import {
  type CourseRun,
  type IdleRun,
  memoryTable,
  NOTES,
  type RaceFigures,
  speedTables,
} from './race/report.ts'

const HELP = `npm run bench:peers -- [options]

  --peers 32,100        how many peers
  --concurrency 1,16    how many operations at a time
  --only kadmium,…      of ${CONTENDERS.join(', ')}
  --seconds 1.5         time for each measurement; a slow contender takes twice that
  --seed 1              of values and peers
  --no-idle             leaves out the memory of idle peers with 30 connections
  --runtime <path>      the program that runs each contender; default: this Node
  --out <file>          writes all figures as JSON
`

/** So many that each has 30 connections when all are connected with all. */
const IDLE_PEERS = 31

/** Only these have connections. */
const IDLE_CONTENDERS: readonly ContenderName[] = ['kadmium', 'kad-dht']

const { values: options } = parseArgs({
  options: {
    peers: { type: 'string', default: '32,100' },
    concurrency: { type: 'string', default: '1,16' },
    only: { type: 'string', default: CONTENDERS.join(',') },
    seconds: { type: 'string', default: '1.5' },
    seed: { type: 'string', default: '1' },
    'no-idle': { type: 'boolean', default: false },
    runtime: { type: 'string', default: process.execPath },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) process.stdout.write(HELP)
else await race()

async function race(): Promise<void> {
  const contenders = CONTENDERS.filter((name) => options.only.split(',').includes(name))
  if (contenders.length === 0) throw new Error(`--only takes names of ${CONTENDERS.join(', ')}`)
  const seconds = positive('--seconds', options.seconds)
  const courses: CourseRun[] = []
  for (const peers of numbers('--peers', options.peers)) {
    for (const contender of contenders) {
      const concurrencies = numbers('--concurrency', options.concurrency)
      const seed = positive('--seed', options.seed)
      const course = { peers, concurrencies, seconds, seed }
      const report = await run({ type: 'course', contender, course }, `${peers} peers`)
      if (report.type === 'course') {
        courses.push({ contender, peers, achievement: report.achievement })
      }
    }
  }
  const idle: IdleRun[] = []
  for (const contender of options['no-idle'] ? [] : contenders) {
    if (!IDLE_CONTENDERS.includes(contender)) continue
    const report = await run({ type: 'idle', contender, peers: IDLE_PEERS }, 'idle peers')
    if (report.type === 'idle') {
      idle.push({ contender, peers: IDLE_PEERS, achievement: report.achievement })
    }
  }
  process.stdout.write(`${speedTables(courses)}\n\n${memoryTable(courses, idle)}\n\n${NOTES}\n`)
  if (options.out === undefined) return
  const figures: RaceFigures = {
    command: `npm run bench:peers -- --seconds ${options.seconds} --peers ${options.peers} --concurrency ${options.concurrency}`,
    ranAt: new Date().toISOString(),
    machine: {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      runtime: `Node ${process.version}`,
    },
    versions: await versionsOf(contenders),
    valueBytes: VALUE_BYTES,
    secondsPerMeasurement: seconds,
    courses,
    idle,
  }
  writeFileSync(options.out, `${JSON.stringify(figures, undefined, 2)}\n`)
}

/** Runs one contender in a process of its own and returns the last that it says. */
async function run(order: Order, title: string): Promise<Report> {
  const name = PACKAGES[order.contender]
  process.stderr.write(`${name}, ${title}\n`)
  const child = fork(join(import.meta.dirname, 'race/child.ts'), {
    execPath: options.runtime,
    execArgv: ['--expose-gc'],
    // A contender's own words are no part of the tables.
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  let last: Report | undefined
  child.on('message', (message) => {
    const report = message as Report // it is this project's own process
    if (report.type === 'progress') process.stderr.write(`  ${report.text}\n`)
    else last = report
  })
  child.send(order)
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0 || last === undefined) throw new Error(`${name} failed`)
  return last
}

async function versionsOf(contenders: readonly ContenderName[]): Promise<Record<string, string>> {
  const root = resolve(import.meta.dirname, '../..')
  const versions: Record<string, string> = {}
  for (const contender of contenders) {
    const folder = contender === 'kadmium' ? '.' : join('node_modules', PACKAGES[contender])
    const text = await readFile(join(root, folder, 'package.json'), 'utf8')
    versions[PACKAGES[contender]] = (JSON.parse(text) as { version: string }).version
  }
  return versions
}

function numbers(option: string, text: string): number[] {
  return text.split(',').map((each) => positive(option, each))
}

function positive(option: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${option} takes numbers above 0, got ${text}`)
  return value
}
