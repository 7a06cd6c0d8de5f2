import type { Connection, Libp2pEvents, TypedEventTarget } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'

/** The open connections by peer id text: libp2p's own list wants a parsed peer id for each look. */
export class Connections {
  readonly #events: TypedEventTarget<Libp2pEvents>
  readonly #byPeer = new Map<string, Connection[]>()

  constructor(events: TypedEventTarget<Libp2pEvents>) {
    this.#events = events
  }

  start(manager: Pick<ConnectionManager, 'getConnections'>): void {
    this.#events.addEventListener('connection:open', this.#onOpen)
    this.#events.addEventListener('connection:close', this.#onClose)
    for (const connection of manager.getConnections()) this.#add(connection)
  }

  stop(): void {
    this.#events.removeEventListener('connection:open', this.#onOpen)
    this.#events.removeEventListener('connection:close', this.#onClose)
    this.#byPeer.clear()
  }

  has(peer: string): boolean {
    return this.#byPeer.has(peer)
  }

  /** A connection that streams can be opened on; relayed ones with limits are none. */
  find(peer: string): Connection | undefined {
    return this.#byPeer
      .get(peer)
      ?.find(({ status, limits }) => status === 'open' && limits === undefined)
  }

  readonly #onOpen = (event: CustomEvent<Connection>): void => this.#add(event.detail)

  readonly #onClose = (event: CustomEvent<Connection>): void => {
    const peer = event.detail.remotePeer.toString()
    const left = this.#byPeer.get(peer)?.filter((connection) => connection !== event.detail) ?? []
    if (left.length === 0) this.#byPeer.delete(peer)
    else this.#byPeer.set(peer, left)
  }

  #add(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const present = this.#byPeer.get(peer) ?? []
    if (!present.includes(connection)) this.#byPeer.set(peer, [...present, connection])
  }
}
