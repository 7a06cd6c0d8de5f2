import type { Logger } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Contact } from '../core/contact.ts'
import type { DhtEvent } from '../core/events.ts'
import type { Mode, NodeOptions } from '../core/options.ts'
import type { Observer, Storage } from '../core/ports.ts'
import { defaultValidators, Validators } from '../core/validators.ts'
import type { JoinResult } from '../node/bootstrap.ts'
import { KademliaNode } from '../node/kademlia-node.ts'
import { fitAnswer } from './answer-size.ts'
import { AutoMode } from './auto-mode.ts'
import { Connections } from './connections.ts'
import { ContactBook } from './contacts.ts'
import { Libp2pEnvelopes } from './envelopes.ts'
import { IdleConnections } from './idle-connections.ts'
import { Inbound, type InboundInit } from './inbound.ts'
import { Joiner } from './joiner.ts'
import { MetPeers } from './met-peers.ts'
import { Libp2pNetwork } from './network.ts'
import { type NetworkRules, watchProtocolOf } from './network-rules.ts'
import { VerifyingNetwork, verifyingAnswer, verifyingStorage } from './record-verifier.ts'
import { Seeds } from './seeds.ts'
import { Servers } from './servers.ts'
import type { KadmiumComponents, KadmiumStatus } from './service.ts'
import { sha256, systemRandom } from './system.ts'
import { SystemClock } from './system-clock.ts'
import { UserValues } from './user-values.ts'
import { WatchInbound } from './watch-inbound.ts'

/** What a running peer is made of. */
export interface RunningPeerInit {
  readonly components: KadmiumComponents
  readonly options: NodeOptions
  readonly protocol: string
  readonly storage: Storage
  readonly bootstrap: readonly (string | Multiaddr)[]
  readonly rules: NetworkRules
  /** Serves while it can be reached, and only then. */
  readonly isAutoMode: boolean
  readonly observers: readonly Observer[]
  readonly log: Logger
}

/** A peer between start and stop: the node, the ports it sees the world through, and what feeds it. */
export class RunningPeer {
  readonly node: KademliaNode
  readonly values: UserValues
  readonly #components: KadmiumComponents
  readonly #log: Logger
  readonly #clock = new SystemClock()
  readonly #contacts: ContactBook
  readonly #connections: Connections
  readonly #idleConnections: IdleConnections
  readonly #network: Libp2pNetwork
  readonly #inbound: Inbound
  readonly #watchInbound: WatchInbound
  readonly #servers: Servers
  readonly #metPeers: MetPeers
  readonly #seeds: Seeds
  readonly #joiner: Joiner
  readonly #autoMode: AutoMode | undefined
  #leaving: Promise<void> | undefined

