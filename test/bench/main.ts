/**
 * `npm run bench`: measures, prints figures, fails nothing. Each part is a program of its own, so that none warms up or
 * fills the heap of another.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const PARTS = [
  'routing-table.bench.ts',
  'rpc.bench.ts',
  'values.bench.ts',
  'round-trips.bench.ts',
  'cli.bench.ts',
  'start.bench.ts',
  'replication.bench.ts',
]

const wanted = process.argv.slice(2)

for (const part of PARTS) {
  if (wanted.length > 0 && !wanted.some((name) => part.startsWith(name))) continue
  process.stdout.write(`\n== ${part.replace('.bench.ts', '')} ==\n`)
  const path = join(import.meta.dirname, part)
  const { status } = spawnSync(process.execPath, ['--expose-gc', path], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
