import type { Axis, Check, Figure, Plot, Series } from './report/report.ts'

/** Gathers what a scenario finds, until it becomes a report. */
export class Draft {
  readonly figures: Figure[] = []
  readonly checks: Check[] = []
  readonly plots: Plot[] = []

  /** A measured figure, rounded to 6 digits so that it prints the same everywhere. */
  figure(
    name: string,
    value: number,
    unit: string,
    theory?: { readonly expected: number; readonly source: string },
  ): void {
    const figure = { name, value: rounded(value), unit }
    this.figures.push(
      theory === undefined
        ? figure
        : { ...figure, expected: rounded(theory.expected), source: theory.source },
    )
  }

  /** Something that must hold. */
  check(name: string, holds: boolean, why: string): void {
    this.checks.push({ name, holds, why })
  }

  /** A measured value that must lie within a range, both ends included. */
  checkRange(name: string, value: number, low: number, high: number): void {
    const range =
      high === Infinity ? `at least ${rounded(low)}` : `${rounded(low)}…${rounded(high)}`
    this.check(name, value >= low && value <= high, `${range} wanted, ${rounded(value)} found`)
  }

  plot(plot: {
    readonly name: string
    readonly title: string
    readonly kind: Plot['kind']
    readonly x: Axis
    readonly y: Axis
    readonly series: readonly Series[]
  }): void {
    const series = plot.series.map((one) => ({
      ...one,
      points: one.points.map(([x, y]) => [rounded(x), rounded(y)] as const),
    }))
    this.plots.push({ ...plot, series })
  }
}

function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : value
}
