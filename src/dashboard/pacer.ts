/** The whole queue is let through in about so long, ms: nobody wants to wait longer for a picture. */
const BUDGET_MS = 2_400

/** No two items come faster and, while others wait, slower than this. ms. */
const GAP_MIN_MS = 12
const GAP_MAX_MS = 110

/**
 * Lets items through one by one, each a moment after the one before: a lookup among near peers is over in less time than
 * the eye needs to see that anything happened. Items that come slowly pass at once.
 */
export class Pacer<Item> {
  readonly #emit: (item: Item) => void
  readonly #queue: Item[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(emit: (item: Item) => void) {
    this.#emit = emit
  }

  push(item: Item): void {
    if (this.#timer === undefined) this.#pass(item)
    else this.#queue.push(item)
  }

  /** Forgets what waits. */
  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#queue.length = 0
  }

  #pass(item: Item): void {
    this.#emit(item)
    const gap = BUDGET_MS / (this.#queue.length + 1)
    this.#timer = setTimeout(() => this.#next(), Math.min(GAP_MAX_MS, Math.max(GAP_MIN_MS, gap)))
  }

  #next(): void {
    this.#timer = undefined
    const item = this.#queue.shift()
    if (item !== undefined) this.#pass(item)
  }
}
