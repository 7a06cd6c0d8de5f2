import type { ConnectionManager } from '@libp2p/interface-internal'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import { type ContactBook, peerIdInAddress } from './contacts.ts'

/** Longest time to learn the id behind an address that does not tell it. ms. */
const DIAL_TIMEOUT_MS = 10_000

/** The peers that a user gave to join through. */
export class Seeds {
  readonly #contacts: ContactBook
  readonly #manager: ConnectionManager
  /** Addresses with a peer id, by the id. */
  readonly #known = new Map<string, Multiaddr[]>()
  /** Addresses that must be dialled to learn who answers there. */
  readonly #unknown: Multiaddr[] = []

  /** @throws KadmiumError `ERR_INVALID_OPTION` for a text that is no multiaddr. */
  constructor(init: {
    readonly bootstrap: readonly (string | Multiaddr)[]
    readonly contacts: ContactBook
    readonly manager: ConnectionManager
  }) {
    this.#contacts = init.contacts
    this.#manager = init.manager
    for (const address of init.bootstrap.map(parse)) {
      const id = peerIdInAddress(address)
      if (id === undefined) this.#unknown.push(address)
      else this.#known.set(id, [...(this.#known.get(id) ?? []), address])
    }
  }

  /** The contacts. Those whose ids are not known are dialled; who does not answer is left out. */
  async find(signal: AbortSignal): Promise<readonly Contact[]> {
    const known = [...this.#known].map(([id, addresses]) =>
      this.#contacts.contactOfPeer(peerIdFromString(id), addresses),
    )
    const met = await Promise.all(this.#unknown.map((address) => this.#meet(address, signal)))
    return [...known, ...met].filter((contact) => contact !== undefined)
  }

  async #meet(address: Multiaddr, signal: AbortSignal): Promise<Contact | undefined> {
    try {
      const { remotePeer, remoteAddr } = await this.#manager.openConnection(address, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]),
      })
      return this.#contacts.contactOfPeer(remotePeer, [remoteAddr])
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Error) return undefined // nobody answers there: others may
      throw error
    }
  }
}

function parse(given: string | Multiaddr): Multiaddr {
  try {
    const address = typeof given === 'string' ? multiaddr(given) : given
    const id = peerIdInAddress(address)
    if (id !== undefined) peerIdFromString(id)
    return address
  } catch (error) {
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `\`bootstrap\` must hold multiaddrs such as /ip4/192.0.2.1/tcp/4701/p2p/12D3Koo…, got ${String(given)}`,
      { cause: error, details: { option: 'bootstrap' } },
    )
  }
}
