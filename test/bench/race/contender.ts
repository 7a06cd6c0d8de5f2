/** What kind of value: one that its key proves by its hash, one that its writer signs, or one of neither kind. */
export type ValueKind = 'immutable' | 'signed' | 'plain'

/** An implementation that runs in the race. */
export interface Contender {
  /** The kinds of values that it is measured with, as its users have them. */
  readonly kinds: readonly ValueKind[]
  /** Starts so many peers on loopback, in this process, and returns when their routing tables are filled. */
  start(peers: number): Promise<RaceNetwork>
}

/** Peers of one implementation. They are called by their index. */
export interface RaceNetwork {
  /** Stores a value and returns its key, in the implementation's own form. Rejects if nobody took it. */
  put(peer: number, kind: ValueKind, value: Uint8Array): Promise<Uint8Array>
  /** Finds a value. Rejects if there is none. */
  get(peer: number, kind: ValueKind, key: Uint8Array): Promise<Uint8Array>
  /** Looks up the peers closest to 32 random bytes and returns how many it found. */
  closest(peer: number, key: Uint8Array): Promise<number>
  /** The same, and asks each of them though it has just answered something else. Only what else spares that. */
  closestAsked?(peer: number, key: Uint8Array): Promise<number>
  /** Whether a peer has the value itself. */
  holds(peer: number, key: Uint8Array): boolean
  /** Requests that all peers have sent up to now. */
  requests(): number
  /** Contacts in the routing tables, of an average peer. */
  contacts(): number
  /** Connects every peer with every other and returns the connections of an average peer. Only what has connections. */
  connectAll?(): Promise<number>
  stop(): Promise<void>
}

/** Calls `act` for 0 to `count` - 1, so many at once. */
export async function forEachIndex(
  count: number,
  atOnce: number,
  act: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** The element at an index that is known to be below the length. */
export function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  if (item === undefined) throw new RangeError(`no item ${index} of ${items.length}`)
  return item
}

/** The arithmetic mean; 0 of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
