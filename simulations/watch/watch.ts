import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { SimulationReport } from '../report/report.ts'
import type { Progress } from '../scenario.ts'
import type { Outcome } from './frame.ts'
import { type RunName, Sampler } from './sampler.ts'
import { PageServer } from './server.ts'

/** What a watch is made of. */
export interface WatchInit extends RunName {
  /** Answers with the page's files. */
  readonly files: RequestListener
  /** No two looks come closer than this. Default: 200 ms, as fast as a picture is worth looking at. */
  readonly lookEveryMs?: number | undefined
}

/** Connections of pages are answered so often. ms. */
const ANSWER_EVERY_MS = 25

const LOOK_EVERY_MS = 200

/** Looking takes at most so large a part of the time. */
const LOOK_SHARE_MAX = 0.1

/**
 * Lets pages in a browser look on while a simulation runs. Its hooks are given to the run; what it does beside is done while
 * virtual time stands still.
 */
export class Watch {
  readonly #sampler: Sampler
  readonly #server: PageServer
  readonly #finished: { outcome?: Outcome }
  readonly #lookEveryMs: number
  #progress: Progress | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #tookMs = 0
  #isOver = false

  /** Serves the page from now on. */
  static async open({ files, lookEveryMs, ...name }: WatchInit): Promise<Watch> {
    const sampler = new Sampler(name)
    const finished: { outcome?: Outcome } = {}
    const server = await PageServer.listen({
      token: randomBytes(18).toString('base64url'),
      files,
      whole: () => {
        const frame = sampler.whole(finished.outcome)
        return frame === undefined ? undefined : JSON.stringify(frame)
      },
    })
    return new Watch({ sampler, server, finished, lookEveryMs })
  }

  private constructor(init: {
    sampler: Sampler
    server: PageServer
    finished: { outcome?: Outcome }
    lookEveryMs: number | undefined
  }) {
    this.#sampler = init.sampler
    this.#server = init.server
    this.#finished = init.finished
    this.#lookEveryMs = init.lookEveryMs ?? LOOK_EVERY_MS
  }

  /** Where the page is, with the token that opens it. */
  get url(): string {
    return this.#server.url
  }

  /** Whether anybody looks on. */
  get isWatched(): boolean {
    return this.#server.pages > 0
  }

  /** Resolves when the first page looks on. */
  get firstPage(): Promise<void> {
    return this.#server.firstPage
  }

  /** See `RunHooks`. */
  readonly breakMs: number = ANSWER_EVERY_MS

  /** See `RunHooks`. */
  readonly onProgress = (progress: Progress): void => {
    if (this.#isOver) return
    this.#progress = progress
    if (this.#timer === undefined) this.#look()
  }

  /** See `RunHooks`: the last look, while the networks are still there. */
  readonly onOver = (): void => {
    clearTimeout(this.#timer)
    if (!this.#isOver) this.#tell()
    this.#isOver = true
  }

  /** Shows what came of it. */
  finish({ checks, figures }: Pick<SimulationReport, 'checks' | 'figures'>): void {
    this.#end({ checks, figures })
  }

  /** Shows why there is no result. */
  fail(why: string): void {
    this.#end({ failure: why, checks: [], figures: [] })
  }

  async close(): Promise<void> {
    this.onOver()
    await this.#server.close()
  }

  #end(outcome: Outcome): void {
    this.onOver()
    this.#finished.outcome = outcome
    this.#server.tellWhole()
  }

  #look(): void {
    const tookMs = this.#tell()
    // One look that had to wait for the processor says nothing of what the next will take.
    const expectedMs = Math.min(tookMs, this.#tookMs)
    this.#tookMs = tookMs
    const ms = Math.max(this.#lookEveryMs, expectedMs / LOOK_SHARE_MAX)
    this.#timer = setTimeout(() => this.#look(), ms)
  }

  /** Returns how long it took. ms. */
  #tell(): number {
    if (this.#progress === undefined) return 0
    const startedAt = performance.now()
    this.#server.tell(JSON.stringify(this.#sampler.look(this.#progress, startedAt)))
    return performance.now() - startedAt
  }
}
