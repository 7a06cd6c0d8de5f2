import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { dashboardPath, socketPath } from '../api/default-address.ts'
import { KadmiumError } from '../core/errors.ts'

/** Where a daemon keeps what outlives it. */
export interface DataDirectory {
  readonly path: string
  /** The LevelDB folder. */
  readonly store: string
  /** The API's unix socket. */
  readonly socket: string
  readonly privateKey: PrivateKey
  /** Lets another daemon have the directory. */
  release(): Promise<void>
}

/**
 * Opens a data directory, making it if need be, and locks it: one daemon per directory. A lock whose process is gone, after
 * a kill -9 or a power cut, is taken over.
 *
 * @throws KadmiumError `ERR_BUSY` if another daemon has it; `ERR_INVALID_OPTION` if its key is unreadable.
 */
export async function openDataDirectory(given: string): Promise<DataDirectory> {
  const path = resolve(given)
  await mkdir(path, { recursive: true, mode: 0o700 })
  const lock = join(path, 'lock')
  await takeLock(lock, path)
  try {
    const privateKey = await loadPrivateKey(join(path, 'key'))
    return {
      path,
      store: join(path, 'store'),
      socket: socketPath(path),
      privateKey,
      release: () => unlink(lock),
    }
  } catch (error) {
    await unlink(lock)
    throw error
  }
}

/** The token of the API over TCP in this directory, made when first asked for; mode 0600. */
export async function loadToken(dataDirectory: string): Promise<string> {
  const path = join(dataDirectory, 'token')
  const known = await readIfThere(path)
  if (known !== undefined) return known.toString('utf8').trim()
  const token = randomBytes(32).toString('base64url')
  await writePrivate(path, `${token}\n`)
  return token
}

/** Writes down where the dashboard is served, token and all, for `kad dashboard`. Returns what removes it again. */
export async function noteDashboard(
  dataDirectory: string,
  url: string,
): Promise<() => Promise<void>> {
  const path = dashboardPath(dataDirectory)
  await writePrivate(path, `${url}\n`)
  return () => unlink(path).catch(ignoreMissing)
}

async function loadPrivateKey(path: string): Promise<PrivateKey> {
  const known = await readIfThere(path)
  if (known === undefined) {
    const privateKey = await generateKeyPair('Ed25519')
    await writePrivate(path, privateKeyToProtobuf(privateKey))
    return privateKey
  }
  try {
    return privateKeyFromProtobuf(known)
  } catch (cause) {
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `${path} holds no libp2p private key; restore it from a backup, or remove it to become a new peer`,
      { cause },
    )
  }
}

/** Written whole or not at all, readable by its owner only. */
async function writePrivate(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`
  await writeFile(temporary, content, { mode: 0o600, flush: true })
  await chmod(temporary, 0o600)
  await rename(temporary, path)
}

async function takeLock(lock: string, directory: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(lock, 'wx', 0o600)
      await file.writeFile(`${process.pid}\n`)
      await file.close()
      return
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
    const holder = Number((await readIfThere(lock))?.toString('utf8'))
    if (holder !== process.pid && isRunning(holder)) {
      throw new KadmiumError(
        'ERR_BUSY',
        `another daemon (process ${holder}) uses ${directory}; stop it, or choose another directory with --data`,
      )
    }
    await unlink(lock).catch(ignoreMissing)
  }
  throw new KadmiumError('ERR_BUSY', `cannot take ${lock}: other daemons are starting`)
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM') // it runs, and is somebody else's
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    ignoreMissing(error)
    return undefined
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) throw error
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
