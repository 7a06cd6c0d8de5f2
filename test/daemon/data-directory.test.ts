import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDataDirectory } from '../../src/daemon/data-directory.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadmium-test-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a data directory', () => {
  it('is made with those above it, and is the same peer’s when it is opened again', async () => {
    const path = join(folder, 'a', 'b')
    const first = await openDataDirectory(path)
    await first.release()
    const second = await openDataDirectory(path)
    await second.release()
    expect(second.privateKey.equals(first.privateKey)).toBe(true)
  })

  it('is for one daemon at a time, and says which one has it', async () => {
    const first = await openDataDirectory(folder)
    await expect(openDataDirectory(folder)).rejects.toMatchObject({
      code: 'ERR_BUSY',
      message: `another daemon (process ${process.pid}) uses ${folder}; stop it, or choose another directory with --data`,
    })
    await first.release()
    await (await openDataDirectory(folder)).release()
  })

  it('is not kept from a daemon by a process that has got the number of one that was killed', async () => {
    await (await openDataDirectory(folder)).release()
    await writeFile(join(folder, 'lock'), `${process.ppid}\n`) // it runs, and is no daemon
    const directory = await openDataDirectory(folder)
    expect(await readFile(join(folder, 'lock'), 'utf8')).toBe(`${process.pid}\n`)
    await directory.release()
  })

  it('that cannot be made is refused with what to do, also where Node’s own mkdir tries for ever', async () => {
    await writeFile(join(folder, 'file'), '')
    const places = [join(folder, 'file', 'data')]
    if (process.platform === 'linux') places.push('/proc/kadmium/data')
    for (const place of places) {
      await expect(openDataDirectory(place)).rejects.toMatchObject({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringMatching(
          /^cannot make the data directory .*; choose another with --data$/,
        ) as string,
      })
    }
  })

  it('whose key is damaged is refused, not overwritten, and let go', async () => {
    await (await openDataDirectory(folder)).release()
    await writeFile(join(folder, 'key'), 'no key')
    await expect(openDataDirectory(folder)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('restore it from a backup') as string,
    })
    expect(await readFile(join(folder, 'key'), 'utf8')).toBe('no key')
    await rm(join(folder, 'key'))
    await (await openDataDirectory(folder)).release()
  })
})
