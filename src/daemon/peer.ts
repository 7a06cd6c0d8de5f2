import { identify, identifyPush } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
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
import { type KadmiumService, kadmium } from '../libp2p/service.ts'
import { tcp } from '../libp2p/tcp.ts'
import type { UserPutResult } from '../libp2p/user-values.ts'
import { Activity } from './activity.ts'
import { encryptersOf } from './encrypters.ts'
import { type HealthProblem, healthProblems } from './health.ts'
import { HealthEvidence } from './health-evidence.ts'
import { heldRecords } from './held-records.ts'
import { LookupTrace } from './lookup-trace.ts'
import type { PeerMetrics } from './metrics-page.ts'
import { failedPeer, idsOf, peerOutput, putOutput } from './outputs.ts'
import { checkAddresses, startError } from './start-checks.ts'
import { type StoreSurvey, StoreSurveyor } from './store-survey.ts'
import { multihashOf, peerIdBytes, recordKey } from './user-keys.ts'

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
  /** Where its figures and libp2p's are told. */
  readonly metrics?: PeerMetrics | undefined
}

type Node = Libp2p<{ dht: KadmiumService }>

interface PeerParts {
  readonly hasBootstrap: boolean
  readonly activity: Activity
  readonly evidence: HealthEvidence
}

/** A running libp2p node with a Kadmium peer on it, in the terms of the API. */
export class Peer implements ApiPeer {
  readonly #node: Node
  readonly #startedAt = performance.now()
  readonly #surveyor = new StoreSurveyor(Date.now())
  readonly #hasBootstrap: boolean
  readonly #activity: Activity
  readonly #evidence: HealthEvidence

  private constructor(node: Node, { hasBootstrap, activity, evidence }: PeerParts) {
    this.#node = node
    this.#hasBootstrap = hasBootstrap
    this.#activity = activity
    this.#evidence = evidence
  }

  /**
   * Starts a peer; it joins in the background.
   *
   * @throws KadmiumError `ERR_INVALID_OPTION` for an address that is none or cannot be listened at.
   */
  static async start(init: PeerInit): Promise<Peer> {
    checkAddresses(init.listen, init.bootstrap)
    const { mode, prefix, k, alpha, storage, bootstrap, metrics, observers = [] } = init
    const parts = {
      hasBootstrap: bootstrap.length > 0,
      activity: new Activity(),
      evidence: new HealthEvidence(),
    }
    const own = [
      parts.activity,
      parts.evidence,
      ...(metrics === undefined ? [] : [metrics.observer]),
    ]
    try {
      const node = await createLibp2p({
        ...(init.privateKey === undefined ? {} : { privateKey: init.privateKey }),
        addresses: { listen: [...init.listen] },
        transports: [tcp()],
        connectionEncrypters: await encryptersOf(prefix),
        streamMuxers: [yamux()],
        nodeInfo: { name: 'kadmium', version: VERSION },
        connectionManager: CONNECTION_MANAGER,
        ...(metrics === undefined ? {} : { metrics: metrics.forLibp2p }),
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
            observers: [...observers, ...own],
            ...(k === undefined ? {} : { k }),
            ...(alpha === undefined ? {} : { alpha }),
          }),
        },
      })
      const peer = new Peer(node, parts)
      metrics?.follow(peer)
      return peer
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
    if (kind === 'immutable') return this.#put(undefined, this.#dht.putImmutable(value, options))
    if (key === undefined) throw invalid('a key is needed for a value that is not immutable')
    const target = kind === 'mutable' ? this.#mutableKey(key) : recordKey(key)
    if (ifSequence !== undefined && !recordKeyToText(target).startsWith('/mutable/')) {
      throw invalid('only /mutable/ values have a sequence to compare with')
    }
    return this.#put(target, this.#dht.put(target, value, options))
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
    const target = recordKey(key)
    return this.#put(target, this.#dht.delete(target, options))
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
    // Who asks for a lookup wants to see its course, and that the peers at its end answer.
    const given = { signal, timeoutMs, observer, askAll: true }
    const found = await this.#dht.node.findNode(preimage, given)
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
      problems: this.problems().map(({ text }) => text),
      version: VERSION,
      protocol: this.#dht.protocol,
      k: options.k,
      alpha: options.alpha,
    })
  }

  /** What is wrong with it; empty: it is well. */
  problems(): readonly HealthProblem[] {
    const { node } = this.#dht
    const evidence = this.#evidence
    return healthProblems({
      status: node.status(),
      options: node.options,
      uptimeMs: performance.now() - this.#startedAt,
      hasSeeds: this.#hasBootstrap || node.savedContacts().length > 0,
      live: node.table.live,
      skew: evidence.skew(performance.now()),
      underReplicated: evidence.thinKeys(node.records, Date.now()) + this.survey().overdue,
    })
  }

  /** What its store holds, as of a moment ago. */
  survey(): StoreSurvey {
    return this.#surveyor.survey(this.#dht.node, Date.now())
  }

  /** The libp2p service: its counters, for metrics. */
  get service(): KadmiumService {
    return this.#dht
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

  /** Notes a put that reached too few; also one that failed for it, for its value is kept and spread later on. */
  async #put(key: Uint8Array | undefined, putting: Promise<UserPutResult>): Promise<PutOutput> {
    try {
      const result = await putting
      this.#evidence.put(result.key, result.stored.length, result.target, Date.now())
      return putOutput(result)
    } catch (error) {
      const isThin = error instanceof KadmiumError && error.code === 'ERR_QUORUM'
      if (isThin && key !== undefined) this.#evidence.put(key, 0, 1, Date.now())
      throw error
    }
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

function invalid(message: string): KadmiumError {
  return new KadmiumError('ERR_INVALID_OPTION', message)
}
