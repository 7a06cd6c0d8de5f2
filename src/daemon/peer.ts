import { identify, identifyPush } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import type {
  ActivityOutput,
  ApiPeer,
  BucketOutput,
  CallOptions,
  ContactOutput,
  GetOutput,
  LookupListeners,
  LookupOutput,
  PeerOutput,
  PutInput,
  PutOutput,
  RecordOutput,
  StatusOutput,
  WatchOutput,
} from '../api/peer.ts'
import { VERSION } from '../api/version.ts'
import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import { commonPrefixLength, toHex } from '../core/key.ts'
import type { Observer, Storage } from '../core/ports.ts'
import { recordKeyFromText, recordKeyToText } from '../core/record-key.ts'
import type { StoreFailure } from '../core/store-at-closest.ts'
import { peerIdInAddress } from '../libp2p/contacts.ts'
import { noise } from '../libp2p/noise.ts'
import { ownerKeyFromText } from '../libp2p/owner-keys.ts'
import { type KadmiumService, kadmium } from '../libp2p/service.ts'
import { tcp } from '../libp2p/tcp.ts'
import type { UserPutResult } from '../libp2p/user-values.ts'
import { Activity } from './activity.ts'
import { healthProblems } from './health.ts'
import { heldRecords } from './held-records.ts'
import { LookupTrace } from './lookup-trace.ts'

/** What a peer is started with. */
export interface PeerInit {
  readonly privateKey?: PrivateKey | undefined
  /** Multiaddrs; empty: it takes no connections. */
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly storage?: Storage | undefined
  /** Default: as the network's rules say. */
  readonly mode?: 'client' | 'server' | 'auto' | undefined
  readonly prefix?: string | undefined
  readonly k?: number | undefined
  readonly alpha?: number | undefined
  readonly observers?: readonly Observer[] | undefined
}

type Node = Libp2p<{ dht: KadmiumService }>

/** A running libp2p node with a Kadmium peer on it, in the terms of the API. */
export class Peer implements ApiPeer {
  readonly #node: Node
  readonly #startedAt = performance.now()
  readonly #hasBootstrap: boolean
  readonly #activity: Activity

  private constructor(node: Node, hasBootstrap: boolean, activity: Activity) {
    this.#node = node
    this.#hasBootstrap = hasBootstrap
    this.#activity = activity
  }

  /**
   * Starts a peer; it joins in the background.
   *
   * @throws KadmiumError `ERR_INVALID_OPTION` for an address that is none or cannot be listened at.
   */
  static async start(init: PeerInit): Promise<Peer> {
    for (const address of [...init.listen, ...init.bootstrap]) checkAddress(address)
    for (const address of init.bootstrap) {
      if (peerIdInAddress(multiaddr(address)) !== undefined) continue
      if (address.startsWith('/dnsaddr/')) continue
      throw invalid(
        `the bootstrap address ${address} has no peer id at its end; take the address that the other daemon prints, …/p2p/12D3Koo…`,
      )
    }
    const { mode, prefix, k, alpha, storage, bootstrap, observers = [] } = init
    const activity = new Activity()
    try {
      const node = await createLibp2p({
        ...(init.privateKey === undefined ? {} : { privateKey: init.privateKey }),
        addresses: { listen: [...init.listen] },
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        nodeInfo: { name: 'kadmium', version: VERSION },
        connectionManager: CONNECTION_MANAGER,
        services: {
          identify: identify(),
          // Tells those connected when the mode changes.
          identifyPush: identifyPush(),
          ping: ping(),
          dht: kadmium({
            mode,
            prefix,
            bootstrap,
            storage,
            observers: [...observers, activity],
            ...(k === undefined ? {} : { k }),
            ...(alpha === undefined ? {} : { alpha }),
          }),
        },
      })
      return new Peer(node, bootstrap.length > 0, activity)
    } catch (error) {
      throw startError(error, init.listen)
    }
  }

  /** Multiaddrs with the peer id at which others reach it. */
  get addresses(): readonly string[] {
    return this.#node.getMultiaddrs().map((address) => address.toString())
  }

  get id(): string {
    return this.#node.peerId.toString()
  }

  /** Joins, or waits for the joining under way; how many contacts there are then. */
  async join(): Promise<number> {
    const { contacts } = await this.#dht.join()
    return contacts
  }

  /** Hands over what it holds and stops. */
  async stop(): Promise<void> {
    await this.#node.stop()
  }

