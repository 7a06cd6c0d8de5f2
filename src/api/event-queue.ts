import { KadmiumError } from '../core/errors.ts'

/**
 * Turns what a callback hears into an async iterable: what a server stream is made of. Holds at most `max` items that nobody
 * has read; a reader so slow ends the stream with an error instead of the server's memory.
 */
export class EventQueue<Item> {
  readonly #max: number
  readonly #items: Item[] = []
  #wake: (() => void) | undefined
  #end: { error?: unknown } | undefined

  constructor(max: number) {
    this.#max = max
  }

  push(item: Item): void {
    if (this.#end !== undefined) return
    if (this.#items.length >= this.#max) {
      const message = `the reader is more than ${this.#max} events behind`
      this.fail(new KadmiumError('ERR_BUSY', message, { details: { limit: this.#max } }))
      return
    }
    this.#items.push(item)
    this.#wake?.()
  }

  /** No more will come. */
  close(): void {
    this.#end ??= {}
    this.#wake?.()
  }

  /** No more will come, and this is why. What was pushed before is read first. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        yield item
        continue
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error
        return
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
      this.#wake = undefined
    }
  }
}
