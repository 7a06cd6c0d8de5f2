import type { HistogramGroup, Metrics } from '@libp2p/interface'

/** Figures by the value of their one label. */
export type Figures = Readonly<Record<string, number>>

/** Where the durations of histograms begin to be told apart: from a loopback's to a dead peer's. Seconds. */
const DURATION_BUCKETS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

/**
 * Registers metrics with libp2p's metrics interface, whose metrics have one label at most, and remembers their help: the
 * Prometheus adapter turns each space in it into an underscore.
 */
export class MetricsRegistrar {
  /** What each metric tells, by its name. */
  readonly help: Map<string, string> = new Map()
  readonly #metrics: Metrics

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  /** A counter that grows, whenever it is read, by what `grown` returns. */
  counter(name: string, help: string, grown: () => number): void {
    this.help.set(name, help)
    this.#metrics.registerCounter(name, { help, calculate: grown })
  }

  /** The same for each value of a label. */
  counters(name: string, label: string, help: string, grown: () => Figures): void {
    this.help.set(name, help)
    this.#metrics.registerCounterGroup(name, { help, label, calculate: () => ({ ...grown() }) })
  }

  /** A figure as it is when it is read. */
  gauge(name: string, help: string, value: () => number): void {
    this.help.set(name, help)
    this.#metrics.registerMetric(name, { help, calculate: value })
  }

  /** The same for each value of a label. */
  gauges(name: string, label: string, help: string, values: () => Figures): void {
    this.help.set(name, help)
    this.#metrics.registerMetricGroup(name, { help, label, calculate: () => ({ ...values() }) })
  }

  /** Durations in seconds, by the value of a label. */
  durations(name: string, label: string, help: string): HistogramGroup {
    this.help.set(name, help)
    return this.#metrics.registerHistogramGroup(name, { help, label, buckets: DURATION_BUCKETS_S })
  }
}

/** Counts by the value of a label; what was counted since it was last read is what a counter grows by. */
export class Tally<Label extends string> {
  readonly #grown: Map<Label, number>

  /** @param labels Told from the start, for a rate needs a zero to begin at. */
  constructor(labels: readonly Label[]) {
    this.#grown = new Map(labels.map((label) => [label, 0]))
  }

  add(label: Label, count = 1): void {
    this.#grown.set(label, (this.#grown.get(label) ?? 0) + count)
  }

  /** What was counted since the last time. */
  take(): Figures {
    const figures = Object.fromEntries(this.#grown)
    for (const label of this.#grown.keys()) this.#grown.set(label, 0)
    return figures
  }
}

/** Turns a total that somebody else counts into what it grew by since it was last read. */
export class Growth {
  #last = 0

  by(total: number): number {
    const grown = total >= this.#last ? total - this.#last : total // it began anew
    this.#last = total
    return grown
  }
}
