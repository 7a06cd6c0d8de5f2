import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Watch } from '../../simulations/watch/watch.ts'
import { Output } from '../../src/cli/output.ts'
import { openWatch, pageOpened, pagesLeft } from '../../src/cli/simulation-page.ts'
import { ask, FILES, lookOn } from '../simulations/watch/pages.ts'
import { kad } from '../support/kad.ts'

const KAD = resolve(import.meta.dirname, '../../dist/bin/kad.js')
const SMALL = ['churn', '--peers', '40', '--hours', '0.2', '--values', '5']
const LONG = ['churn', '--peers', '300', '--hours', '1000']

const running: ChildProcess[] = []

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

describe('kad simulate --watch', () => {
  it('serves the page, shows the end until Ctrl-C, and exits with the result', async () => {
    const { child, url, said } = await start(SMALL)
    const page = await ask(url, '/')
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
    expect(Buffer.concat(await page.toArray()).toString()).toContain('Simulation – Kadmium')
    const told = await lookOn(url, ({ last }) => {
      if (last?.outcome !== undefined) child.kill('SIGINT')
    })
    expect(told.last?.outcome?.checks.length).toBeGreaterThan(0)
    expect(await exitOf(child)).toBe(0)
    expect(said()).toContain('the page stays until Ctrl-C')
    await expect(ask(url, '/')).rejects.toThrow('ECONNREFUSED')
  })

  it('ends at Ctrl-C before anybody looks on', async () => {
    const { child } = await start(LONG)
    child.kill('SIGINT')
    expect(await exitOf(child)).toBe(130)
  })

  it('ends at Ctrl-C while it runs, and tells the page', async () => {
    const { child, url } = await start(LONG)
    let isStopped = false
    const told = await lookOn(url, ({ last }) => {
      if (isStopped || last?.state.phase !== 'churn') return
      isStopped = child.kill('SIGINT') // a second one would end it without a word
    })
    expect(told.last?.outcome?.failure).toBe('it was interrupted')
    expect(await exitOf(child)).toBe(130)
  })

  it('ends at once when nobody looks on any more', async () => {
    const { child, url } = await start(SMALL)
    const page = await ask(url, '/frames', {
      authorization: `Bearer ${new URL(url).hash.replace('#token=', '')}`,
    })
    page.destroy()
    expect(await exitOf(child)).toBe(0)
  })

  it.each([
    [['churn', '--watch', '--sweep', 'k=8,20'], '--sweep'],
    [['--watch', '--replay', 'report.json'], '--replay'],
  ])('does not go with %j', async (args, other) => {
    const { code, stderr } = await kad(['simulate', ...args])
    expect(stderr).toContain(`leave out ${other}`)
    expect(code).toBe(2)
  })

  it('opens no page for what cannot be run', async () => {
    await expect(openWatch('chrun', {})).rejects.toThrow("no scenario 'chrun'")
    await expect(openWatch('churn', { peers: 'many' })).rejects.toThrow('`peers` must be')
    const { stderr, code } = await kad(['simulate', 'join', '--network', 'libp2p', '--watch'])
    expect(stderr).not.toContain('http')
    expect(code).toBe(2)
  })
})

describe('a simulation that is to be watched', () => {
  it('begins by itself when nobody opens the page, and ends when nobody looks on', async () => {
    const watch = await Watch.open({ scenario: 'churn', question: 'whether', files: FILES })
    const { signal } = new AbortController()
    await pageOpened(watch, new Output({ json: false }), signal, 1)
    await pagesLeft(watch, new Output({ json: false }), signal)
    expect(watch.isWatched).toBe(false)
    await watch.close()
  })

  it('waits for nothing after Ctrl-C', async () => {
    const watch = await Watch.open({ scenario: 'churn', question: 'whether', files: FILES })
    const ctrlC = AbortSignal.abort(new Error('Ctrl-C'))
    await expect(pageOpened(watch, new Output({ json: false }), ctrlC)).rejects.toThrow('Ctrl-C')
    await pagesLeft(watch, new Output({ json: false }), ctrlC)
    await watch.close()
  })
})

async function start(args: readonly string[]): Promise<{
  readonly child: ChildProcess
  readonly url: string
  readonly said: () => string
}> {
  const child = spawn(process.execPath, [KAD, 'simulate', ...args, '--watch'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  running.push(child)
  let said = ''
  const address = Promise.withResolvers<string>()
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    const [url] = /http:\S+(?=\s)/.exec(said) ?? []
    if (url !== undefined) address.resolve(url)
  })
  child.once('exit', () => address.reject(new Error(`it ended: ${said}`)))
  return { child, url: await address.promise, said: () => said }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode
}
