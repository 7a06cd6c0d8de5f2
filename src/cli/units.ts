import { InvalidArgumentError } from 'commander'

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Reads a duration such as `90s`, `2h` or `1h30m`; milliseconds. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw new InvalidArgumentError(`'${text}' is no duration; write it as 90s, 5m, 2h or 1d.`)
  }
  let ms = 0
  for (const [, amount, unit] of parts) ms += Number(amount) * (DURATION_UNITS_MS[unit ?? ''] ?? 0)
  return Math.round(ms)
}

/** Reads a duration that is not nought: a ttl or a timeout of nothing is a slip. */
export function parseSpan(text: string): number {
  const ms = parseDuration(text)
  if (ms > 0) return ms
  throw new InvalidArgumentError(`'${text}' is no time at all; write it as 90s, 5m, 2h or 1d.`)
}

/** Reads a whole number of at least `min`. */
export function parseWhole(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new InvalidArgumentError(`'${text}' is no whole number of at least ${min}.`)
  }
}

/** A duration as people read it: `430 ms`, `2.1 s`, `3 min`, `5.2 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${(ms / 86_400_000).toFixed(1)} d`
}

/** A size as people read it: `512 B`, `64 KiB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  let value = bytes
  let unit = 0
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit += 1
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`
}

/** The end of a peer id, which tells peers apart better than its beginning does. */
export function shortId(id: string): string {
  return id.length <= 12 ? id : `…${id.slice(-8)}`
}

/** `1 hop`, `2 hops`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
