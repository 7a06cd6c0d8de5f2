import type { Contact } from '../../src/core/contact.ts'
import type { NodeOptions } from '../../src/core/options.ts'
import type { Envelopes, Hash } from '../../src/core/ports.ts'
import { PreimageFinder } from '../../src/core/preimages.ts'
import { defaultValidators, type Validators } from '../../src/core/validators.ts'
import { KademliaNode } from '../../src/node/kademlia-node.ts'
import { Oracle } from '../oracle.ts'
import type { SimulatedNetwork } from '../simulated-network.ts'
import { byReference, WireCarrier } from './carrier.ts'
import { simulatedEnvelopes } from './envelopes.ts'
import { EventQueue, eventOrder, type SimEvent } from './event-queue.ts'
import { Identities, sha256 } from './identities.ts'
import { SeededRandom } from './random.ts'
import { type PeerHost, SimPeer } from './sim-peer.ts'
import type { DiskModel } from './storage.ts'
import { Trace } from './trace.ts'
import { type NetworkModel, VirtualNetwork } from './virtual-network.ts'
import { fillTable } from './warm-start.ts'

/** What a simulation is made of. */
export interface SimulatorInit {
  readonly seed: number
  /** Of every node. */
  readonly options: NodeOptions
  readonly network: NetworkModel
  /** `wire`: every message is encoded and decoded. Default: `reference`. */
  readonly carrier?: 'reference' | 'wire'
  readonly disk?: DiskModel
  /** Peers whose round trips a node remembers: production's thousand would fill the memory. Default: 64. */
  readonly rttPeersMax?: number
}

const DISK: DiskModel = { writeMs: 1, keepsContacts: false }
const RTT_PEERS_MAX = 64

/** Events between two calls of `onProgress`. */
const PROGRESS_EVENTS = 2 ** 14

/** Ctrl-C waits no longer than about so long. ms of real time. */
const BREAK_MS = 250

/** Events between two looks at the real clock. */
const LOOK_EVENTS = 2 ** 8

/**
 * A network of production nodes in virtual time. Time jumps from event to event; one seed decides everything; the trace's
 * digest tells whether two runs were the same.
 */
export class Simulator implements PeerHost, SimulatedNetwork {
  readonly seed: number
  readonly options: NodeOptions
  readonly queue: EventQueue = new EventQueue()
  readonly network: VirtualNetwork
  readonly oracle: Oracle<SimPeer> = new Oracle()
  readonly trace: Trace = new Trace()
  readonly hash: Hash = sha256
  readonly envelopes: Envelopes = simulatedEnvelopes
  readonly disk: DiskModel
  readonly validators: Validators
  /** Every peer that ever was, by its number. */
  readonly peers: SimPeer[] = []
  /** In virtual time operations cost one another nothing. */
  readonly operationsAtOnce: number = Infinity
  /** Called now and then while time passes. */
  onProgress: ((now: number) => void) | undefined
  /** Called with each new peer, before it starts. */
  onPeer: ((peer: SimPeer) => void) | undefined
  /**
   * Virtual time stands still so often for the computer's own events, such as Ctrl-C and connections. Each time costs about
   * 2 ms, in which the engine of JavaScript collects garbage. ms of real time.
   */
  breakMs: number = BREAK_MS
  readonly #byId = new Map<string, SimPeer>()
  readonly #identities: Identities
  readonly #preimages: PreimageFinder
  readonly #rttPeersMax: number
  readonly #warmth: SeededRandom
  #byIdBytes: Map<string, Contact> | undefined
  #now = 0
  #worldEvents = 0
  #events = 0
  #lookAt = LOOK_EVENTS
  #brokeAt: number = performance.now()
  #failure: Error | undefined

  constructor(init: SimulatorInit) {
    this.seed = init.seed
    this.options = init.options
    this.disk = init.disk ?? DISK
    this.#rttPeersMax = init.rttPeersMax ?? RTT_PEERS_MAX
    this.#identities = new Identities(new SeededRandom(init.seed, 'identities'))
    this.#preimages = new PreimageFinder(this.hash)
    this.#warmth = new SeededRandom(init.seed, 'warm start')
    this.validators = defaultValidators({ hash: this.hash, envelopes: this.envelopes })
    this.network = new VirtualNetwork({
      queue: this.queue,
      model: init.network,
      carrier: init.carrier === 'wire' ? this.#wireCarrier() : byReference,
      trace: this.trace,
      loss: new SeededRandom(init.seed, 'loss'),
      jitter: new SeededRandom(init.seed, 'jitter'),
      now: () => this.#now,
      find: (contact) => this.#byId.get(contact.id),
    })
  }

  /** Virtual time, in ms since the start. */
  get now(): number {
    return this.#now
  }

  /** Events that happened. */
  get events(): number {
    return this.#events
  }

  /** See `PeerHost.send`. */
  send(...call: Parameters<PeerHost['send']>): ReturnType<PeerHost['send']> {
    return this.network.send(...call)
  }

  /** Whether the peer that a contact stands for is up. */
  isUp(contact: Contact): boolean {
    return this.#byId.get(contact.id)?.node !== undefined
  }

  /** A new peer, which is down. */
  create(): SimPeer {
    const contact = this.#identities.next()
    const index = this.peers.length
    const random = new SeededRandom(this.seed, 'peer', index)
    const peer = new SimPeer({ index, contact, random, host: this })
    this.peers.push(peer)
    this.#byId.set(contact.id, peer)
    this.#byIdBytes?.set(latin1(contact.idBytes), contact)
    this.onPeer?.(peer)
    return peer
  }

