import type { Figure, SimulationReport } from './report.ts'

/** How text is marked on a terminal. */
export interface Marks {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly dim: (text: string) => string
}

/** Phases that the last line names: a soak of 200 seeds has hundreds. */
const PHASES_MAX = 6

const PLAIN: Marks = { good: (text) => text, bad: (text) => text, dim: (text) => text }

/** The report for a terminal: figures beside what was expected, then what had to hold. */
export function renderTable(report: SimulationReport, marks: Marks = PLAIN): string {
  const rows = report.figures.map((figure) => [
    figure.name,
    formatFigure(figure.value, figure.unit),
    figure.expected === undefined ? '' : formatFigure(figure.expected, figure.unit),
    differenceOf(figure),
    figure.source ?? '',
  ])
  const heading = ['figure', 'measured', 'expected', 'off by', 'source of what is expected']
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const width = widths[i] ?? 0
        return i === 0 || i === 4 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  const checks = report.checks.map(({ name, holds, why }) =>
    holds
      ? `${marks.good('✓')} ${name} ${marks.dim(`(${why})`)}`
      : `${marks.bad('✗')} ${name}: ${why}`,
  )
  const { wallMs, events, heapBytes, phases } = report.host
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  const end = [
    `seed ${report.seed}, digest ${report.digest}`,
    `${events} events in ${seconds(wallMs)} (${longest(phases)
      .map(({ name, wallMs: ms }) => `${name} ${seconds(ms)}`)
      .join(', ')}), ${Math.round(heapBytes / 2 ** 20)} MiB live at the end`,
  ].join('\n')
  return [
    marks.dim(line(heading)),
    ...rows.map(line),
    ...(checks.length === 0 ? [] : ['', ...checks]),
    '',
    marks.dim(end),
  ].join('\n')
}

/** What took longest of the phases, in their order; those of one name as one. */
function longest(phases: SimulationReport['host']['phases']): { name: string; wallMs: number }[] {
  const byName = new Map<string, number>()
  for (const { name, wallMs } of phases) byName.set(name, (byName.get(name) ?? 0) + wallMs)
  const least = [...byName.values()].sort((a, b) => b - a)[PHASES_MAX - 1] ?? 0
  return [...byName]
    .filter(([, wallMs]) => wallMs >= least)
    .map(([name, wallMs]) => ({ name, wallMs }))
}

/** A figure as people read it. */
export function formatFigure(value: number, unit: string): string {
  if (!Number.isFinite(value)) return '–'
  if (unit === 'share') return `${trimmed(value * 100, 4)} %`
  const text = trimmed(value, 4)
  return unit === '' ? text : `${text} ${unit}`
}

function trimmed(value: number, digits: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 10 ** digits) return Math.round(value).toString()
  return Number(value.toPrecision(digits)).toString()
}

function differenceOf({ value, expected }: Figure): string {
  if (expected === undefined || expected === 0 || value === expected) return ''
  const percent = (value / expected - 1) * 100
  if (Math.abs(percent) < 0.05) return ''
  return `${percent > 0 ? '+' : ''}${percent.toFixed(1)} %`
}
