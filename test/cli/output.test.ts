import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const KAD = resolve(import.meta.dirname, '../../dist/bin/kad.js')

describe('the output of kad', () => {
  it.runIf(existsSync('/dev/full'))('that has no room is said in one line, and fails', () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [KAD, 'completion', 'bash'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    expect(stderr).toMatch(/^kad: cannot write the output: ENOSPC: .*\n$/)
    expect(status).toBe(1)
  })

  it('that nobody reads on is no failure', () => {
    const command = `"${process.execPath}" "${KAD}" completion bash; echo "exit $?" >&2`
    const { stderr } = spawnSync('sh', ['-c', `(${command}) | true`], { encoding: 'utf8' })
    expect(stderr).toBe('exit 0\n')
  })
})
