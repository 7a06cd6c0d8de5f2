import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InstalledPackage } from './installed.ts'

const THEIRS = '@libp2p/kad-dht'
const OURS = 'kadmium/kad-dht'
const PROGRAMS = ['peer-routing', 'content-routing', 'values'] as const

let installed: InstalledPackage
beforeAll(async () => {
  installed = await InstalledPackage.create()
  await installed.link(THEIRS)
}, 60_000)
afterAll(() => installed.remove())

/** Writes a program into the project as it is, and with only the import changed; the two files. */
async function bothOf(name: string): Promise<readonly [theirs: string, ours: string]> {
  const path = resolve(import.meta.dirname, 'their-programs', `${name}.ts`)
  const program = await readFile(path, 'utf8')
  const changed = program.replace(`from '${THEIRS}'`, `from '${OURS}'`)
  expect(changed).not.toContain(THEIRS)
  return Promise.all([
    installed.write(`${name}.theirs.ts`, program),
    installed.write(`${name}.ours.ts`, changed),
  ])
}

describe('programs written for @libp2p/kad-dht, on the package as npm packs it', () => {
  it('compile with only the import changed', async () => {
    const files = (await Promise.all(PROGRAMS.map(bothOf))).flat()
    expect(await installed.typeCheck(files)).toBe('')
  }, 60_000)

  it.each(PROGRAMS)(
    '%s.ts runs alike with only the import changed',
    async (name) => {
      const [theirs, ours] = await Promise.all(
        (await bothOf(name)).map((file) => installed.node(file)),
      )
      expect(ours).toBe(theirs)
      expect(ours).not.toBe('')
    },
    60_000,
  )
})
