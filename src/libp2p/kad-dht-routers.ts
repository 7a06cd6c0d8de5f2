import {
  type ContentRouting,
  NotFoundError,
  type PeerRouting,
  type Provider,
} from '@libp2p/interface'
import type { KadDHT, QueryEvent } from './kad-dht-types.ts'

/** The name that providers bear as the router that found them: that of @libp2p/kad-dht. */
const ROUTER = 'kad-dht'

/** What `libp2p.contentRouting` asks of a DHT that answers with events. */
export function contentRoutingOfEvents(dht: KadDHT): ContentRouting {
  return {
    put: (key, value, options) => drain(dht.put(key, value, options)),
    get: async (key, options) => {
      for await (const event of dht.get(key, options)) {
        if (event.name === 'VALUE') return event.value
      }
      throw new NotFoundError('Could not find value for key')
    },
    provide: (cid, options) => drain(dht.provide(cid, options)),
    cancelReprovide: (cid, options) => dht.cancelReprovide(cid, options),
    async *findProviders(cid, options): AsyncGenerator<Provider, void, undefined> {
      for await (const event of dht.findProviders(cid, options)) {
        if (event.name !== 'PROVIDER') continue
        for (const provider of event.providers) yield { ...provider, routing: ROUTER }
      }
    },
  }
}

/** What `libp2p.peerRouting` asks of a DHT that answers with events. */
export function peerRoutingOfEvents(dht: KadDHT): PeerRouting {
  return {
    findPeer: async (id, options) => {
      for await (const event of dht.findPeer(id, options)) {
        if (event.name === 'FINAL_PEER') return event.peer
      }
      throw new NotFoundError('Peer not found')
    },
    async *getClosestPeers(key, options) {
      for await (const event of dht.getClosestPeers(key, options)) {
        if (event.name === 'FINAL_PEER') yield event.peer
      }
    },
  }
}

async function drain(events: AsyncIterable<QueryEvent>): Promise<void> {
  for await (const _ of events);
}
