import { compareKeys, type Key, keyFromDigest } from '../src/core/key.ts'
import { encodeSignedValue } from '../src/core/signed-value.ts'
import { sealSimulated } from './engine/envelopes.ts'
import type { SimPeer } from './engine/sim-peer.ts'
import type { Simulator } from './engine/simulator.ts'

/** A write that was acknowledged. */
export interface Write {
  readonly version: number
  readonly writer: string
  /** The envelope as it is stored. */
  readonly value: Uint8Array
}

/** A `/kv/` key that several peers write, and all that was acknowledged of it. */
export interface SharedKey {
  readonly name: string
  readonly key: Uint8Array
  readonly target: Key
  readonly writes: Write[]
  /** Who must win: the latest, ties by the greater envelope. */
  winner(): Write | undefined
}

/** Milliseconds of a hybrid timestamp count so much; below them is its counter. */
const TICKS_PER_MS = 1024

/** A key that nobody has written yet. */
export function sharedKey(sim: Simulator, name: string): SharedKey {
  const key = new TextEncoder().encode(`/kv/${name}`)
  const writes: Write[] = []
  return {
    name,
    key,
    target: keyFromDigest(sim.hash(key)),
    writes,
    winner: () =>
      writes.toSorted(
        (a, b) => b.version - a.version || sim.validators.select(key, b.value, a.value),
      )[0],
  }
}

/** One write by one peer at its own wall clock; noted if it was acknowledged by a quorum. */
export async function writeShared(sim: Simulator, peer: SimPeer, shared: SharedKey): Promise<void> {
  const { node } = peer
  if (node === undefined) return
  const version = Math.floor(peer.wallClock()) * TICKS_PER_MS
  const writer = peer.contact.id
  const text = new TextEncoder().encode(`${writer} at ${version}`)
  const signed = encodeSignedValue({ key: shared.key, value: text, version, deleted: false })
  const value = sealSimulated(writer, signed)
  try {
    await node.put(shared.key, value, { keep: false })
    shared.writes.push({ version, writer, value })
  } catch {
    // Not acknowledged: nothing was promised. A copy that was stored all the same may win, so it is known as well.
    shared.writes.push(...(await survivors(sim, shared, value, version, writer)))
  }
}

/** A write without a quorum that some peer holds nevertheless. */
async function survivors(
  sim: Simulator,
  shared: SharedKey,
  value: Uint8Array,
  version: number,
  writer: string,
): Promise<Write[]> {
  const holds = sim.oracle.peers.some((peer) => {
    const held = peer.node?.records.get(shared.key, peer.wallClock())
    return held !== undefined && compareKeys(held.record.value, value) === 0
  })
  return holds ? [{ version, writer, value }] : []
}
