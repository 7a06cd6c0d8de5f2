import { INBOUND_TOTAL_MAX } from './limits.ts'

/** A stream that can go on reading. */
export interface Reader {
  resume(): void
}

/** How many requests of all peers are being answered. Readers that find it full wait, and go on one after another. */
export class InboundLoad {
  readonly #max: number
  readonly #waiting = new Set<Reader>()
  #count = 0

  constructor(max: number = INBOUND_TOTAL_MAX) {
    this.#max = max
  }

  /** Whether there is room for one more; if not, the reader is resumed when there is. */
  admits(reader: Reader): boolean {
    if (this.#count < this.#max) {
      this.#waiting.delete(reader)
      return true
    }
    this.#waiting.add(reader)
    return false
  }

  begin(): void {
    this.#count += 1
  }

  end(): void {
    this.#count -= 1
    if (this.#count >= this.#max) return
    for (const reader of this.#waiting) {
      this.#waiting.delete(reader)
      reader.resume()
      return
    }
  }

  /** The reader is gone. */
  forget(reader: Reader): void {
    this.#waiting.delete(reader)
  }
}
