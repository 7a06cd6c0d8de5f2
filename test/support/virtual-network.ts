import { createHash } from 'node:crypto'
import { Contact } from '../../src/core/contact.ts'
import type { DhtEvent } from '../../src/core/events.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { type NodeOptions, resolveOptions } from '../../src/core/options.ts'
import type {
  Cancel,
  Clock,
  Envelopes,
  Network,
  Ports,
  Storage,
  StorageWrite,
} from '../../src/core/ports.ts'
import { defaultValidators } from '../../src/core/validators.ts'
import { KademliaNode } from '../../src/node/kademlia-node.ts'
import { SOME_ADDRESSES, seededRandom } from './tiny.ts'
import { VirtualClock } from './virtual-clock.ts'

/** SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/** A storage whose writes take a moment; `entries` outlives the peer that wrote them. */
export class VirtualStorage implements Storage {
  readonly entries: Map<string, { key: Uint8Array; value: Uint8Array }> = new Map()
  /** Set to make every write fail. */
  error: Error | undefined
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  write(batch: readonly StorageWrite[], done: (error: Error | undefined) => void): void {
    this.#clock.setAlarm(this.#clock.now() + 1, () => {
      if (this.error === undefined) for (const write of batch) this.#apply(write)
      done(batch.length === 0 ? undefined : this.error) // nothing to write cannot fail, as on a real disk
    })
  }

  load(prefix: Uint8Array): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    const text = Buffer.from(prefix).toString('latin1')
    const found = [...this.entries].filter(([key]) => key.startsWith(text))
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    return Promise.resolve(found.map(([, { key, value }]) => [key, value] as const))
  }

  #apply({ key, value }: StorageWrite): void {
    const text = Buffer.from(key).toString('latin1')
    if (value === undefined) this.entries.delete(text)
    else this.entries.set(text, { key, value })
  }
}

/** A peer of a virtual network, and what a test may look at. */
export interface VirtualPeer {
  readonly node: KademliaNode
  readonly storage: VirtualStorage
  readonly events: DhtEvent[]
}

/** Peers in one process and in virtual time: each message takes `latencyMs`, and goes by reference. */
export class VirtualNetwork {
  readonly clock: VirtualClock = new VirtualClock()
  readonly peers: Map<string, VirtualPeer> = new Map()
  latencyMs = 10
  /** Requests delivered, by type. */
  readonly delivered: Map<string, number> = new Map()
  /** Envelopes of the tests: the signer's name, a NUL, the payload. */
  readonly envelopes: Envelopes = {
    open: (bytes) => {
      const end = bytes.indexOf(0)
      if (end <= 0) return undefined
      return {
        signer: Buffer.from(bytes.subarray(0, end)).toString(),
        payload: bytes.slice(end + 1),
      }
    },
  }
  /** Peers to whom no connection stands, as others are told. */
  readonly disconnected: Set<string> = new Set()
  readonly #silent: Set<string> = new Set()

  /** Starts a peer; with the storage of an earlier one it remembers what that one knew. */
  async spawn(
    name: string,
    options: Partial<NodeOptions> = {},
    storage: VirtualStorage = new VirtualStorage(this.clock),
  ): Promise<VirtualPeer> {
    const idBytes = new TextEncoder().encode(name)
    const self = new Contact({
      id: name,
      idBytes,
      key: keyFromDigest(sha256(idBytes)),
      addresses: SOME_ADDRESSES,
    })
    const events: DhtEvent[] = []
    const ports: Ports = {
      clock: this.clock,
      random: seededRandom(idBytes.reduce((sum, byte) => (sum * 31 + byte) % 2 ** 31, 7)),
      network: this.#networkOf(self),
      storage,
      observer: { observe: (event) => events.push(event) },
      hash: sha256,
      envelopes: this.envelopes,
    }
    const validators = defaultValidators({ hash: sha256, envelopes: this.envelopes })
    const node = new KademliaNode({ self, ports, options: resolveOptions(options), validators })
    const peer = { node, storage, events }
    await node.load()
    node.start()
    this.peers.set(name, peer)
    return peer
  }

  /** `count` peers that have joined through the first. */
  async spawnMany(count: number, options: Partial<NodeOptions> = {}): Promise<VirtualPeer[]> {
    const peers: VirtualPeer[] = []
    for (let i = 0; i < count; i++) {
      const peer = await this.spawn(`peer-${i}`, options)
      const first = peers[0]
      if (first !== undefined) await this.clock.until(peer.node.join([first.node.self]))
      peers.push(peer)
    }
    return peers
  }

  /** The peer is gone at once, as by a power cut: it answers nothing and sends nothing. */
  kill(name: string): void {
    this.peers.delete(name)
  }

  /** The peer takes requests and never answers; or it does again. */
  silence(name: string, isSilent = true): void {
    if (isSilent) this.#silent.add(name)
    else this.#silent.delete(name)
  }

  #networkOf(self: Contact): Network {
    return {
      send: (to, request, deadline, settle) => this.#send(self, to, request, deadline, settle),
      isConnected: ({ id }) => !this.disconnected.has(id),
    }
  }

  #send(
    from: Contact,
    to: Contact,
    request: RpcRequest,
    deadline: number,
    settle: (outcome: RpcOutcome) => void,
  ): Cancel {
    const { clock } = this
    let isOpen = true
    const end = (outcome: RpcOutcome): void => {
      if (!isOpen) return
      isOpen = false
      cancelTimeout()
      if (this.peers.get(from.id) !== undefined) settle(outcome)
    }
    const cancelTimeout = clock.setAlarm(deadline, () => {
      end({ ok: false, failure: { type: 'timeout' } })
    })
    clock.setAlarm(clock.now() + this.latencyMs, () => {
      const target = this.peers.get(to.id)
      const sender = this.peers.get(from.id)
      if (target === undefined) {
        end({ ok: false, failure: { type: 'unreachable' } })
        return
      }
      if (sender === undefined || this.#silent.has(to.id)) return
      this.delivered.set(request.type, (this.delivered.get(request.type) ?? 0) + 1)
      if (sender.node.mode === 'server') target.node.seen(from)
      target.node.answer(from, request, (outcome) => {
        clock.setAlarm(clock.now() + this.latencyMs, () => end(outcome))
      })
    })
    return () => {
      isOpen = false
      cancelTimeout()
    }
  }
}
