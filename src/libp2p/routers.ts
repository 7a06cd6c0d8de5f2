import {
  type ContentRouting,
  NotFoundError,
  type PeerInfo,
  type PeerRouting,
  type Provider,
} from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Contact } from '../core/contact.ts'
import { KadmiumError } from '../core/errors.ts'
import type { KademliaNode } from '../node/kademlia-node.ts'
import type { OperationOptions } from '../node/lookups.ts'
import { peerIdOf } from './contacts.ts'
import { pushed } from './pushed.ts'
import type { KadmiumService } from './service.ts'

/** The name that providers bear as the router that found them. */
const ROUTER = 'kadmium'

/** What `libp2p.contentRouting` asks of a Kadmium peer. Values are as users see them: signed kinds are signed and opened. */
export function contentRoutingOf(service: Pick<KadmiumService, 'node' | 'values'>): ContentRouting {
  return {
    put: async (key, value, options = {}) => {
      await service.values.put(key, value, { signal: options.signal })
    },
    get: async (key, options = {}) => {
      const { value } = await found(service.values.get(key, { signal: options.signal }))
      return value
    },
    provide: async (cid, options = {}) => {
      await service.node.provide(cid.multihash.bytes, { signal: options.signal })
    },
    cancelReprovide: (cid) => {
      service.node.unprovide(cid.multihash.bytes)
      return Promise.resolve()
    },
    findProviders: (cid, { signal } = {}) =>
      pushed<Provider>(signal, async (push, ended) => {
        await service.node.findProviders(cid.multihash.bytes, {
          signal: ended,
          found: (contact) => push({ ...peerInfoOf(contact), routing: ROUTER }),
        })
      }),
  }
}

/** What `libp2p.peerRouting` asks of a Kadmium peer. */
export function peerRoutingOf(service: Pick<KadmiumService, 'node'>): PeerRouting {
  return {
    findPeer: async (peerId, options = {}) => {
      const peer = { id: peerId.toString(), idBytes: peerId.toMultihash().bytes }
      const isFresh = options.useCache === false
      return peerInfoOf(
        await found(service.node.findPeer(peer, { signal: options.signal, isFresh })),
      )
    },
    async *getClosestPeers(key, options = {}) {
      const closest = await closestOthers(service.node, key, { signal: options.signal })
      yield* closest.map(peerInfoOf)
    },
  }
}

/**
 * The k closest peers besides this one, nearest first. Kadmium's own lookups count this peer among them, for it may hold a
 * record; libp2p's callers ask for others.
 *
 * @throws KadmiumError as `KademliaNode.findNode`.
 */
export async function closestOthers(
  node: KademliaNode,
  key: Uint8Array,
  { signal, observer }: Pick<OperationOptions, 'signal' | 'observer'>,
): Promise<readonly Contact[]> {
  const { closest } = await node.findNode(key, { signal, observer, withoutSelf: true })
  return closest
}

/** A contact as libp2p tells of peers. Addresses that libp2p does not know are left out. */
export function peerInfoOf(contact: Contact): PeerInfo {
  return {
    id: peerIdOf(contact),
    multiaddrs: contact.addresses.flatMap((bytes) => {
      try {
        return [multiaddr(bytes)]
      } catch {
        return []
      }
    }),
  }
}

/** libp2p's word for what was not found, instead of ours. */
async function found<Result>(promise: Promise<Result>): Promise<Result> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof KadmiumError && error.code === 'ERR_NOT_FOUND') {
      throw Object.assign(new NotFoundError(error.message), { cause: error })
    }
    throw error
  }
}
