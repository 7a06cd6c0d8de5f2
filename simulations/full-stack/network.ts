import { createPrivateKey, createPublicKey } from 'node:crypto'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Contact } from '../../src/core/contact.ts'
import type { NodeOptions } from '../../src/core/options.ts'
import type { Hash } from '../../src/core/ports.ts'
import { defaultValidators, type Validators } from '../../src/core/validators.ts'
import { ContactBook } from '../../src/libp2p/contacts.ts'
import { Libp2pEnvelopes } from '../../src/libp2p/envelopes.ts'
import { sha256 } from '../../src/libp2p/system.ts'
import type { KademliaNode } from '../../src/node/kademlia-node.ts'
import { SeededRandom } from '../engine/random.ts'
import { fillTable } from '../engine/warm-start.ts'
import { Oracle } from '../oracle.ts'
import type { SimulatedNetwork } from '../simulated-network.ts'
import { FullStackPeer } from './peer.ts'
import { RealTime } from './real-time.ts'

/** More at once, and requests wait for the processor until they time out. */
const OPERATIONS_AT_ONCE = 4

/** Networks made in this process: the addresses of the memory transport are the process's. */
let networks = 0

/** What a network is made of. */
export interface FullStackInit {
  readonly seed: number
  /** Of every node. */
  readonly options: NodeOptions
  /** Whether peers that left come back with their disk. */
  readonly rejoin: boolean
}

/**
 * A network of real libp2p peers in this process, connected through memory, in real time: connections, encryption, streams and
 * identify are those of production. The seed decides ids, keys and who does what when; what the machine does with it is
 * another each time, so no two runs are the same.
 */
export class FullStackNetwork implements SimulatedNetwork {
  readonly seed: number
  readonly options: NodeOptions
  readonly oracle: Oracle<FullStackPeer> = new Oracle()
  readonly peers: FullStackPeer[] = []
  readonly hash: Hash = sha256
  readonly validators: Validators
  readonly operationsAtOnce: number = OPERATIONS_AT_ONCE
  readonly network: { readonly counters: { readonly messages: number } }
  readonly #time = new RealTime()
  readonly #byId = new Map<string, FullStackPeer>()
  readonly #contacts = new ContactBook(sha256)
  readonly #identities: SeededRandom
  readonly #warmth: SeededRandom
  readonly #rejoin: boolean
  readonly #number: number = networks++

  constructor({ seed, options, rejoin }: FullStackInit) {
    this.seed = seed
    this.options = options
    this.#rejoin = rejoin
    this.#identities = new SeededRandom(seed, 'identities')
    this.#warmth = new SeededRandom(seed, 'warm start')
    this.validators = defaultValidators({ hash: sha256, envelopes: new Libp2pEnvelopes() })
    const messages = (): number => this.peers.reduce((sum, peer) => sum + peer.messages, 0)
    this.network = {
      counters: {
        get messages() {
          return messages()
        },
      },
    }
  }

  get now(): number {
    return this.#time.now
  }

  /** Requests sent so far. */
  get events(): number {
    return this.peers.reduce((sum, peer) => sum + peer.requests, 0)
  }

  get onProgress(): ((now: number) => void) | undefined {
    return this.#time.onProgress
  }

  set onProgress(onProgress: ((now: number) => void) | undefined) {
    this.#time.onProgress = onProgress
  }

  isUp(contact: Contact): boolean {
    return this.#byId.get(contact.id)?.node !== undefined
  }

  create(): FullStackPeer {
    const privateKey = ed25519Key(this.#identities.bytes(32))
    const address = `/memory/kad-simulate-${this.#number}-${this.peers.length}`
    const peerId = peerIdFromPrivateKey(privateKey)
    const contact = this.#contacts.contactOfPeer(peerId, [multiaddr(address)])
    if (contact === undefined) throw new Error(`no contact can be made of ${peerId.toString()}`)
    const { options } = this
    const init = { contact, privateKey, address, options, keepsContacts: this.#rejoin }
    const peer = new FullStackPeer(init)
    this.peers.push(peer)
    this.#byId.set(contact.id, peer)
    return peer
  }

  /** Starts a peer that is down. The node returned has stopped already if the peer was killed meanwhile. */
  async start(peer: FullStackPeer): Promise<KademliaNode> {
    const node = await peer.start()
    if (peer.node !== node) return node
    peer.upSince = this.now
    this.oracle.add(peer)
    return node
  }

  async startWarm(count: number): Promise<readonly FullStackPeer[]> {
    const peers = Array.from({ length: count }, () => this.create())
    for (const peer of peers) await this.#time.until(this.start(peer))
    for (const peer of peers) {
      const now = performance.now()
      fillTable(peer, this.oracle, this.#warmth, now)
    }
    return peers
  }

  async startAndJoin(seeds: readonly Contact[]): Promise<FullStackPeer> {
    const peer = this.create()
    const node = await this.start(peer)
    await node.join(seeds)
    return peer
  }

  kill(peer: FullStackPeer): void {
    this.oracle.remove(peer)
    peer.kill()
  }

  at(time: number, action: () => void): void {
    this.#time.at(time, action)
  }

  after(ms: number, action: () => void): void {
    this.at(this.now + ms, action)
  }

  run(time: number): Promise<void> {
    return this.#time.run(time)
  }

  until<Result>(promise: Promise<Result>): Promise<Result> {
    return this.#time.until(promise)
  }

  /** Ends all peers at once; nothing of them is left then. */
  async close(): Promise<void> {
    for (const peer of this.peers) this.kill(peer)
    await Promise.all(this.peers.map((peer) => peer.ended()))
  }
}

/** What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The key pair of a seed of 32 bytes. Not `generateKeyPairFromSeed`: it takes its time, and a new peer is wanted at once. */
function ed25519Key(seed: Uint8Array): PrivateKey {
  const key = Buffer.concat([PKCS8_PREFIX, seed])
  const pair = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(pair).export({ format: 'jwk' })
  return privateKeyFromRaw(Buffer.concat([seed, Buffer.from(x, 'base64url')]))
}
