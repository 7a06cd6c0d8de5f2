import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { InstalledPackage } from './installed.ts'

let installed: InstalledPackage

beforeAll(async () => {
  installed = await InstalledPackage.create()
}, 60_000)

afterAll(() => installed.remove())

describe('the package as npm packs it', () => {
  it('holds the library, the command, the page, the licences, and nothing of the workshop', () => {
    const paths = installed.packed.files.map(({ path }) => path)
    expect(paths).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'LICENSE-APACHE',
        'LICENSE-MIT',
        'dist/src/index.js',
        'dist/src/index.d.ts',
        'dist/bin/kad.js',
        'dist/cli/main.js',
        'dist/dashboard/index.html',
        'dist/dashboard/simulation.html',
        'src/api/proto/kadmium/v1/kadmium.proto',
      ]),
    )
    const strangers = /^(test|scripts|node_modules)\/|\.tsbuildinfo$|\.env|\.sock$/
    expect(paths.filter((path) => strangers.test(path))).toEqual([])
  })

  it('has a file for each of its entries, and declarations beside it', async () => {
    const home = join(installed.folder, 'node_modules/kadmium')
    const manifest = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>
    }
    const named = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    )
    expect(named.length).toBeGreaterThan(10)
    const paths = new Set(installed.packed.files.map(({ path }) => `./${path}`))
    expect(named.filter((path) => !paths.has(path))).toEqual([])
  })

  it('works from JavaScript, by every entry, with no package that its manifest does not name', async () => {
    const output = await installed.node(await installed.add('test/package/program.js'))
    expect(JSON.parse(output)).toEqual({
      value: 'hello',
      missing: 'ERR_NOT_FOUND',
      mode: 'server',
      nobody: 'ConnectError',
      version: manifest.version,
    })
  })

  it('has types that hold in TypeScript, its own declarations and the examples checked with them', async () => {
    const files = await Promise.all(
      ['test/package/program.ts', ...EXAMPLES].map((path) => installed.add(path)),
    )
    expect(await installed.typeCheck(files)).toBe('')
  }, 60_000)
})

describe('the programs in the README', () => {
  it('are right in TypeScript, each by itself', async () => {
    const readme = await readFile(resolve(import.meta.dirname, '../../README.md'), 'utf8')
    const programs = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text = '']) => text)
    expect(programs.length).toBeGreaterThan(0)
    const files = programs.map((text, i) => installed.write(`readme-${i}.ts`, text))
    expect(await installed.typeCheck(await Promise.all(files))).toBe('')
  }, 60_000)
})

const EXAMPLES = ['embed', 'client', 'validator'].map((name) => `test/examples/${name}.ts`)

describe('the examples of the README, on the installed package', () => {
  it('embed.ts puts on one peer and gets on another', async () => {
    expect(await installed.node(await installed.add('test/examples/embed.ts'))).toBe(
      'held by 2 of 2 peers\nhello, written by bob\n',
    )
  })

  it('client.ts puts, gets and watches through a daemon', async () => {
    const program = await installed.add('test/examples/client.ts')
    const output = await installed.withDaemon((socket) => installed.node(program, socket))
    expect(output).toBe('nobody has told the weather yet\nthe weather: sun\nthe weather: rain\n')
  })

  it('validator.ts keeps the best score, and refuses what is none', async () => {
    expect(await installed.node(await installed.add('test/examples/validator.ts'))).toBe(
      '5000: ERR_STALE_WRITE\na lot: ERR_INVALID_RECORD\nbest: 7000\n',
    )
  })
})
