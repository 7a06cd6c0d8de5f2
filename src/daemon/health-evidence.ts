import type { DhtEvent } from '../core/events.ts'
import type { Instant, Observer, UnixMs } from '../core/ports.ts'
import type { RecordStore } from '../core/record-store.ts'
import { refusalKind } from './refusals.ts'

/** How long a refusal for the clock says something of the clock. ms. */
const SKEW_VALID_MS = 10 * 60_000

/** Peers remembered for each direction of skew; the one heard longest ago makes room. */
const SKEW_PEERS_MAX = 256

/** Keys remembered whose last write reached too few holders; the oldest makes room. */
const THIN_KEYS_MAX = 1_024

/** Gathers from what happens what a later look at the peer's state would not show. */
export class HealthEvidence implements Observer {
  /** Peers that found our timestamps to lie in the future, and when; and those whose timestamps we found so. */
  readonly #aheadOf = new Map<string, Instant>()
  readonly #behind = new Map<string, Instant>()
  /** Keys (hexadecimal) whose last put reached fewer holders than it wanted, and when. */
  readonly #thinKeys = new Map<string, { readonly key: Uint8Array; readonly at: UnixMs }>()

  observe(event: DhtEvent): void {
    if (event.type === 'request-failed') {
      if (isSkew(event.failure.reason)) note(this.#aheadOf, event.from.id, event.at)
    } else if (event.type === 'request-received') {
      if (isSkew(event.refusal)) note(this.#behind, event.from.id, event.at)
    }
  }

  /** A put of `key` has ended: so many hold the value of so many that should. */
  put(key: Uint8Array, stored: number, target: number, at: UnixMs): void {
    const text = Buffer.from(key).toString('hex')
    this.#thinKeys.delete(text)
    if (stored >= target) return
    for (const oldest of this.#thinKeys.keys()) {
      if (this.#thinKeys.size < THIN_KEYS_MAX) break
      this.#thinKeys.delete(oldest)
    }
    this.#thinKeys.set(text, { key, at })
  }

  /** How many different peers lately said so of the clocks. */
  skew(now: Instant): { readonly aheadOf: number; readonly behind: number } {
    return { aheadOf: lately(this.#aheadOf, now), behind: lately(this.#behind, now) }
  }

  /** Keys whose last put reached too few, and which nobody has copied since. */
  thinKeys(records: RecordStore, now: UnixMs): number {
    for (const [text, { key, at }] of this.#thinKeys) {
      const held = records.get(key, now)
      // Replication notes when it has stored a record at all that shall hold it, as if it had arrived then.
      if (held === undefined || held.receivedAt > at) this.#thinKeys.delete(text)
    }
    return this.#thinKeys.size
  }
}

function isSkew(refusal: string | undefined): boolean {
  return refusal !== undefined && refusalKind(refusal) === 'clock-skew'
}

function note(peers: Map<string, Instant>, id: string, at: Instant): void {
  peers.delete(id)
  peers.set(id, at)
  for (const oldest of peers.keys()) {
    if (peers.size <= SKEW_PEERS_MAX) break
    peers.delete(oldest)
  }
}

function lately(peers: Map<string, Instant>, now: Instant): number {
  for (const [id, at] of peers) {
    if (now - at <= SKEW_VALID_MS) break // those after it were heard of later
    peers.delete(id)
  }
  return peers.size
}
