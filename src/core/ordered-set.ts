/**
 * Items in the order of a comparison, no two of them equal. Finding and deleting one cost a binary search and a move of at
 * most `CHUNK_MAX` pointers; memory is about one pointer an item.
 *
 * What is added waits until a place is asked for, and is then put in place together with all that came meanwhile: sorted, so
 * that comparisons meet items that have just been looked at, where one by one each would look at a dozen that have not.
 */
export class OrderedSet<Item extends object> {
  readonly #compare: (a: Item, b: Item) => number
  /** Sorted, none empty, at most `CHUNK_MAX` items each. */
  readonly #chunks: Item[][] = []
  /** Items in the chunks. */
  #placed = 0
  #waiting: Item[] = []
  /** The least that waits. */
  #waitingFirst: Item | undefined
  /** Counts changes, so that an iteration notices that its place has moved. */
  #changes = 0

  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#placed + this.#waiting.length
  }

  /** The least item. */
  get first(): Item | undefined {
    const placed = this.#chunks[0]?.[0]
    const waiting = this.#waitingFirst
    if (placed === undefined || waiting === undefined) return placed ?? waiting
    return this.#compare(waiting, placed) < 0 ? waiting : placed
  }

  /** Adds an item, which no other may equal. */
  add(item: Item): void {
    const first = this.#waitingFirst
    if (first === undefined || this.#compare(item, first) < 0) this.#waitingFirst = item
    this.#changes += 1
    if (this.#waiting.push(item) === WAITING_MAX) this.#placeAll()
  }

  /** Deletes the item equal to this one; `false` if there is none. */
  delete(item: Item): boolean {
    const { chunk: number, index } = this.#seek((other) => this.#compare(other, item) < 0)
    const chunk = this.#chunks[number]
    const found = chunk?.[index]
    if (chunk === undefined || found === undefined || this.#compare(found, item) !== 0) return false
    chunk.splice(index, 1)
    if (chunk.length < CHUNK_MIN) this.#merge(number)
    this.#placed -= 1
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
    this.#placeAll()
    for (let number = this.#chunks.length - 1; number >= 0; number--) {
      const chunk = this.#chunks[number] as Item[] // below length
      for (let index = chunk.length - 1; index >= 0; index--) yield chunk[index] as Item
    }
  }

  /** The place of the first item that `isBefore` does not hold for; past the last chunk if there is none. */
  #seek(isBefore: (item: Item) => boolean): Place {
    this.#placeAll()
    return this.#seekPlaced(isBefore)
  }

  #seekPlaced(isBefore: (item: Item) => boolean): Place {
    const chunk = partitionPoint(this.#chunks.length, (number) => {
      const items = this.#chunks[number] as Item[] // below length
      return isBefore(items[items.length - 1] as Item)
    })
    const items = this.#chunks[chunk]
    if (items === undefined) return { chunk, index: 0 }
    return { chunk, index: partitionPoint(items.length, (i) => isBefore(items[i] as Item)) }
  }

  #placeAll(): void {
    if (this.#waiting.length === 0) return
    const items = this.#waiting.sort(this.#compare)
    this.#waiting = []
    this.#waitingFirst = undefined
    for (const item of items) this.#place(item)
  }

  #place(item: Item): void {
    const { chunk: number, index } = this.#seekPlaced((other) => this.#compare(other, item) < 0)
    const last = this.#chunks.length - 1
    const chunk = this.#chunks[Math.min(number, last)]
    if (chunk === undefined) {
      this.#chunks.push([item])
    } else if (number > last) {
      chunk.push(item)
    } else {
      chunk.splice(index, 0, item)
    }
    if (chunk !== undefined && chunk.length > CHUNK_MAX) {
      this.#chunks.splice(Math.min(number, last) + 1, 0, chunk.splice(chunk.length >> 1))
    }
    this.#placed += 1
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

interface Place {
  readonly chunk: number
  readonly index: number
}

const CHUNK_MAX = 512
const CHUNK_MIN = 64

/** So many are put in place whether that is asked for or not: a few milliseconds' work. */
const WAITING_MAX = 4096

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
