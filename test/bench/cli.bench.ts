/** `kad get` against a running daemon, from the shell, beside an empty `node -e 0`: medians of 20. */

import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { Daemons, kad } from '../support/kad.ts'

const RUNS = 20
const KAD = resolve(import.meta.dirname, '../../dist/bin/kad.js')

const daemons = new Daemons()
try {
  const daemon = await daemons.start('bench')
  await kad(['put', 'greeting', 'hello', '--api', daemon.api])
  const get = median(() => run([KAD, 'get', 'greeting', '--api', daemon.api]))
  const empty = median(() => run(['-e', '0']))
  process.stdout.write(
    `kad get ${get.toFixed(0)} ms, node -e 0 ${empty.toFixed(0)} ms, difference ${(get - empty).toFixed(0)} ms\n`,
  )
} finally {
  await daemons.close()
}

function run(args: readonly string[]): number {
  const startedAt = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args)
  if (status !== 0) throw new Error(stderr.toString())
  return performance.now() - startedAt
}

function median(measure: () => number): number {
  const values = Array.from({ length: RUNS }, measure).sort((a, b) => a - b)
  return values[RUNS / 2] ?? 0
}
