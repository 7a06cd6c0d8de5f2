import { styleText } from 'node:util'
import { Waiting } from './waiting.ts'

/** What a text is; decides its colour. */
export type Style = 'plain' | 'dim' | 'good' | 'bad' | 'strong' | 'accent'

const COLOURS = {
  plain: 'reset',
  dim: 'dim',
  good: 'green',
  bad: 'red',
  strong: 'bold',
  accent: 'cyan',
} as const

/**
 * The one place that prints. Results go to stdout, all else to stderr; colours only on a terminal and never against
 * `NO_COLOR`; with `--json` every result is one JSON document, or one on each line where results stream.
 */
export class Output {
  readonly json: boolean
  #waiting: Waiting | undefined

  constructor(options: { readonly json: boolean }) {
    this.json = options.json
  }

  /** On a terminal, says what is waited for if it takes long, until something is printed. */
  waitFor(what: string): void {
    this.endWait()
    this.#waiting = new Waiting(what)
  }

  /** Nothing is waited for any more. */
  endWait(): void {
    this.#waiting?.end()
    this.#waiting = undefined
  }

  /** A result: `document` for machines, `text` for people. */
  result(document: unknown, text: string | (() => string)): void {
    this.endWait()
    if (this.json) process.stdout.write(`${toJson(document)}\n`)
    else process.stdout.write(`${typeof text === 'string' ? text : text()}\n`)
  }

  /** Raw bytes, as they are; a terminal gets a line end after them, so that the prompt stands clear. */
  bytes(bytes: Uint8Array): Promise<void> {
    this.endWait()
    const needsEnd = process.stdout.isTTY === true && bytes.at(-1) !== 0x0a
    return new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
        if (error) reject(error)
        else resolve()
      })
      if (needsEnd) process.stdout.write('\n')
    })
  }

  /** Bytes on a line of their own: one end is added if they have none. */
  line(bytes: Uint8Array): Promise<void> {
    this.endWait()
    const line = bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.of(0x0a)])
    return new Promise((resolve, reject) => {
      process.stdout.write(line, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }

  /** Something a person wants to know beside the result. */
  note(text: string): void {
    this.endWait()
    process.stderr.write(`${text}\n`)
  }

  /** Styles a text for stdout. */
  style(style: Style, text: string): string {
    return styleText(COLOURS[style], text, { stream: process.stdout })
  }
}

/** JSON in which byte strings are base64 and big whole numbers are numbers where these are exact. */
export function toJson(document: unknown): string {
  return JSON.stringify(document, (_name, value: unknown) => {
    if (typeof value === 'bigint') {
      return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString()
    }
    if (isByteArray(value)) return Buffer.from(value.data).toString('base64')
    return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
  })
}

/** Rows in columns; the first row is the heading. Columns whose cells all look like numbers stand to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const isNumber = widths.map((_, column) =>
    rows.slice(1).every((row) => /^-?[\d.,]+( ?%| ms| s)?$/.test(row[column] ?? '')),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const space = ' '.repeat((widths[column] ?? 0) - cell.length)
          return isNumber[column] ? space + cell : cell + space
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What `JSON.stringify` hands a replacer for a Buffer, which has turned itself into an object before. */
function isByteArray(value: unknown): value is { data: number[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value &&
    Array.isArray(value.data)
  )
}
