import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { dashboardPath, socketPath } from '../api/default-address.ts'
import { KadmiumError } from '../core/errors.ts'
import { type LevelDbOptions, LevelDbStorage } from '../storage/leveldb-storage.ts'

/** Where a daemon keeps what outlives it. */
export interface DataDirectory {
  readonly path: string
  /** Records and contacts. */
  readonly storage: LevelDbStorage
  /** The API's unix socket. */
  readonly socket: string
  readonly privateKey: PrivateKey
  /** Lets another daemon have the directory. */
  release(): Promise<void>
}

/**
 * Opens a data directory, making it if need be, and locks it: one daemon per directory. The lock is that of its database,
 * which the operating system takes back whatever becomes of the process: no kill -9 or power cut leaves one behind. The
 * file `lock` only tells people which process has it.
 *
 * @throws KadmiumError `ERR_BUSY` if another daemon has it; `ERR_INVALID_OPTION` if it cannot be made, or its key is
 * unreadable; `ERR_STORAGE` if the database does not open.
 */
export async function openDataDirectory(
  given: string,
  options: LevelDbOptions = {},
): Promise<DataDirectory> {
  const path = resolve(given)
  await makeDirectory(path)
  const note = join(path, 'lock')
  const storage = await openStorage(path, note, options)
  const release = async (): Promise<void> => {
    await unlink(note).catch(ignoreMissing) // while nobody else can have written it
    await storage.close()
  }
  try {
    await writePrivate(note, `${process.pid}\n`)
    const privateKey = await loadPrivateKey(join(path, 'key'))
    return { path, storage, socket: socketPath(path), privateKey, release }
  } catch (error) {
    await release()
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

async function openStorage(
  directory: string,
  note: string,
  options: LevelDbOptions,
): Promise<LevelDbStorage> {
  try {
    return await LevelDbStorage.open(join(directory, 'store'), options)
  } catch (error) {
    if (!(error instanceof KadmiumError) || error.details.locked !== true) throw error
    const holder = Number((await readIfThere(note))?.toString('utf8'))
    const who = Number.isInteger(holder) && holder > 0 ? ` (process ${holder})` : ''
    throw new KadmiumError(
      'ERR_BUSY',
      `another daemon${who} uses ${directory}; stop it, or choose another directory with --data`,
      { cause: error },
    )
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await makeWithParents(path)
  } catch (cause) {
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `cannot make the data directory ${path}: ${cause instanceof Error ? cause.message : String(cause)}; choose another with --data`,
      { cause },
    )
  }
}

/** Not by mkdir's own `recursive`: below /proc, where nobody makes directories, Node 24 tries for ever. */
async function makeWithParents(path: string): Promise<void> {
  if (await made(path, 'ENOENT')) return
  const parent = dirname(path)
  if (parent !== path) await makeWithParents(parent)
  await made(path)
}

/** Whether the directory is there now; `false` if it cannot be made for the reason that is let pass. */
async function made(path: string, letPass?: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return true
    if (letPass !== undefined && hasCode(error, letPass)) return false
    throw error
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
