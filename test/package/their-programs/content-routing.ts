// js-libp2p's example "content routing", on loopback, and with an end.

import { noise } from '@chainsafe/libp2p-noise'
import { identify, identifyPush } from '@libp2p/identify'
import { kadDHT, removePublicAddressesMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'

const createNode = async () => {
  const node = await createLibp2p({
    addresses: {
      listen: ['/ip4/127.0.0.1/tcp/0'],
    },
    transports: [tcp()],
    streamMuxers: [yamux()],
    connectionEncrypters: [noise()],
    services: {
      dht: kadDHT({
        protocol: '/ipfs/lan/kad/1.0.0',
        peerInfoMapper: removePublicAddressesMapper,
        clientMode: false,
      }),
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
    },
  })

  return node
}

const [node1, node2, node3] = await Promise.all([createNode(), createNode(), createNode()])

await Promise.all([node1.dial(node2.getMultiaddrs()), node2.dial(node3.getMultiaddrs())])

const cid = CID.parse('QmTp9VkYvnHyrqKQuFPiuZkiX9gPcqj6x5LJ1rmWuSySnL')
await node1.contentRouting.provide(cid)

for await (const provider of node3.contentRouting.findProviders(cid, {
  signal: AbortSignal.timeout(10_000),
})) {
  console.log(`found the provider: ${provider.id.equals(node1.peerId)}, by ${provider.routing}`)
  break
}

await Promise.all([node1, node2, node3].map(async (node) => node.stop()))
