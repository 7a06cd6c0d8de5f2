import type { PeerInfo } from '@libp2p/interface'
import type { Mode } from '../core/options.ts'
import { isDirect, type PeerInfoMapper } from './peer-mappers.ts'

/** What it takes to choose the mode. */
export interface AutoModeInit {
  /** Leaves of the own addresses those that the network's peers can use. */
  readonly mapper: PeerInfoMapper
  readonly mode: () => Mode
  readonly setMode: (mode: Mode) => Promise<void>
  readonly onError: (error: unknown) => void
}

/**
 * Makes a peer a server as long as others can reach it, and a client otherwise: a server that nobody reaches fills others'
 * tables in vain. It is reachable when libp2p announces an address of it that is of the network's kind and leads to it
 * without a relay.
 */
export class AutoMode {
  readonly #init: AutoModeInit
  /** Changes come one after another: the last one counts. */
  #last: Promise<void> = Promise.resolve()

  #hasEnded = false

  constructor(init: AutoModeInit) {
    this.#init = init
  }

  /** From now on the mode is somebody else's choice. */
  end(): void {
    this.#hasEnded = true
  }

  /** The peer announces these addresses of itself now. */
  update(self: PeerInfo): void {
    if (this.#hasEnded) return
    const mode = isReachable(self, this.#init.mapper) ? 'server' : 'client'
    this.#last = this.#last.then(() => this.#set(mode))
  }

  async #set(mode: Mode): Promise<void> {
    if (this.#hasEnded || mode === this.#init.mode()) return
    try {
      await this.#init.setMode(mode)
    } catch (error) {
      this.#init.onError(error)
    }
  }
}

function isReachable(self: PeerInfo, mapper: PeerInfoMapper): boolean {
  return mapper(self).multiaddrs.some(isDirect)
}
