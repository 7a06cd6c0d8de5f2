// A JavaScript program on the installed package: each of its entries, used.

import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import { KadmiumError, kadmium, sha256Key } from 'kadmium'
import { connectKadmium, errorCode } from 'kadmium/client'
import { kadDHT, passthroughMapper } from 'kadmium/kad-dht'
import { noise } from 'kadmium/noise'
import manifest from 'kadmium/package.json' with { type: 'json' }
import { tcp } from 'kadmium/tcp'
import { createLibp2p } from 'libp2p'

const start = (dht) =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping(), dht },
  })

const one = await start(kadmium())
const two = await start(kadmium({ bootstrap: one.getMultiaddrs() }))
await two.services.dht.join()
const put = await one.services.dht.putImmutable(new TextEncoder().encode('hello'))
const { value } = await two.services.dht.get(put.key)
const missing = await two.services.dht.get(sha256Key(new Uint8Array(32))).catch((error) => error)

const three = await start(kadDHT({ protocol: '/x/kad/1.0.0', peerInfoMapper: passthroughMapper }))
const mode = three.services.dht.getMode()
await Promise.all([one, two, three].map((node) => node.stop()))

const nobody = await connectKadmium('./no.sock')
  .status({})
  .catch((error) => error)

console.log(
  JSON.stringify({
    value: new TextDecoder().decode(value),
    missing: missing instanceof KadmiumError && missing.code,
    mode,
    nobody: errorCode(nobody) ?? nobody.name,
    version: manifest.version,
  }),
)
