import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const KAD = resolve(import.meta.dirname, '../../dist/bin/kad.js')

/** A program that prints every module that its process loads, one on a line of stderr. */
const SPY = `import { registerHooks } from 'node:module'
import { writeSync } from 'node:fs'
const say = (url) => writeSync(2, 'loaded ' + url + '\\n')
registerHooks({ load: (url, context, next) => (say(url), next(url, context)) })
process.on('exit', () => process.moduleLoadList.forEach((name) => say('node:' + name.split(' ').at(-1))))`

/** Modules of Node's that take as long to load as all the rest: its client for the web, and what that needs. */
const HEAVY = /^node:(internal\/deps\/undici\/undici|http2|https|tls)$/

describe('a command that asks a daemon', () => {
  it.each([
    [['get', 'greeting', '--api', '/nowhere/kad.sock']],
    [['put', 'greeting', 'hello', '--api', '/nowhere/kad.sock']],
    [['status', '--api', '/nowhere/kad.sock']],
    [['completion', 'bash']],
    [['--help']],
  ])('loads no package at all but what is bundled with it: %j', (argv) => {
    const packages = loadedBy(argv).filter((url) => url.includes('/node_modules/'))
    expect(packages).toEqual([])
    expect(loadedBy(argv).filter((url) => HEAVY.test(url))).toEqual([])
    expect(loadedBy(argv).filter((url) => url.startsWith('file:')).length).toBeLessThan(20)
  })

  it('loads little more to show a configuration', () => {
    const packages = loadedBy(['config', 'show', '--data', '/nowhere'])
      .filter((url) => url.includes('/node_modules/'))
      .map((url) => url.split('/node_modules/').at(-1)?.split('/')[0])
    expect([...new Set(packages)]).toEqual(['leven'])
  })

  it('would be seen to load libp2p, as a daemon does', () => {
    const urls = loadedBy(['daemon', '--data', '/nowhere/data', '--listen', 'nothing'])
    expect(urls.some((url) => url.includes('/node_modules/libp2p/'))).toBe(true)
    expect(urls.filter((url) => HEAVY.test(url))).not.toEqual([])
  })
})

function loadedBy(argv: readonly string[]): string[] {
  const spy = `--import=data:text/javascript,${encodeURIComponent(SPY)}`
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('KADMIUM')),
  )
  const { stderr } = spawnSync(process.execPath, [spy, KAD, ...argv], { encoding: 'utf8', env })
  const urls = stderr.split('\n').flatMap((line) => /^loaded (.*)$/.exec(line)?.[1] ?? [])
  expect(urls.length).toBeGreaterThan(1)
  return urls
}
