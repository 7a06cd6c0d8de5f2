import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LevelDbStorage } from '../../src/storage/leveldb-storage.ts'
import { MemoryStorage } from '../../src/storage/memory-storage.ts'
import { runStorageContract, writeBatch } from '../contract/storage-contract.ts'
import { utf8 } from '../support/wire.ts'

runStorageContract({
  name: 'memory',
  create: async () => ({ storage: new MemoryStorage(), close: () => Promise.resolve() }),
})

for (const syncWrites of [false, true]) {
  runStorageContract({
    name: `LevelDB with syncWrites ${syncWrites}`,
    create: async () => {
      const directory = await makeDirectory()
      const storage = await LevelDbStorage.open(directory, { syncWrites })
      return {
        storage,
        close: async () => {
          await storage.close()
          await rm(directory, { recursive: true })
        },
      }
    },
  })
}

describe('LevelDB', () => {
  let directory: string
  beforeEach(async () => {
    directory = await makeDirectory()
  })
  afterEach(() => rm(directory, { recursive: true }))

  const entry = { key: utf8('r/a'), value: utf8('1') }

  it('holds what was written when it is opened again, also what was under way at close', async () => {
    const first = await LevelDbStorage.open(directory)
    const written = writeBatch(first, [entry])
    await first.close()
    await written
    const second = await LevelDbStorage.open(directory)
    expect(await second.load(utf8('r/'))).toHaveLength(1)
    await second.close()
  })

  it('loses nothing that it reported when its process is killed', async () => {
    const script = `
      import { LevelDbStorage } from ${JSON.stringify(import.meta.resolve('../../src/storage/leveldb-storage.ts'))}
      const storage = await LevelDbStorage.open(process.argv[1])
      for (let i = 0; i < 50; i++) {
        storage.write([{ key: Uint8Array.of(1, i), value: Uint8Array.of(i) }], () => {
          if (i === 49) console.log('written')
        })
      }
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const storage = await LevelDbStorage.open(directory)
    expect(await storage.load(Uint8Array.of(1))).toHaveLength(50)
    await storage.close()
  })

  it('says so when the directory is in use', async () => {
    const storage = await LevelDbStorage.open(directory)
    await expect(LevelDbStorage.open(directory)).rejects.toMatchObject({
      code: 'ERR_STORAGE',
      message: `'${directory}' is in use by another process; stop it, or take another directory`,
    })
    await storage.close()
  })

  it('says so when the directory cannot be made', async () => {
    await expect(LevelDbStorage.open('/dev/null/kadmium')).rejects.toMatchObject({
      code: 'ERR_STORAGE',
    })
  })

  it('fails writes after close, and closes twice without harm', async () => {
    const storage = await LevelDbStorage.open(directory)
    await Promise.all([storage.close(), storage.close()])
    await expect(writeBatch(storage, [entry])).rejects.toMatchObject({ code: 'ERR_STORAGE' })
  })
})

function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'kadmium-storage-'))
}
