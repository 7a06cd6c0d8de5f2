// Makes src/api/gen from the .proto files, and notes what was made from what: `npm run generate`.
//
// protoc-gen-es is a dependency of this project. buf, which reads the .proto files for it, weighs more than all the others
// together and is wanted here only, so npm fetches it for the run: this is the one script that needs the network. A test
// compares the notes with the files (test/api/generated-code.test.ts), and that needs none.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { generatedFingerprints, NOTES } from './fingerprints.ts'

const BUF = '@bufbuild/buf@1.75.0'

const root = resolve(import.meta.dirname, '../../..')
const exec = ['exec', '--yes', `--package=${BUF}`, '--', 'buf', 'generate']
const run = spawnSync('npm', exec, {
  cwd: join(root, 'src/api/generate'),
  env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` },
  stdio: 'inherit',
})
if (run.status !== 0) process.exit(run.status ?? 1)
writeFileSync(join(root, NOTES), `${JSON.stringify(generatedFingerprints(root), undefined, 2)}\n`)
