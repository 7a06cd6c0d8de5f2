/** Something that happens at a moment of virtual time. */
export interface SimEvent {
  /** Taken back: it stays in the queue until its time or the next clearing, and is then passed over. */
  readonly isCancelled: boolean
  /** Lets it happen. Returns whether a promise may have been settled by it, so that continuations must run first. */
  fire(): boolean
}

/** Where the first heap begins; it doubles when full. */
const CAPACITY_FIRST = 1024

/** Below so many cancelled events a clearing is not worth its time. */
const CANCELLED_MIN = 4096

/**
 * The events to come, first the one with the least (time, order). `order` is unique, so that there are no ties: it is made
 * of the source that scheduled the event and that source's own count (`eventOrder`), and does not depend on what others do.
 *
 * A 4-ary heap in typed arrays: no object is made for an entry, and the keys that are compared lie side by side.
 */
export class EventQueue {
  #times = new Float64Array(CAPACITY_FIRST)
  #orders = new Float64Array(CAPACITY_FIRST)
  #slots = new Uint32Array(CAPACITY_FIRST)
  readonly #events: (SimEvent | undefined)[] = []
  readonly #freeSlots: number[] = []
  #size = 0
  #cancelled = 0
  #time = 0

  /** Events in the queue, cancelled ones included. */
  get size(): number {
    return this.#size
  }

  /** The time of the event that was taken last. */
  get time(): number {
    return this.#time
  }

  /** When the next event is; `Infinity` if there is none. */
  nextTime(): number {
    this.#dropCancelled()
    return this.#size === 0 ? Infinity : (this.#times[0] as number) // size > 0
  }

  /** How many events are to come whose order is `least` or above. */
  countFrom(least: number): number {
    let count = 0
    for (let i = 0; i < this.#size; i++) {
      const isWanted = (this.#orders[i] as number) >= least // i < size
      if (isWanted && this.#events[this.#slots[i] as number]?.isCancelled === false) count++
    }
    return count
  }

  push(time: number, order: number, event: SimEvent): void {
    if (this.#size === this.#times.length) this.#grow()
    const slot = this.#freeSlots.pop() ?? this.#events.length
    this.#events[slot] = event
    this.#siftUp(this.#size++, time, order, slot)
  }

  /** Takes out the next event that was not cancelled. */
  pop(): SimEvent | undefined {
    this.#dropCancelled()
    if (this.#size === 0) return undefined
    this.#time = this.#times[0] as number // size > 0
    return this.#takeFirst()
  }

  /** To be called when an event in the queue is cancelled: when most of them are, they are cleared away. */
  cancelled(): void {
    this.#cancelled++
    if (this.#cancelled > CANCELLED_MIN && this.#cancelled * 2 > this.#size) this.#clear()
  }

  #dropCancelled(): void {
    while (this.#size > 0) {
      const event = this.#events[this.#slots[0] as number] // size > 0
      if (event?.isCancelled !== true) return
      this.#takeFirst()
      if (this.#cancelled > 0) this.#cancelled--
    }
  }

  #takeFirst(): SimEvent | undefined {
    const slot = this.#slots[0] as number // the callers checked the size
    const event = this.#events[slot]
    this.#events[slot] = undefined
    this.#freeSlots.push(slot)
    const last = --this.#size
    if (last > 0) {
      this.#siftDown(
        0,
        this.#times[last] as number,
        this.#orders[last] as number,
        this.#slots[last] as number,
      )
    }
    return event
  }

  #siftUp(from: number, time: number, order: number, slot: number): void {
    const times = this.#times
    const orders = this.#orders
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 2
      const parentTime = times[parent] as number // 0 <= parent < at
      if (parentTime < time || (parentTime === time && (orders[parent] as number) < order)) break
      this.#move(parent, at)
      at = parent
    }
    times[at] = time
    orders[at] = order
    this.#slots[at] = slot
  }

  #siftDown(from: number, time: number, order: number, slot: number): void {
    const times = this.#times
    const orders = this.#orders
    let at = from
    for (;;) {
      let least = -1
      let leastTime = time
      let leastOrder = order
      const end = Math.min(4 * at + 5, this.#size)
      for (let child = 4 * at + 1; child < end; child++) {
        const childTime = times[child] as number // child < size
        if (childTime > leastTime) continue
        const childOrder = orders[child] as number
        if (childTime === leastTime && childOrder > leastOrder) continue
        least = child
        leastTime = childTime
        leastOrder = childOrder
      }
      if (least < 0) break
      this.#move(least, at)
      at = least
    }
    times[at] = time
    orders[at] = order
    this.#slots[at] = slot
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number // both are below the size
    this.#orders[to] = this.#orders[from] as number
    this.#slots[to] = this.#slots[from] as number
  }

  #clear(): void {
    let kept = 0
    for (let i = 0; i < this.#size; i++) {
      const slot = this.#slots[i] as number // i < size
      if (this.#events[slot]?.isCancelled === true) {
        this.#events[slot] = undefined
        this.#freeSlots.push(slot)
      } else {
        this.#siftUp(kept++, this.#times[i] as number, this.#orders[i] as number, slot)
      }
    }
    this.#size = kept
    this.#cancelled = 0
  }

  #grow(): void {
    const capacity = this.#times.length * 2
    const times = new Float64Array(capacity)
    const orders = new Float64Array(capacity)
    const slots = new Uint32Array(capacity)
    times.set(this.#times)
    orders.set(this.#orders)
    slots.set(this.#slots)
    this.#times = times
    this.#orders = orders
    this.#slots = slots
  }
}

/** Sources that fit beside a count of 32 bits in a number that is exact. */
export const SOURCES_MAX: number = 2 ** 21

/** The place of a source's `count`-th event among those of the same time. `source`: below `SOURCES_MAX`. */
export function eventOrder(source: number, count: number): number {
  return source * 2 ** 32 + count
}
