import { percent } from './percent.ts'

/** A figure of the report with its unit. What is no number came as `null`. */
export function sayFigure(value: number | null, unit: string): string {
  if (value === null) return '–'
  if (unit === 'share') return `${percent(value * 100)} %`
  const digits =
    Math.abs(value) >= 1_000 ? String(Math.round(value)) : `${Number(value.toPrecision(4))}`
  return unit === '' ? digits : `${digits} ${unit === '1/s' ? '/s' : unit}`
}
