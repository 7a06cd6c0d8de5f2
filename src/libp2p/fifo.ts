/** A queue whose ends are both cheap to reach, however long it is. */
export class Fifo<Item> {
  #items: (Item | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  /** The oldest item. */
  get first(): Item | undefined {
    return this.#items[this.#head]
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** Takes the oldest item. */
  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#items.length) this.clear()
    else if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** All items, the oldest first. */
  items(): Item[] {
    return this.#items.slice(this.#head) as Item[] // what stands behind the head was never taken
  }

  /** Takes all items, the oldest first. */
  takeAll(): Item[] {
    const items = this.items()
    this.clear()
    return items
  }

  /** Puts items before all others. */
  prepend(items: readonly Item[]): void {
    this.#items = [...items, ...this.takeAll()]
  }

  clear(): void {
    this.#items.length = 0
    this.#head = 0
  }
}
