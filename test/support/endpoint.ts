import { identify } from '@libp2p/identify'
import type { Libp2p, StreamHandler } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { Connections } from '../../src/libp2p/connections.ts'
import { ContactBook } from '../../src/libp2p/contacts.ts'
import { Inbound } from '../../src/libp2p/inbound.ts'
import { Libp2pNetwork } from '../../src/libp2p/network.ts'
import { noise } from '../../src/libp2p/noise.ts'
import type { KadmiumComponents } from '../../src/libp2p/service.ts'
import { sha256 } from '../../src/libp2p/system.ts'
import { SystemClock } from '../../src/libp2p/system-clock.ts'
import { tcp } from '../../src/libp2p/tcp.ts'
import { manyPeersOptions } from './peers.ts'

export const PROTOCOL = '/kadmium/kad/1.0.0'
export const VALUE_BYTES_MAX = 65_536

/** How a test answers a request. */
export type Answer = (
  request: RpcRequest,
  reply: (outcome: RpcOutcome) => void,
  from: Contact,
) => void

/** The libp2p adapter without the node behind it: both sides of the network on a real libp2p. */
export interface Endpoint {
  readonly libp2p: Libp2p
  readonly components: KadmiumComponents
  readonly clock: SystemClock
  readonly network: Libp2pNetwork
  readonly inbound: Inbound
  readonly contact: Contact
  /** Peers that turned out not to speak the protocol. */
  readonly unsupported: string[]
  answer: Answer
  close(): Promise<void>
}

/** Starts an endpoint; it serves unless told otherwise. */
export async function startEndpoint(init: { serves?: boolean } = {}): Promise<Endpoint> {
  const { libp2p, components } = await startLibp2p()
  const clock = new SystemClock()
  const contacts = new ContactBook(sha256)
  const connections = new Connections(components.events)
  const contactOf = contacts.contactOf.bind(contacts)
  connections.start(components.connectionManager)
  const unsupported: string[] = []
  const network = new Libp2pNetwork({
    connectionManager: components.connectionManager,
    connections,
    contacts,
    clock,
    hash: sha256,
    protocol: PROTOCOL,
    valueBytesMax: VALUE_BYTES_MAX,
    onConnection: () => {},
    onUnsupported: ({ id }) => unsupported.push(id),
  })
  const inbound = new Inbound({
    registrar: components.registrar,
    protocol: PROTOCOL,
    clock,
    decoding: { hash: sha256, contactOf },
    valueBytesMax: VALUE_BYTES_MAX,
    strangersContactsMax: 20,
    senderOf: ({ remotePeer }) => defined(contacts.contactOfPeer(remotePeer, [])),
    answer: (from, request, reply) => endpoint.answer(request, reply, from),
  })
  const endpoint: Endpoint = {
    libp2p,
    components,
    clock,
    network,
    inbound,
    contact: defined(contacts.contactOfPeer(libp2p.peerId, libp2p.getMultiaddrs())),
    unsupported,
    answer: (request, reply) => reply(plainAnswer(request)),
    close: async () => {
      network.close()
      await inbound.serve(false)
      connections.stop()
      clock.close()
      await libp2p.stop()
    },
  }
  await inbound.serve(init.serves ?? true)
  return endpoint
}

/** A libp2p node on TCP loopback whose handler of the protocol is the test's own. */
export async function startRawPeer(
  handler: StreamHandler,
): Promise<{ contact: Contact; libp2p: Libp2p; close: () => Promise<void> }> {
  const { libp2p } = await startLibp2p()
  await libp2p.handle(PROTOCOL, handler)
  const contact = defined(
    new ContactBook(sha256).contactOfPeer(libp2p.peerId, libp2p.getMultiaddrs()),
  )
  return { contact, libp2p, close: async () => libp2p.stop() }
}

/** The answer of a peer that knows nothing and takes everything. */
export function plainAnswer({ type }: RpcRequest): RpcOutcome {
  switch (type) {
    case 'find-node':
      return { ok: true, response: { type, closer: [] } }
    case 'get-value':
      return { ok: true, response: { type, record: undefined, closer: [] } }
    case 'get-providers':
      return { ok: true, response: { type, providers: [], closer: [] } }
    case 'watch':
      return { ok: false, failure: { type: 'refused', reason: 'this peer tells no news' } }
    case 'ping':
    case 'put-value':
    case 'add-provider':
      return { ok: true, response: { type } }
  }
}

async function startLibp2p(): Promise<{ libp2p: Libp2p; components: KadmiumComponents }> {
  let components: KadmiumComponents | undefined
  const libp2p = await createLibp2p({
    ...manyPeersOptions(),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      parts: (given: KadmiumComponents) => {
        components = given
        return {}
      },
    },
  })
  return { libp2p, components: defined(components) }
}

export function defined<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('expected a value')
  return value
}
