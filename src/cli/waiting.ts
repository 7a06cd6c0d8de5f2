/** A command that takes longer says that it is at work. ms. */
const SILENT_MS = 2_000

/** How often the line is written anew. ms. */
const EVERY_MS = 500

/** What a waiting line is written to. */
export interface WaitingTerminal {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

/**
 * One line on a terminal that says what is waited for and how long already, once it has been two seconds; nothing
 * anywhere else. It is gone before anything else is printed.
 */
export class Waiting {
  readonly #terminal: WaitingTerminal
  readonly #timer: ReturnType<typeof setInterval> | undefined
  #isShown = false

  constructor(what: string, terminal: WaitingTerminal = process.stderr) {
    this.#terminal = terminal
    if (terminal.isTTY !== true) return
    const startedAt = performance.now()
    this.#timer = setInterval(() => {
      const elapsed = performance.now() - startedAt
      if (elapsed < SILENT_MS) return
      this.#isShown = true
      terminal.write(`\r\u001b[K${what} … ${Math.floor(elapsed / 1_000)} s`)
    }, EVERY_MS)
    this.#timer.unref()
  }

  /** Takes the line away for good. */
  end(): void {
    clearInterval(this.#timer)
    if (this.#isShown) this.#terminal.write('\r\u001b[K')
    this.#isShown = false
  }
}
