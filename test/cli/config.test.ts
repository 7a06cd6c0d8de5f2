import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Daemons, kad, type Ran } from '../support/kad.ts'

const daemons = new Daemons()
afterEach(() => daemons.close())

describe('kad config show', () => {
  it('says each setting and where it comes from', async () => {
    const data = await daemons.path('data')
    const file = await daemons.path('mine.json')
    await writeFile(file, '{"k": 8, "syncWrites": true}')
    const options = ['--data', data, '--config', file, '--alpha', '5', '--listen', '/ip4/::1/tcp/1']
    const ran = await withVariable('KADMIUM_PREFIX', 'mine', () =>
      kad(['config', 'show', '--json', ...options]),
    )
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(ran.stdout.toString())).toEqual({
      file: { path: file, exists: true },
      settings: {
        data: { value: data, source: 'flag', place: '--data' },
        listen: { value: ['/ip4/::1/tcp/1'], source: 'flag', place: '--listen' },
        bootstrap: { value: [], source: 'default', place: 'default' },
        api: { value: '', source: 'default', place: 'default' },
        mode: { value: 'server', source: 'default', place: 'default' },
        prefix: { value: 'mine', source: 'environment', place: 'KADMIUM_PREFIX' },
        k: { value: 8, source: 'file', place: file },
        alpha: { value: 5, source: 'flag', place: '--alpha' },
        syncWrites: { value: true, source: 'file', place: file },
        logLevel: { value: 'info', source: 'default', place: 'default' },
      },
    })
  })

  it('shows them to a person as a table', async () => {
    const data = await daemons.path('data')
    const ran = await withVariable('KADMIUM_HOME', data, () =>
      withVariable('KADMIUM_K', '8', () => kad(['config', 'show', '--mode', 'client'])),
    )
    const text = ran.stdout.toString()
    expect(text).toMatch(/^setting +value +from\n/)
    expect(text).toMatch(/\nk +8 +environment KADMIUM_K\n/)
    expect(text).toMatch(/\nmode +client +flag --mode\n/)
    expect(text).toMatch(/\nbootstrap +\(none\) +default\n/)
    expect(text).toContain(`environment KADMIUM_HOME`)
    expect(text).toContain(`file: ${join(data, 'config.json')} (there is none)`)
  })

  it('fails as a daemon would, before that makes anything', async () => {
    const data = await daemons.path('data')
    const given = ['--data', data, '--listen', '/ip4/127.0.0.1/tcp/0']
    const ran = await withVariable('KADMIUM_BOOTSTRP', 'x', async () => [
      await kad(['config', 'show', ...given]),
      await kad(['daemon', ...given]),
    ])
    for (const { code, stderr } of ran) {
      expect(code).toBe(2)
      expect(stderr).toBe(
        "kad: the environment has an unknown variable 'KADMIUM_BOOTSTRP'; did you mean 'KADMIUM_BOOTSTRAP'?\n",
      )
    }
    await expect(access(data)).rejects.toThrow('ENOENT')
  })

  it('shows what is to be shown, alone', async () => {
    const ran = await kad(['config'])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('Usage: kad config')
  })
})

/** Runs `kad` with a variable that the tests' own environment is cleaned of. */
async function withVariable<Result extends Ran | Ran[]>(
  name: string,
  value: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const before = process.env.NODE_OPTIONS
  const set = `process.env[${JSON.stringify(name)}]=${JSON.stringify(value)}`
  process.env.NODE_OPTIONS = `${before ?? ''} --import=data:text/javascript,${encodeURIComponent(set)}`
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
  }
}
