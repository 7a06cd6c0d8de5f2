import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { afterEach, describe, expect, it } from 'vitest'
import {
  kadDHT,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
} from '../../src/kad-dht.ts'
import { until } from '../support/kad.ts'
import { nodeOptions } from '../support/kad-dht-peers.ts'

/*
 * The examples of the README of @libp2p/kad-dht with the import changed, and with what the README leaves out: transports to
 * connect by, and a peer to be found. Those examples look for `QmFoo`, which is no peer id; here it is one that exists.
 */

const started: Libp2p[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map(async (node) => node.stop()))
})

/** What the README's `createLibp2p` leaves to the reader. The second address stands for one on the internet. */
function surroundings(number = 1): Libp2pOptions {
  return {
    ...nodeOptions(),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    addresses: {
      listen: ['/ip4/127.0.0.1/tcp/0'],
      appendAnnounce: [`/ip4/45.33.32.${number}/tcp/4001`],
    },
    connectionGater: {
      denyDialMultiaddr: (address) => !address.toString().startsWith('/ip4/127.'),
    },
  }
}

describe('an example of their README', () => {
  it('using with libp2p', async () => {
    const target = await network({ protocol: '/ipfs/kad/1.0.0' })

    const node = await createLibp2p({
      ...surroundings(9),
      services: {
        dht: kadDHT({
          // DHT options
        }),
        ping: ping(),
        identify: identify(),
      },
    })
    await meet(node, target)

    const peerId = peerIdFromString(target.sought)
    const peerInfo = await node.peerRouting.findPeer(peerId)

    expect(peerInfo.id.toString()).toBe(target.sought)
    expect(peerInfo.multiaddrs.map(String)).toEqual(['/ip4/45.33.32.2/tcp/4001'])
  })

  it('connecting to the IPFS Amino DHT', async () => {
    const target = await network({ protocol: '/ipfs/kad/1.0.0' })

    const node = await createLibp2p({
      ...surroundings(9),
      services: {
        aminoDHT: kadDHT({
          protocol: '/ipfs/kad/1.0.0',
          peerInfoMapper: removePrivateAddressesMapper,
        }),
        ping: ping(),
        identify: identify(),
      },
    })
    await meet(node, target)

    const peerId = peerIdFromString(target.sought)
    const peerInfo = await node.peerRouting.findPeer(peerId)

    expect(peerInfo.multiaddrs.map(String)).toEqual(['/ip4/45.33.32.2/tcp/4001'])
  })

  it('connecting to a LAN-only DHT', async () => {
    const target = await network(LAN)

    const node = await createLibp2p({
      ...surroundings(),
      services: {
        lanDHT: kadDHT({
          protocol: '/ipfs/lan/kad/1.0.0',
          peerInfoMapper: removePublicAddressesMapper,
          clientMode: false,
        }),
        ping: ping(),
        identify: identify(),
      },
    })
    await meet(node, target)

    const peerId = peerIdFromString(target.sought)
    const peerInfo = await node.peerRouting.findPeer(peerId)

    expect(peerInfo.multiaddrs.map(String)).toEqual([expect.stringMatching(/^\/ip4\/127\./)])
  })

  it('connecting to both a LAN-only DHT and the IPFS Amino DHT', async () => {
    const lan = await network(LAN)
    const amino = await network({ protocol: '/ipfs/kad/1.0.0' })

    const node = await createLibp2p({
      ...surroundings(9),
      services: {
        lanDHT: kadDHT({
          protocol: '/ipfs/lan/kad/1.0.0',
          peerInfoMapper: removePublicAddressesMapper,
          clientMode: false,
          logPrefix: 'libp2p:dht-lan',
          datastorePrefix: '/dht-lan',
          metricsPrefix: 'libp2p_dht_lan',
        }),
        aminoDHT: kadDHT({
          protocol: '/ipfs/kad/1.0.0',
          peerInfoMapper: removePrivateAddressesMapper,
          logPrefix: 'libp2p:dht-amino',
          datastorePrefix: '/dht-amino',
          metricsPrefix: 'libp2p_dht_amino',
        }),
        ping: ping(),
        identify: identify(),
      },
    })
    await meet(node, lan)
    await meet(node, amino)

    for (const target of [lan, amino]) {
      const peerId = peerIdFromString(target.sought)
      const peerInfo = await node.peerRouting.findPeer(peerId)

      expect(peerInfo.id.toString()).toBe(target.sought)
    }
    expect(node.services.lanDHT.routingTable.size).toBe(2)
    expect(node.services.aminoDHT.routingTable.size).toBeGreaterThan(0)
  })
})

const LAN = {
  protocol: '/ipfs/lan/kad/1.0.0',
  peerInfoMapper: removePublicAddressesMapper,
  clientMode: false,
}

interface Target {
  readonly entry: Libp2p
  /** The id of a peer that the entry knows. */
  readonly sought: string
}

/** Two peers that know each other. */
async function network(init: Parameters<typeof kadDHT>[0]): Promise<Target> {
  const create = (number: number) =>
    createLibp2p({
      ...surroundings(number),
      services: { dht: kadDHT(init), ping: ping(), identify: identify() },
    })
  const [entry, other] = await Promise.all([create(1), create(2)])
  started.push(entry, other)
  await until('both serve', async () =>
    [entry, other].every(({ services }) => services.dht.getMode() === 'server'),
  )
  await dial(other, entry)
  await until('they know each other', async () =>
    [entry, other].every(({ services }) => services.dht.routingTable.size === 1),
  )
  return { entry, sought: other.peerId.toString() }
}

/** What a reader of the README leaves to libp2p's bootstrap module. */
async function meet(node: Libp2p, { entry }: Target): Promise<void> {
  if (!started.includes(node)) started.push(node)
  await dial(node, entry)
}

async function dial(from: Libp2p, to: Libp2p): Promise<void> {
  const addresses = to.getMultiaddrs()
  await from.dial(addresses.filter((address) => address.toString().startsWith('/ip4/127.')))
}
