import type { Contact } from '../src/core/contact.ts'
import type { NodeOptions } from '../src/core/options.ts'
import type { Hash, UnixMs } from '../src/core/ports.ts'
import type { Validators } from '../src/core/validators.ts'
import type { KademliaNode } from '../src/node/kademlia-node.ts'
import type { NetworkCounters } from './engine/network-counters.ts'
import type { Keyed, Oracle } from './oracle.ts'

/** A peer as scenarios see it, be it simulated (`SimPeer`) or real (`FullStackPeer`). */
export interface SimulatedPeer extends Keyed {
  /** The running node; `undefined` while the peer is down. */
  readonly node: KademliaNode | undefined
  /** Counts crashes: what belongs to an earlier one is passed over. */
  readonly incarnation: number
  /** When its present incarnation began, in the network's time. ms. */
  readonly upSince: number
  /** Each message from or to it takes so much longer. ms. Real peers are never slowed: they refuse the option `slow`. */
  extraDelayMs: number
  wallClock(): UnixMs
}

/** What messages cost. Only the engine knows what is under way: real messages are the transport's. */
export type MessageCounters = Pick<NetworkCounters, 'messages'> &
  Partial<Pick<NetworkCounters, 'sentByType' | 'requestsUnderWay' | 'messagesUnderWay'>>

/**
 * A network that scenarios run in: the engine's, in virtual time (`Simulator`), or one of real libp2p peers, in real time
 * (`FullStackNetwork`). Peers that are given to a network must be its own.
 */
export interface SimulatedNetwork {
  readonly seed: number
  /** Of every node. */
  readonly options: NodeOptions
  /** Time since the start. ms. */
  readonly now: number
  /** What happened so far: events in virtual time, requests of real peers. */
  readonly events: number
  readonly oracle: Oracle<SimulatedPeer>
  /** Every peer that ever was, by its number. */
  readonly peers: readonly SimulatedPeer[]
  readonly network: { readonly counters: MessageCounters }
  readonly hash: Hash
  readonly validators: Validators
  /** Operations that a scenario may have under way at once: in real time they take one another's processor. */
  readonly operationsAtOnce: number
  /** Called now and then while time passes. */
  onProgress: ((now: number) => void) | undefined

  /** Whether the peer that a contact stands for is up. */
  isUp(contact: Contact): boolean
  /** A new peer, which is down. */
  create(): SimulatedPeer
  /** Starts a peer that is down. It knows nobody yet, or whom its disk names. */
  start(peer: SimulatedPeer): Promise<KademliaNode>
  /** `count` new peers that know what they would know in a network in its steady state. */
  startWarm(count: number): readonly SimulatedPeer[] | Promise<readonly SimulatedPeer[]>
  /** A new peer that joins through `seeds`; resolves when it has joined, or failed to. */
  startAndJoin(seeds: readonly Contact[]): Promise<SimulatedPeer>
  /** A crash: the peer is gone at once. */
  kill(peer: SimulatedPeer): void
  /** Does something at a moment of the network's time; at once if it has passed. */
  at(time: number, action: () => void): void
  /** Does something after a while. ms. */
  after(ms: number, action: () => void): void
  /** Lets time pass until `time`, and everything happen that is due meanwhile. */
  run(time: number): Promise<void>
  /** Lets time pass until the promise has settled. */
  until<Result>(promise: Promise<Result>): Promise<Result>
}
