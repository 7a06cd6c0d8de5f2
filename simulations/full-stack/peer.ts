import { identify } from '@libp2p/identify'
import type { ComponentLogger, Libp2p, Logger, PrivateKey } from '@libp2p/interface'
import { memory } from '@libp2p/memory'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Contact } from '../../src/core/contact.ts'
import type { NodeOptions } from '../../src/core/options.ts'
import type { Storage, UnixMs } from '../../src/core/ports.ts'
import { noise } from '../../src/libp2p/noise.ts'
import { type KadmiumService, kadmium } from '../../src/libp2p/service.ts'
import type { KademliaNode } from '../../src/node/kademlia-node.ts'
import { SimStorage } from '../engine/storage.ts'
import type { SimulatedPeer } from '../simulated-network.ts'

/** Enough for everybody to be connected to everybody: a limit would be one of the test, not of the network. */
const MANY = 100_000

const silent: Logger = Object.assign(() => undefined, {
  enabled: false,
  trace: () => undefined,
  error: () => undefined,
  newScope: () => silent,
})

/** Nobody reads the logs of hundreds of peers, and to prepare them costs a tenth of each connection. */
const SILENT: ComponentLogger = { forComponent: () => silent }

/** What a peer is made of. */
export interface FullStackPeerInit {
  readonly contact: Contact
  readonly privateKey: PrivateKey
  /** Where it listens: a multiaddr of the memory transport. */
  readonly address: string
  readonly options: NodeOptions
  /** Whether the contacts that it saves are kept; without restarts nobody reads them. */
  readonly keepsContacts: boolean
}

/** A real libp2p node with the service of Kadmium, as any program would make it, in this process. */
export class FullStackPeer implements SimulatedPeer {
  readonly contact: Contact
  readonly extraDelayMs = 0
  node: KademliaNode | undefined
  incarnation = 0
  upSince = 0
  readonly #init: FullStackPeerInit
  /** Outlives a crash, as a disk does. */
  readonly #disk: SimStorage
  #libp2p: Libp2p<{ dht: KadmiumService }> | undefined
  /** The last start or end: each waits for the one before, for an address is free only when its peer has ended. */
  #last: Promise<unknown> = Promise.resolve()
  #requestsBefore = 0
  #messagesBefore = 0

  constructor(init: FullStackPeerInit) {
    this.#init = init
    this.contact = init.contact
    this.#disk = new SimStorage({
      disk: { writeMs: 0, keepsContacts: init.keepsContacts },
      diskSlowness: 1,
      after: (_ms, fire) => void setImmediate(fire),
    })
  }

  /** Requests sent, of all incarnations. */
  get requests(): number {
    return this.#requestsBefore + this.#traffic().requests
  }

  /** Requests and answers sent, of all incarnations. */
  get messages(): number {
    return this.#messagesBefore + this.#traffic().messages
  }

  wallClock(): UnixMs {
    return Date.now()
  }

  /** Starts; the node returned has stopped already if the peer was killed meanwhile. */
  start(): Promise<KademliaNode> {
    const { incarnation } = this
    const started = this.#last.then(() => this.#begin(incarnation))
    this.#last = started
    return started
  }

  /** Its connections break, nobody is told anything, and what it had not yet written is lost. */
  kill(): void {
    this.incarnation++
    this.node = undefined
    this.#end()
  }

  /** Resolves when nothing of it is left. */
  async ended(): Promise<void> {
    await this.#last
  }

  async #begin(incarnation: number): Promise<KademliaNode> {
    const { privateKey, address, options } = this.#init
    const storage = this.#storageOf(incarnation)
    const libp2p = await createLibp2p({
      privateKey,
      logger: SILENT,
      addresses: { listen: [address] },
      transports: [memory()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ enableKeepAlive: false })], // memory does not go silent,
      connectionManager: {
        maxConnections: MANY,
        inboundConnectionThreshold: MANY,
        maxIncomingPendingConnections: MANY,
        maxDialQueueLength: MANY,
      },
      connectionMonitor: { enabled: false },
      services: { identify: identify(), dht: kadmium({ ...options, handOverMs: 0, storage }) },
    })
    const { node } = libp2p.services.dht
    if (incarnation !== this.incarnation) await libp2p.stop()
    else {
      this.#libp2p = libp2p
      this.node = node
    }
    return node
  }

  #end(): void {
    const libp2p = this.#libp2p
    if (libp2p === undefined) return
    const { requests, messages } = this.#traffic()
    this.#requestsBefore += requests
    this.#messagesBefore += messages
    this.#libp2p = undefined
    for (const connection of libp2p.getConnections()) connection.abort(new Error('a crash'))
    this.#last = this.#last.then(() => libp2p.stop())
  }

  /** The disk, while this incarnation lives: a dead one's last words are not written. */
  #storageOf(incarnation: number): Storage {
    return {
      load: (prefix) => this.#disk.load(prefix),
      write: (batch, done) => {
        if (incarnation === this.incarnation) this.#disk.write(batch, done)
        else queueMicrotask(() => done(undefined))
      },
    }
  }

  #traffic(): { readonly requests: number; readonly messages: number } {
    if (this.#libp2p === undefined) return { requests: 0, messages: 0 }
    const { outbound, inbound } = this.#libp2p.services.dht.status()
    return {
      requests: outbound.requestsSent,
      messages: outbound.requestsSent + inbound.requests,
    }
  }
}
