// Makes the reference of the public API in docs/, as HTML: `npm run docs`.
//
// TypeDoc reads programs through TypeScript's own library, which TypeScript 7 does not have any more; its releases take
// TypeScript 6 at most. So neither is a dependency of this project: npm fetches both for the run, which needs the network.
// A type that a public one names and that cannot be imported is an error.

import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const PACKAGES = ['typedoc@0.28.20', 'typescript@6.0.3']

const packages = PACKAGES.map((name) => `--package=${name}`)
const exec = ['exec', '--yes', ...packages, '--', 'typedoc', '--options', 'bin/typedoc.json']
const run = spawnSync('npm', exec, {
  cwd: resolve(import.meta.dirname, '..'),
  stdio: 'inherit',
})
process.exit(run.status ?? 1)
