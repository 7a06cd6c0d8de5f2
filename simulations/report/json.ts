import type { SimulationReport } from './report.ts'

/**
 * The report as JSON, one figure, check and series to a line's indentation. Two runs of one command write the same bytes up to
 * `host`, which therefore stands last.
 */
export function renderJson(report: SimulationReport): string {
  const { host, ...reproducible } = report
  return `${JSON.stringify({ ...reproducible, host }, finiteOnly, 1)}\n`
}

/** The part of a report that does not depend on the machine. */
export function reproducibleJson(report: SimulationReport): string {
  const { host: _host, ...reproducible } = report
  return `${JSON.stringify(reproducible, finiteOnly, 1)}\n`
}

/** JSON has no infinities: they become text rather than null. */
function finiteOnly(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
