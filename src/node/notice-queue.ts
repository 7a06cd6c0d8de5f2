import type { WatchNotice } from '../core/watch.ts'

/**
 * What a watch has to tell one reader. A reader who is more than `max` notices behind loses the oldest, and is told how many
 * values that were: the peer's memory is not his to fill.
 */
export class NoticeQueue {
  readonly #max: number
  readonly #notices: WatchNotice[] = []
  #dropped = 0
  #end: { readonly reason: unknown } | undefined
  #wake: (() => void) | undefined

  constructor(max: number) {
    this.#max = max
  }

  push(notice: WatchNotice): void {
    if (this.#end !== undefined) return
    this.#notices.push(notice)
    if (this.#notices.length > this.#max && this.#notices.shift()?.type === 'value') {
      this.#dropped += 1
    }
    this.#wake?.()
  }

  /** No more will come, and this is why; at once, whatever waits. */
  end(reason: unknown): void {
    this.#end ??= { reason }
    this.#wake?.()
  }

  /** The next notice, when there is one. Rejects with the reason of the end. */
  async next(): Promise<WatchNotice> {
    for (;;) {
      if (this.#end !== undefined) throw this.#end.reason
      if (this.#dropped > 0) {
        const missed = this.#dropped
        this.#dropped = 0
        return { type: 'gap', missed, reason: 'slow-reader' }
      }
      const notice = this.#notices.shift()
      if (notice !== undefined) return notice
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }
}
