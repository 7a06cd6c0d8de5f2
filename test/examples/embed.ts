// Two peers in one program: what one puts, the other gets.
//
//     node test/examples/embed.ts

import { identify } from '@libp2p/identify'
import { yamux } from '@libp2p/yamux'
import { kadmium } from 'kadmium'
import { noise } from 'kadmium/noise'
import { tcp } from 'kadmium/tcp'
import { createLibp2p } from 'libp2p'

const start = (bootstrap: string[]) =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), dht: kadmium({ bootstrap }) },
  })

const alice = await start([])
const bob = await start(alice.getMultiaddrs().map(String))
await bob.services.dht.join()

const { stored, target } = await bob.services.dht.put(
  '/kv/greeting',
  new TextEncoder().encode('hello'),
)
console.log(`held by ${stored.length} of ${target} peers`)

const { value, writer } = await alice.services.dht.get('/kv/greeting')
console.log(
  `${new TextDecoder().decode(value)}, written by ${writer === bob.peerId.toString() ? 'bob' : writer}`,
)

await bob.stop()
await alice.stop()
