import type { SimulatedNetwork, SimulatedPeer } from '../simulated-network.ts'
import type { PeerMark, RingChange } from './frame.ts'

/** Marks on the ring: more than these no eye tells apart. */
export const MARKS_MAX = 2_000

/**
 * The living peers of a network as marks on a ring, as they change. Of a network with more peers than `MARKS_MAX` an even
 * choice by the last bits of their keys stands there, so that whoever is chosen once stays chosen.
 */
export class RingWatch {
  #network: SimulatedNetwork | undefined
  #marks = new Map<SimulatedPeer, PeerMark>()
  #next = 0
  #stride = 1

  /** Of so many peers one is on the ring. */
  get stride(): number {
    return this.#stride
  }

  /** What has changed since the last time; everything if it is another network, or the choice became smaller. */
  update(network: SimulatedNetwork): RingChange {
    const isAnother = network !== this.#network
    if (isAnother) this.#stride = 1
    this.#network = network
    const before = isAnother ? new Map<SimulatedPeer, PeerMark>() : this.#marks
    const chosen = this.#choose(network)
    const joined: PeerMark[] = []
    const marks = new Map<SimulatedPeer, PeerMark>()
    for (const peer of chosen.peers) {
      const mark = before.get(peer)
      // Who has left and come back between two looks is a newcomer.
      const isKnown = mark !== undefined && mark[2] === Math.round(peer.upSince)
      const made: PeerMark = isKnown
        ? mark
        : [this.#next++, pointOf(peer.contact.key), Math.round(peer.upSince)]
      marks.set(peer, made)
      if (!isKnown) joined.push(made)
    }
    this.#marks = marks
    if (isAnother || chosen.isFewer) return this.whole()
    const left = [...before]
      .filter(([peer, mark]) => marks.get(peer) !== mark)
      .map(([, [number]]) => number)
    return { isWhole: false, joined, left }
  }

  /** All that stands on the ring. */
  whole(): RingChange {
    return { isWhole: true, joined: [...this.#marks.values()], left: [] }
  }

  /** The peers that are shown; the choice becomes smaller as the network grows, and never larger again. */
  #choose({ oracle }: SimulatedNetwork): {
    readonly peers: readonly SimulatedPeer[]
    readonly isFewer: boolean
  } {
    const before = this.#stride
    for (;;) {
      const peers =
        this.#stride === 1
          ? oracle.peers
          : oracle.peers.filter(({ contact }) => lastBitsOf(contact.key) % this.#stride === 0)
      if (peers.length <= MARKS_MAX) return { peers, isFewer: this.#stride > before }
      this.#stride *= 2
    }
  }
}

/** The first 32 bits of a key: where it stands on the ring. */
export function pointOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0)
}

function lastBitsOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(key.byteLength - 4)
}