  async put(input: PutInput): Promise<PutOutput> {
    const { key, value, kind, ttlMs, quorum, ifSequence, signal, timeoutMs } = input
    const options = { ttlMs, quorum, ifSequence, signal, timeoutMs }
    if (kind === 'immutable') {
      return putOutput(await this.#dht.putImmutable(value, options))
    }
    if (key === undefined) throw invalid('a key is needed for a value that is not immutable')
    const target = kind === 'mutable' ? this.#mutableKey(key) : recordKey(key)
    if (ifSequence !== undefined && !recordKeyToText(target).startsWith('/mutable/')) {
      throw invalid('only /mutable/ values have a sequence to compare with')
    }
    return putOutput(await this.#dht.put(target, value, options))
  }

  async get(
    key: string,
    options: CallOptions & { quorum?: number | undefined },
  ): Promise<GetOutput> {
    const found = await this.#dht.get(recordKey(key), options)
    const { value, writer, version, writtenAtMs, expiresAtMs, from, ...rest } = found
    const { agreed, hops, requests, durationMs } = rest
    return {
      key: recordKeyToText(found.key),
      value,
      writer,
      version,
      writtenAtMs,
      expiresAtMs,
      from: from?.id,
      agreed,
      hops,
      requests,
      durationMs,
    }
  }

  async delete(
    key: string,
    options: CallOptions & { quorum?: number | undefined },
  ): Promise<PutOutput> {
    return putOutput(await this.#dht.delete(recordKey(key), options))
  }

  async *watch(
    key: string,
    { replicas, signal, timeoutMs }: CallOptions & { replicas?: number | undefined },
  ): AsyncGenerator<WatchOutput, void, undefined> {
    const timeout = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]
    const ends = AbortSignal.any([...(signal === undefined ? [] : [signal]), ...timeout])
    try {
      for await (const event of this.#dht.watch(recordKey(key), { replicas, signal: ends })) {
        const text = recordKeyToText(event.key)
        if (event.type === 'gap') yield { ...event, key: text }
        else yield { ...event, key: text, from: event.from?.id }
      }
    } catch (error) {
      if (timeout[0]?.aborted !== true) throw error
      throw new KadmiumError('ERR_TIMEOUT', `the ${timeoutMs} ms given for the watch are over`)
    }
  }

  async provide(
    cid: string,
    options: CallOptions,
  ): Promise<Pick<PutOutput, 'stored' | 'failed' | 'target' | 'durationMs'>> {
    const result = await this.#dht.node.provide(multihashOf(cid), options)
    const { stored, failed, target, durationMs } = result
    return { stored: idsOf(stored), failed: failed.map(failedPeer), target, durationMs }
  }

  async findProviders(
    cid: string,
    options: CallOptions & { count?: number | undefined; found: (peer: PeerOutput) => void },
  ): Promise<void> {
    const found = (contact: Contact): void => options.found(peerOutput(contact))
    await this.#dht.node.findProviders(multihashOf(cid), { ...options, found })
  }

  async findPeer(id: string, options: CallOptions): Promise<PeerOutput> {
    const idBytes = peerIdBytes(id)
    if (idBytes === undefined) throw invalid(`'${id}' is no peer id`)
    return peerOutput(await this.#dht.node.findPeer({ id, idBytes }, options))
  }

  async lookup(key: string, options: CallOptions & LookupListeners): Promise<LookupOutput> {
    const { step, signal, timeoutMs } = options
    const observer = step === undefined ? undefined : new LookupTrace(options)
    const preimage = peerIdBytes(key) ?? recordKey(key)
    const found = await this.#dht.node.findNode(preimage, { signal, timeoutMs, observer })
    const { closest, target, complete, hops, requests, failures, durationMs } = found
    return {
      closest: closest.map((contact) => ({
        ...peerOutput(contact),
        prefixLength: commonPrefixLength(target, contact.key),
        self: contact.id === this.id,
      })),
      target: toHex(target),
      complete,
      hops,
      requests,
      failures,
      durationMs,
    }
  }

  status(): Promise<StatusOutput> {
    const { node } = this.#dht
    const status = node.status()
    const uptimeMs = performance.now() - this.#startedAt
    const { options } = node
    return Promise.resolve({
      ...status,
      id: this.id,
      key: toHex(node.self.key),
      addresses: this.addresses,
      uptimeMs,
      connections: this.#node.getConnections().length,
      problems: healthProblems({ status, options, uptimeMs, hasBootstrap: this.#hasBootstrap }),
      version: VERSION,
      protocol: this.#dht.protocol,
      k: options.k,
      alpha: options.alpha,
    })
  }

  async peers(): Promise<readonly ContactOutput[]> {
    return (await this.table()).flatMap(({ peers }) => peers)
  }

  table(): Promise<readonly BucketOutput[]> {
    const { node } = this.#dht
    const now = performance.now()
    const connected = new Set(this.#node.getPeers().map((id) => id.toString()))
    const buckets = [...node.table.buckets()].map(({ prefixLength, contacts, replacements }) => ({
      prefixLength,
      replacements,
      peers: contacts.map(({ contact, lastSeenAt, failures }) => ({
        ...peerOutput(contact),
        key: toHex(contact.key),
        prefixLength,
        lastSeenMs: Math.max(0, now - lastSeenAt),
        failures,
        connected: connected.has(contact.id),
      })),
    }))
    return Promise.resolve(buckets)
  }

  records(limit: number): Promise<{ records: readonly RecordOutput[]; total: number }> {
    return Promise.resolve(heldRecords(this.#dht.node.records, limit))
  }

  activity(afterMs: number): Promise<ActivityOutput> {
    return Promise.resolve(this.#activity.output(afterMs, performance.now(), Date.now()))
  }

  get #dht(): KadmiumService {
    return this.#node.services.dht
  }

  #mutableKey(given: string): Uint8Array {
    return given.startsWith('/mutable/')
      ? recordKeyFromText(given)
      : this.#dht.values.mutableKey(given)
  }
}

/** A peer serves many others, and those of one machine or one network come in crowds. */
const CONNECTION_MANAGER = {
  maxConnections: 500,
  maxParallelDials: 100,
  inboundConnectionThreshold: 50,
  maxIncomingPendingConnections: 100,
}

/** The key that a user means: a bare word such as `greeting` is `/kv/greeting`. */
function recordKey(given: string): Uint8Array {
  return (
    ownerKeyFromText(given) ?? recordKeyFromText(given.startsWith('/') ? given : `/kv/${given}`)
  )
}

function multihashOf(cid: string): Uint8Array {
  try {
    return CID.parse(cid).multihash.bytes
  } catch (cause) {
    throw new KadmiumError('ERR_INVALID_KEY', `'${cid}' is no CID`, { cause })
  }
}

function peerIdBytes(text: string): Uint8Array | undefined {
  try {
    return peerIdFromString(text).toMultihash().bytes
  } catch {
    return undefined // it is something else: a key
  }
}

function putOutput(result: UserPutResult): PutOutput {
  const { key, stored, failed, target, quorum, version, durationMs, requests } = result
  return {
    key: recordKeyToText(key),
    stored: idsOf(stored),
    failed: failed.map(failedPeer),
    target,
    quorum,
    version,
    durationMs,
    requests,
  }
}

function idsOf(contacts: readonly Contact[]): string[] {
  return contacts.map(({ id }) => id)
}

function failedPeer({ peer, failure }: StoreFailure): PutOutput['failed'][number] {
  return { peer: peer.id, type: failure.type, reason: failure.reason ?? '' }
}

function peerOutput({ id, addresses }: Contact): PeerOutput {
  return { id, addresses: addresses.map((bytes) => multiaddr(bytes).toString()) }
}

function checkAddress(address: string): void {
  try {
    multiaddr(address)
  } catch (cause) {
    throw new KadmiumError(
      'ERR_INVALID_OPTION',
      `'${address}' is no multiaddr; one looks like /ip4/127.0.0.1/tcp/4701`,
      { cause },
    )
  }
}

function startError(error: unknown, listen: readonly string[]): unknown {
  if (error instanceof KadmiumError || !(error instanceof Error)) return error
  const causes: readonly unknown[] = error instanceof AggregateError ? error.errors : []
  const text = [error, ...causes].map(String).join('; ')
  const isListening = /EADDRINUSE|UnsupportedListenAddress|EADDRNOTAVAIL|EACCES|listen/i.test(text)
  if (!isListening) return error
  return new KadmiumError(
    'ERR_INVALID_OPTION',
    `cannot listen at ${listen.join(', ')}: ${text}. Choose another address with --listen`,
    { cause: error },
  )
}

function invalid(message: string): KadmiumError {
  return new KadmiumError('ERR_INVALID_OPTION', message)
}
