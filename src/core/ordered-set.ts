/**
 * Items in the order of a comparison, without two equal ones. Adding, deleting and finding a place cost a binary search and
 * a move of at most `CHUNK_MAX` pointers; memory is about one pointer an item.
 */
export class OrderedSet<Item extends object> {
  readonly #compare: (a: Item, b: Item) => number
  /** Sorted, none empty, at most `CHUNK_MAX` items each. */
  readonly #chunks: Item[][] = []
  #size = 0
  /** Counts changes, so that an iteration notices that its place has moved. */
  #changes = 0

  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#size
  }

  /** The least item. */
  get first(): Item | undefined {
    return this.#chunks[0]?.[0]
  }

  /** Adds an item; `false` if an equal one is there. */
  add(item: Item): boolean {
    const place = this.#seek((other) => this.#compare(other, item) < 0)
    const found = this.#chunks[place.chunk]?.[place.index]
    if (found !== undefined && this.#compare(found, item) === 0) return false
    // Past the end: the last chunk grows.
    const number = Math.min(place.chunk, Math.max(0, this.#chunks.length - 1))
    const chunk = this.#chunks[number]
    if (chunk === undefined) {
      this.#chunks.push([item])
    } else {
      chunk.splice(number < place.chunk ? chunk.length : place.index, 0, item)
      if (chunk.length > CHUNK_MAX) {
        this.#chunks.splice(number + 1, 0, chunk.splice(chunk.length >> 1))
      }
    }
    this.#size += 1
    this.#changes += 1
    return true
  }

  /** Deletes the item equal to this one; `false` if there is none. */
  delete(item: Item): boolean {
    const { chunk: number, index } = this.#seek((other) => this.#compare(other, item) < 0)
    const chunk = this.#chunks[number]
    const found = chunk?.[index]
    if (chunk === undefined || found === undefined || this.#compare(found, item) !== 0) return false
    chunk.splice(index, 1)
    if (chunk.length < CHUNK_MIN) this.#merge(number)
    this.#size -= 1
    this.#changes += 1
    return true
  }

  /**
   * The items in ascending order, from the first that does not stand before the start. The set may change meanwhile: the
   * iteration goes on behind the last item it gave.
   *
   * @param isBeforeStart must hold for a leading part of the items only. Default: for none.
   */
  *ascending(isBeforeStart: (item: Item) => boolean = () => false): IterableIterator<Item> {
    let { chunk, index } = this.#seek(isBeforeStart)
    for (;;) {
      const item = this.#chunks[chunk]?.[index]
      if (item === undefined) return
      const changes = this.#changes
      yield item
      if (changes !== this.#changes) {
        const place = this.#seek((other) => this.#compare(other, item) <= 0)
        chunk = place.chunk
        index = place.index
      } else if (index + 1 < (this.#chunks[chunk]?.length ?? 0)) {
        index += 1
      } else {
        chunk += 1
        index = 0
      }
    }
  }

  /** The items in descending order. The set must not change meanwhile. */
  *descending(): IterableIterator<Item> {
    for (let number = this.#chunks.length - 1; number >= 0; number--) {
      const chunk = this.#chunks[number] as Item[] // below length
      for (let index = chunk.length - 1; index >= 0; index--) yield chunk[index] as Item
    }
  }

  /** The place of the first item that `isBefore` does not hold for; past the last chunk if there is none. */
  #seek(isBefore: (item: Item) => boolean): { chunk: number; index: number } {
    const chunk = partitionPoint(this.#chunks.length, (number) => {
      const items = this.#chunks[number] as Item[] // below length
      return isBefore(items[items.length - 1] as Item)
    })
    const items = this.#chunks[chunk]
    if (items === undefined) return { chunk, index: 0 }
    return { chunk, index: partitionPoint(items.length, (i) => isBefore(items[i] as Item)) }
  }

  /** Joins a small chunk with the next one, so that deletions leave no long row of tiny ones. */
  #merge(number: number): void {
    const chunk = this.#chunks[number] as Item[] // the caller has it
    const next = this.#chunks[number + 1]
    if (next !== undefined && chunk.length + next.length <= CHUNK_MAX) {
      this.#chunks.splice(number, 2, [...chunk, ...next])
    } else if (chunk.length === 0) {
      this.#chunks.splice(number, 1)
    }
  }
}

const CHUNK_MAX = 512
const CHUNK_MIN = 64

/** The first index below `length` for which `isBefore` does not hold; it holds for all before and for none after. */
function partitionPoint(length: number, isBefore: (index: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