  /** Starts a peer that is down: a new one, or one that crashed, which reads its disk first. It knows nobody yet. */
  async start(peer: SimPeer): Promise<KademliaNode> {
    const node = this.#makeNode(peer)
    this.oracle.add(peer)
    await node.load()
    node.start()
    return node
  }

  /** `count` new peers that know what they would know in a network in its steady state. */
  startWarm(count: number): readonly SimPeer[] {
    const peers: SimPeer[] = []
    for (let i = 0; i < count; i++) {
      const peer = this.create()
      this.#makeNode(peer)
      peers.push(peer)
    }
    this.oracle.addAll(peers)
    for (const peer of peers) fillTable(peer, this.oracle, this.#warmth, peer.now())
    for (const peer of peers) peer.node?.start()
    return peers
  }

  /** A new peer that joins through `seeds`; resolves when it has joined, or failed to. */
  async startAndJoin(seeds: readonly Contact[]): Promise<SimPeer> {
    const peer = this.create()
    const node = await this.start(peer)
    await node.join(seeds)
    return peer
  }

  /** A crash: the peer is gone at once, and so are its alarms, its requests and what was not yet durable. */
  kill(peer: SimPeer, { disk = 'kept' }: { readonly disk?: 'kept' | 'lost' } = {}): void {
    if (peer.node === undefined) return
    peer.node = undefined
    peer.incarnation++
    if (disk === 'lost') peer.storage.wipe()
    this.oracle.remove(peer)
    this.trace.add(this.#now, peer.index, peer.index, 'kill')
  }

  /** The peer stops in good order, handing over what it holds for at most `handOverMs`. */
  async stop(peer: SimPeer, handOverMs = 0): Promise<void> {
    const { node } = peer
    if (node === undefined) return
    this.oracle.remove(peer)
    await node.stop({ handOverMs })
    if (peer.node === node) this.kill(peer)
  }

  /** The network's faults end: nothing is lost, doubled or slow any more. */
  calm(): void {
    this.network.calm()
    for (const peer of this.peers) {
      peer.extraDelayMs = 0
      peer.diskSlowness = 1
    }
  }

  /** Does something at a moment of virtual time. */
  at(time: number, action: () => void): void {
    const order = eventOrder(0, this.#worldEvents++)
    this.queue.push(Math.max(time, this.#now), order, new WorldEvent(action))
  }

  /** Does something after a while. ms. */
  after(ms: number, action: () => void): void {
    this.at(this.#now + ms, action)
  }

  /** Lets time pass until `time`, and everything happen that is due meanwhile. */
  async run(time: number): Promise<void> {
    await drained()
    while (this.queue.nextTime() <= time) if (this.#step()) await this.#continued()
    this.#now = time
  }

  /** Lets time pass until the promise has settled. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false
    const settled = promise.finally(() => {
      isSettled = true
    })
    settled.catch(() => undefined) // whoever gets `settled` below hears of it
    await drained()
    while (!isSettled) {
      if (this.queue.nextTime() === Infinity) {
        throw new Error('nothing is left to happen, and the promise waits')
      }
      if (this.#step()) await this.#continued()
    }
    return settled
  }

  /** Something has gone wrong in work that nobody waits for: time passes no further, and whoever lets it pass hears of it. */
  fail(reason: unknown): void {
    this.#failure ??= reason instanceof Error ? reason : new Error(String(reason))
  }

  /** Waits until all failures are known that there are; rejects with the first. */
  async rest(): Promise<void> {
    await turned()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Lets the next event happen; returns whether continuations must run before the one after it. */
  #step(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    const event = this.queue.pop()
    if (event === undefined) return false
    this.#now = this.queue.time
    this.#events++
    if (this.#events % PROGRESS_EVENTS === 0) this.onProgress?.(this.#now)
    return event.fire()
  }

  /**
   * Resolves when every continuation has run; now and then not before the computer's own events had their turn. Virtual time
   * stands still meanwhile, and nothing in the simulation hears of them.
   */
  #continued(): Promise<void> {
    if (this.#events < this.#lookAt) return drained()
    this.#lookAt = this.#events + LOOK_EVENTS
    const now = performance.now()
    if (now - this.#brokeAt < this.breakMs) return drained()
    this.#brokeAt = now
    return turned()
  }

  #makeNode(peer: SimPeer): KademliaNode {
    if (peer.node !== undefined) throw new Error(`${peer.contact.id} is up already`)
    const node = new KademliaNode({
      self: peer.contact,
      ports: peer,
      options: this.options,
      validators: this.validators,
      preimages: this.#preimages,
      rttPeersMax: this.#rttPeersMax,
    })
    peer.node = node
    peer.upSince = this.#now
    this.trace.add(this.#now, peer.index, peer.index, 'start', peer.contact.key)
    return node
  }

  #wireCarrier(): WireCarrier {
    const byIdBytes = new Map<string, Contact>()
    this.#byIdBytes = byIdBytes
    return new WireCarrier(this.hash, (idBytes) => byIdBytes.get(latin1(idBytes)))
  }
}

/** Something that a scenario does. */
class WorldEvent implements SimEvent {
  readonly isCancelled = false
  readonly #action: () => void

  constructor(action: () => void) {
    this.#action = action
  }

  fire(): boolean {
    this.#action()
    return true
  }
}

/** Resolves when every continuation has run: the queue of microtasks is empty before Node's next tick. */
function drained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** The same, when the event loop has gone round as well. */
function turned(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
