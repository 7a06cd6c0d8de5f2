/** How the page writes figures, times and bytes. */

/** The end of a peer id: what tells it from others, since all ids of a kind begin alike. */
export function shortId(id: string): string {
  return id.length <= 12 ? id : `…${id.slice(-8)}`
}

/** A duration such as `3.4 ms`, `1.2 s`, `4 min`, `3 h 20 min`, `2 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return joined(hours, 'h', minutes % 60, 'min')
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

/** What is left until a moment (ms since 1970), such as `3 h left`. */
export function timeLeft(untilMs: number, nowMs: number = Date.now()): string {
  return untilMs <= nowMs ? 'over' : `${duration(untilMs - nowMs)} left`
}

/** A number of bytes such as `312 B`, `4.1 KiB`. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit += 1
  }
  return `${unit > 0 && value < 99.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** A whole number with its thousands apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en').replaceAll(',', '\u202f')
}

/** A count and its noun: `1 peer`, `2 peers`. */
export function count(value: number, noun: string): string {
  return `${whole(value)} ${noun}${value === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`
}

/** A figure for the scale of a chart or its legend: few digits, none of them idle. */
export function figure(value: number): string {
  if (value === 0) return '0'
  if (value < 10) return String(Number(value.toFixed(value < 1 ? 2 : 1)))
  return whole(value)
}

/** A moment in the reader's own time, to the second; with the day unless it is today. */
export function moment(unixMs: number, now: Date = new Date()): string {
  const date = new Date(unixMs)
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  if (date.toDateString() === now.toDateString()) return time
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}`
}

/** Bytes as a person may read them: as text if they are text, in hexadecimal otherwise. */
export function readable(bytes: Uint8Array): { readonly text: string; readonly isText: boolean } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!hasControls(text)) return { text, isText: true }
  } catch {
    // Not UTF-8.
  }
  const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
  return { text: pairs.join(' '), isText: false }
}

function hasControls(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x20 && character !== '\n' && character !== '\t' && character !== '\r') return true
  }
  return false
}

function joined(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