  constructor(init: RunningPeerInit) {
    const { components, options, protocol, storage, rules } = init
    this.#components = components
    this.#log = init.log
    this.#contacts = new ContactBook(sha256, rules.mapper)
    this.#connections = new Connections(components.events)
    this.#idleConnections = new IdleConnections({
      clock: this.#clock,
      peerStore: components.peerStore,
      isNeeded: ({ key }) => this.node.table.isNeighbour(key),
    })
    this.#network = this.#makeNetwork(protocol, options)
    const envelopes = new Libp2pEnvelopes()
    const { verifier } = rules
    const network = this.#network
    const ports = {
      clock: this.#clock,
      random: systemRandom,
      network: verifier === undefined ? network : new VerifyingNetwork(network, verifier),
      storage: verifier === undefined ? storage : verifyingStorage(storage, verifier),
      observer: composeObservers(init.observers),
      hash: sha256,
      envelopes,
    }
    const validators = rules.ownKinds
      ? defaultValidators(ports, rules.validators)
      : new Validators(rules.validators)
    this.node = new KademliaNode({ self: this.#selfContact(), ports, options, validators })
    const { privateKey } = components
    const { node } = this
    this.values = new UserValues({ node, privateKey, envelopes, clock: this.#clock, hash: sha256 })
    this.#servers = this.#makeServers(protocol)
    this.#metPeers = new MetPeers({
      events: components.events,
      connections: this.#connections,
      contacts: this.#contacts,
      clock: this.#clock,
    })
    this.#inbound = this.#makeInbound(protocol, options, rules)
    this.#watchInbound = this.#makeWatchInbound(watchProtocolOf(protocol))
    this.#seeds = makeSeeds(components, init.bootstrap)
    this.#autoMode = init.isAutoMode ? this.#makeAutoMode(rules) : undefined
    this.#joiner = this.#makeJoiner(options)
  }

  /** @throws KadmiumError `ERR_INVALID_OPTION` for a bootstrap address that is none. */
  static checkSeeds(
    components: KadmiumComponents,
    bootstrap: readonly (string | Multiaddr)[],
  ): void {
    makeSeeds(components, bootstrap)
  }

  async start(): Promise<void> {
    const { connectionManager, events } = this.#components
    const loaded = await this.node.load()
    this.#log('loaded %d records and %d contacts', loaded.records, loaded.contacts)
    this.#connections.start(connectionManager)
    events.addEventListener('self:peer:update', this.#onSelfUpdate)
    // That comes a second after the peer has begun to listen: too late for whoever provides something at once.
    events.addEventListener('transport:listening', this.#onSelfUpdate)
    this.#metPeers.start()
    await this.#servers.start()
    await this.#serve(this.node.mode === 'server')
    this.#onSelfUpdate()
    this.node.start()
    this.#joiner.start()
  }

  /** Ends operations and hands records over, at most so long. The first part of `stop`. */
  leave(handOverMs: number): Promise<void> {
    this.#joiner.stop()
    this.#leaving ??= this.node.stop({ handOverMs })
    return this.#leaving
  }

  async stop(): Promise<void> {
    await this.leave(0)
    this.#components.events.removeEventListener('self:peer:update', this.#onSelfUpdate)
    this.#components.events.removeEventListener('transport:listening', this.#onSelfUpdate)
    this.#metPeers.stop()
    this.#servers.stop()
    await this.#serve(false)
    this.#network.close()
    this.#connections.stop()
    this.#idleConnections.stop()
    this.#clock.close()
  }

  /** Whoever sets the mode ends its automatic choice. */
  setMode(mode: Mode): Promise<void> {
    this.#autoMode?.end()
    return this.#changeMode(mode)
  }

  async #changeMode(mode: Mode): Promise<void> {
    if (mode === this.node.mode) return
    this.#log('mode: %s', mode)
    this.node.setMode(mode)
    await this.#serve(mode === 'server')
  }

  join(): Promise<JoinResult> {
    return this.#joiner.join()
  }

  status(): Omit<KadmiumStatus, 'protocol'> {
    return {
      ...this.node.status(),
      id: this.node.self.id,
      addresses: this.#components.addressManager.getAddresses().map(String),
      outboundStreams: this.#network.openStreams,
      inboundStreams: this.#inbound.openStreams + this.#watchInbound.openStreams,
      outbound: { ...this.#network.counters },
      inbound: { ...this.#inbound.counters },
    }
  }

  #makeNetwork(protocol: string, options: NodeOptions): Libp2pNetwork {
    return new Libp2pNetwork({
      connectionManager: this.#components.connectionManager,
      connections: this.#connections,
      contacts: this.#contacts,
      clock: this.#clock,
      hash: sha256,
      protocol,
      valueBytesMax: options.valueBytesMax,
      onConnection: (connection, contact) => this.#idleConnections.opened(connection, contact),
      onUnsupported: (contact) => this.node.left(contact.id),
    })
  }

  #makeServers(protocol: string): Servers {
    const { registrar, peerStore, events } = this.#components
    return new Servers({
      registrar,
      peerStore,
      events,
      connections: this.#connections,
      contacts: this.#contacts,
      clock: this.#clock,
      protocol,
      onSeen: (contact) => {
        // One whose addresses are of another kind than the network's is no use to anyone.
        if (contact.addresses.length > 0) this.node.seen(contact)
      },
      onLeft: (id) => this.node.left(id),
    })
  }

  #makeInbound(protocol: string, options: NodeOptions, rules: NetworkRules): Inbound {
    return new Inbound({
      registrar: this.#components.registrar,
      protocol,
      clock: this.#clock,
      decoding: {
        hash: sha256,
        contactOf: (bytes, start, end) => this.#contacts.contactOf(bytes, start, end),
      },
      valueBytesMax: options.valueBytesMax,
      strangersContactsMax: options.k,
      senderOf: (connection) => this.#servers.senderOf(connection),
      answer: this.#makeAnswer(rules),
    })
  }

  #makeWatchInbound(protocol: string): WatchInbound {
    return new WatchInbound({
      registrar: this.#components.registrar,
      protocol,
      clock: this.#clock,
      decoding: { hash: sha256, contactOf: () => undefined }, // a request names nobody
      senderOf: (connection) => this.#servers.senderOf(connection),
      answer: (from, request, reply, signal) => this.node.answer(from, request, reply, signal),
    })
  }

  async #serve(isServing: boolean): Promise<void> {
    await this.#inbound.serve(isServing)
    await this.#watchInbound.serve(isServing)
  }

  /** How requests of others are answered: by the node, within the rules of the network. */
  #makeAnswer({ answerBytesMax, verifier }: NetworkRules): InboundInit['answer'] {
    const answer: InboundInit['answer'] = (from, request, reply) => {
      this.node.answer(from, request, (outcome) => {
        const full = this.#metPeers.withSought(from, request, outcome)
        reply(answerBytesMax === undefined ? full : fitAnswer(full, answerBytesMax))
      })
    }
    return verifier === undefined ? answer : verifyingAnswer(verifier, answer)
  }

  #makeAutoMode({ mapper }: NetworkRules): AutoMode {
    return new AutoMode({
      mapper,
      mode: () => this.node.mode,
      setMode: (mode) => this.#changeMode(mode),
      onError: (error) => this.#log.error('could not change the mode - %e', error),
    })
  }

  #makeJoiner({ k }: NodeOptions): Joiner {
    return new Joiner({
      clock: this.#clock,
      random: systemRandom,
      k,
      // Who slept long has a table full of the dead, and must come back through its bootstrap peers.
      contacts: () => this.node.table.live,
      seeds: async (signal) => {
        const found = await this.#seeds.find(signal)
        return [...found, ...this.node.savedContacts()].filter(({ id }) => id !== this.node.self.id)
      },
      join: (seeds, signal) => this.node.join(seeds, { signal }),
      onError: (error) => this.#log.error('could not join - %e', error),
    })
  }

  #selfContact(): Contact {
    const { peerId, addressManager } = this.#components
    const addresses = [...addressManager.getAddresses()].sort(byReach)
    const contact = this.#contacts.contactOfPeer(peerId, addresses)
    if (contact === undefined)
      throw new Error(`no contact can be made of the peer id ${String(peerId)}`)
    return contact
  }

  readonly #onSelfUpdate = (): void => {
    this.node.setSelf(this.#selfContact())
    const { peerId, addressManager } = this.#components
    this.#autoMode?.update({ id: peerId, multiaddrs: addressManager.getAddresses() })
  }
}

function makeSeeds(
  components: KadmiumComponents,
  bootstrap: readonly (string | Multiaddr)[],
): Seeds {
  // Whatever kind of address the user gives to join through: he knows that it can be dialled.
  const contacts = new ContactBook(sha256)
  return new Seeds({ bootstrap, contacts, manager: components.connectionManager })
}

/** Loopback addresses last: only so many are told, and these serve nobody but this machine. */
function byReach(a: Multiaddr, b: Multiaddr): number {
  return Number(isLoopback(a)) - Number(isLoopback(b))
}

function isLoopback(address: Multiaddr): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/)/.test(address.toString())
}

/** One observer that tells several; `undefined` for none. */
function composeObservers(observers: readonly Observer[]): Observer | undefined {
  if (observers.length < 2) return observers[0]
  return {
    observe: (event: DhtEvent) => {
      for (const observer of observers) observer.observe(event)
    },
  }
}
