import { ClassicLevel } from 'classic-level'
import { KadmiumError } from '../core/errors.ts'
import type { Storage, StorageEntry, StoragePage, StorageWrite } from '../core/ports.ts'

/** Options of a LevelDB storage. */
export interface LevelDbOptions {
  /**
   * Whether a write is durable only when the disk confirms it. Without, it is durable when the operating system has it: a
   * killed process loses nothing that was reported, a power cut may lose the last moments. Default: false, because a value
   * stands on k peers, which do not lose power together.
   */
  readonly syncWrites?: boolean | undefined
}

/** Batches that came while another was being written go together up to this size. Bytes. */
const GROUP_BYTES_MAX = 4 << 20

/** A batch that waits to be written. */
interface Waiting {
  readonly batch: readonly StorageWrite[]
  readonly done: (error: Error | undefined) => void
}

/** The storage of a daemon: one LevelDB database in a directory of its own, which one process at a time may open. */
export class LevelDbStorage implements Storage {
  readonly #db: ClassicLevel<Uint8Array, Uint8Array>
  readonly #sync: boolean
  #waiting: Waiting[] = []
  #isWriting = false
  #closing: Promise<void> | undefined
  #drained: (() => void) | undefined

  private constructor(db: ClassicLevel<Uint8Array, Uint8Array>, sync: boolean) {
    this.#db = db
    this.#sync = sync
  }

  /**
   * Opens the database in `directory`, which is made if it does not exist.
   *
   * @throws KadmiumError `ERR_STORAGE` if another process has it open, or it cannot be read.
   */
  static async open(directory: string, options: LevelDbOptions = {}): Promise<LevelDbStorage> {
    const db = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
    })
    try {
      await db.open()
    } catch (error) {
      throw openError(directory, error)
    }
    return new LevelDbStorage(db, options.syncWrites ?? false)
  }

  write(batch: readonly StorageWrite[], done: (error: Error | undefined) => void): void {
    if (this.#closing !== undefined) {
      queueMicrotask(() => done(new KadmiumError('ERR_STORAGE', 'the storage is closed')))
      return
    }
    this.#waiting.push({ batch, done })
    if (this.#isWriting) return
    this.#isWriting = true
    // What else is written in this turn goes into the same write.
    queueMicrotask(() => void this.#writeAll())
  }

  async load(prefix: Uint8Array, page?: StoragePage): Promise<readonly StorageEntry[]> {
    const end = successorOf(prefix)
    const { limit = -1, after } = page ?? {} // -1: no limit
    const start = after === undefined ? { gte: prefix } : { gt: after }
    const range = { ...start, ...(end === undefined ? {} : { lt: end }), limit }
    try {
      return await this.#db.iterator(range).all()
    } catch (error) {
      throw new KadmiumError('ERR_STORAGE', 'the disk refused to be read', { cause: error })
    }
  }

  /** Waits for everything that was written before, then lets go of the directory. Later writes fail. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#isWriting) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
    await this.#db.close()
  }

  /** Writes in order until nothing waits: LevelDB's cost is by write, not by entry. */
  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      const error = await this.#writeGroup(group)
      for (const { done } of group) done(error)
    }
    this.#isWriting = false
    this.#drained?.()
  }

  #takeGroup(): readonly Waiting[] {
    let count = 0
    let bytes = 0
    for (const { batch } of this.#waiting) {
      count += 1
      for (const { key, value } of batch) bytes += key.length + (value?.length ?? 0)
      if (bytes >= GROUP_BYTES_MAX) break
    }
    return this.#waiting.splice(0, count)
  }

  async #writeGroup(group: readonly Waiting[]): Promise<Error | undefined> {
    const operations = group.flatMap(({ batch }) => batch.map(operationOf))
    if (operations.length === 0) return undefined
    try {
      await this.#db.batch(operations, { sync: this.#sync })
      return undefined
    } catch (error) {
      return new KadmiumError('ERR_STORAGE', 'the disk refused to be written', { cause: error })
    }
  }
}

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

function operationOf({ key, value }: StorageWrite): Operation {
  return value === undefined ? { type: 'del', key } : { type: 'put', key, value }
}

/** The lowest key above all that begin with `prefix`; `undefined` if there is none. */
function successorOf(prefix: Uint8Array): Uint8Array | undefined {
  const end = prefix.findLastIndex((byte) => byte < 0xff)
  if (end === -1) return undefined
  const successor = prefix.slice(0, end + 1)
  successor[end] = (successor[end] as number) + 1 // found there
  return successor
}

function openError(directory: string, error: unknown): KadmiumError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'LEVEL_LOCKED') {
    return new KadmiumError(
      'ERR_STORAGE',
      `'${directory}' is in use by another process; stop it, or take another directory`,
      { cause: error, details: { directory, locked: true } },
    )
  }
  const why = cause instanceof Error ? cause.message : String(cause)
  return new KadmiumError('ERR_STORAGE', `the database in '${directory}' does not open: ${why}`, {
    cause: error,
    details: { directory, locked: false },
  })
}
