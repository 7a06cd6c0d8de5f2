import type { HistoryChange, HistoryPoint } from './frame.ts'

/** Points of the charts: more than these do not fit on a screen. */
export const POINTS_MAX = 240

/**
 * The moments of a run, evenly spread over all of it however long it takes: whenever there are too many, every other one is
 * dropped, and from then on every other one is passed over. Totals are sums, so nothing between two points is lost.
 */
export class History {
  #points: HistoryPoint[] = []
  #offered = 0
  #stride = 1

  /** Takes a moment in; returns what changes by it. */
  add(point: HistoryPoint): HistoryChange {
    if (this.#offered++ % this.#stride !== 0) return { isWhole: false, points: [] }
    this.#points.push(point)
    if (this.#points.length <= POINTS_MAX) return { isWhole: false, points: [point] }
    this.#points = this.#points.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
    return this.whole()
  }

  whole(): HistoryChange {
    return { isWhole: true, points: [...this.#points] }
  }
}
