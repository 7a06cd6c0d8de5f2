import { noise } from '@chainsafe/libp2p-noise'
import {
  type Identify,
  type IdentifyComponents,
  type IdentifyPush,
  type IdentifyPushComponents,
  identify,
  identifyPush,
} from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import {
  type KadDHTInit,
  passthroughMapper,
  type SingleKadDHT,
  kadDHT as theirKadDHT,
} from '@libp2p/kad-dht'
import { type Ping, type PingComponents, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Contact } from '../../src/core/contact.ts'
import type { Validator } from '../../src/core/validators.ts'
import { type KadmiumDHT, kadDHT } from '../../src/kad-dht.ts'
import { until } from './kad.ts'
import { inGroups, manyPeersOptions } from './peers.ts'

/** The protocol of the mixed networks. */
export const MIXED_PROTOCOL = '/mixed/kad/1.0.0'

/** A libp2p node with @libp2p/kad-dht. */
export type TheirNode = Libp2p<{ dht: SingleKadDHT }>

/** A libp2p node with Kadmium's drop-in for it. */
export type OurNode = Libp2p<{ dht: KadmiumDHT }>

/** Values `/v/<anything>` that begin with `ok`; the greater bytes are better. */
export const RULES: Required<Pick<KadDHTInit, 'validators' | 'selectors'>> = {
  validators: {
    v: (_key: Uint8Array, value: Uint8Array) => {
      if (new TextDecoder().decode(value.subarray(0, 2)) !== 'ok') throw new Error('not ok')
    },
  },
  selectors: {
    v: (_key: Uint8Array, values: Uint8Array[]) => {
      const texts = values.map((value) => new TextDecoder().decode(value))
      return texts.indexOf(texts.toSorted().at(-1) ?? '')
    },
  },
}

/** The same rules for a Kadmium peer without the drop-in. */
export const RULES_OF_KADMIUM: ReadonlyMap<string, Validator> = new Map([
  [
    'v',
    {
      immutable: false,
      validate: (_key: Uint8Array, value: Uint8Array) =>
        new TextDecoder().decode(value.subarray(0, 2)) === 'ok'
          ? { valid: true, expiresAt: undefined, version: 0, writer: undefined, deleted: false }
          : { valid: false, reason: 'not ok' },
      select: (_key: Uint8Array, a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b),
    } satisfies Validator,
  ],
])

const SHARED = {
  protocol: MIXED_PROTOCOL,
  clientMode: false,
  peerInfoMapper: passthroughMapper,
  ...RULES,
}

/** Starts a node with @libp2p/kad-dht. It looks itself up at once and not after a second. */
export async function startTheirs(init: KadDHTInit = {}): Promise<TheirNode> {
  const dht = theirKadDHT({ ...SHARED, initialQuerySelfInterval: 1, ...init })
  const node: Libp2p = await createLibp2p({ ...nodeOptions(), services: { ...services(), dht } })
  // The type that the factory declares does not show the table that its service has.
  return node as TheirNode
}

/** Starts a node with Kadmium's drop-in. */
export function startOurs(init: Parameters<typeof kadDHT>[0] = {}): Promise<OurNode> {
  const dht = kadDHT({ ...(SHARED as Parameters<typeof kadDHT>[0]), ...init })
  return createLibp2p({ ...nodeOptions(), services: { ...services(), dht } })
}

/** Connects every node to the first and waits until each knows `contacts` others. */
export async function connectAll(
  nodes: readonly (TheirNode | OurNode)[],
  contacts: number,
): Promise<void> {
  const first = nodes[0]
  if (first === undefined) return
  await inGroups(nodes.length - 1, 8, (i) => nodes[i + 1]?.dial(first.getMultiaddrs()))
  // Their table grows with the answers to queries; theirs and ours look themselves up when they meet the first peer.
  // Twenty peers shake hands and ping one another meanwhile, which on a loaded machine takes its time.
  const allKnow = async (): Promise<boolean> => {
    const few = nodes.filter(({ services }) => services.dht.routingTable.size < contacts)
    await Promise.all(
      few.map(async ({ services, peerId }) => {
        for await (const _ of services.dht.getClosestPeers(peerId.toMultihash().bytes));
      }),
    )
    return few.length === 0
  }
  await until(`each peer knows ${contacts} others`, allKnow, 60_000)
}

/** Dials another node at its address. */
export async function connect(from: Libp2p, to: Libp2p): Promise<void> {
  await from.dial(to.getMultiaddrs())
}

/** The events of a query. */
export async function eventsOf<Event>(events: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = []
  for await (const event of events) all.push(event)
  return all
}

/** The CID of a text as a raw block. */
export async function cidOf(text: string): Promise<CID> {
  return CID.createV1(raw.code, await sha256.digest(new TextEncoder().encode(text)))
}

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The providers that a node finds, once it finds so many: nobody says when he has taken an ADD_PROVIDER in. */
export async function providersFound(
  node: Pick<Libp2p, 'contentRouting'>,
  cid: CID,
  count = 1,
): Promise<string[]> {
  let ids: string[] = []
  await until(`a peer finds ${count} providers`, async () => {
    const found = await eventsOf(node.contentRouting.findProviders(cid))
    ids = found.map(({ id }) => id.toString()).toSorted()
    return ids.length >= count
  })
  return ids
}

/** UTF-8 bytes as text. Theirs are a `Buffer` at times. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** The addresses of a contact as text. */
export function addressesOf({ addresses }: Contact): string[] {
  return addresses.map((bytes) => multiaddr(bytes).toString())
}

/** Both ways of identify: the second tells peers that a client has become a server. */
export function services(): {
  identify: (components: IdentifyComponents) => Identify
  identifyPush: (components: IdentifyPushComponents) => IdentifyPush
  ping: (components: PingComponents) => Ping
} {
  return { identify: identify(), identifyPush: identifyPush(), ping: ping() }
}

/** A node on TCP loopback that takes many connections. */
export function nodeOptions(): Libp2pOptions {
  return {
    ...manyPeersOptions(),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  }
}
