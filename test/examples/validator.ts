// A kind of record of one's own: the best score of each game. A validator says what is a score and which of two wins, and
// every peer of the network holds to it.
//
//     node test/examples/validator.ts

import { identify } from '@libp2p/identify'
import { yamux } from '@libp2p/yamux'
import { KadmiumError, kadmium, type Validator } from 'kadmium'
import { noise } from 'kadmium/noise'
import { tcp } from 'kadmium/tcp'
import { createLibp2p } from 'libp2p'

const points = (value: Uint8Array): number => {
  const text = new TextDecoder().decode(value)
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : Number.NaN
}

const score: Validator = {
  immutable: false,
  validate: (_key, value) =>
    Number.isNaN(points(value))
      ? { valid: false, reason: 'a score is a number from 1 to 999999999' }
      : {
          valid: true,
          version: points(value),
          writer: undefined,
          expiresAt: undefined,
          deleted: false,
        },
  select: (_key, a, b) => points(a) - points(b),
}

const start = (bootstrap: string[]) =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      // A network of its own: all its peers know this kind.
      dht: kadmium({ prefix: 'arcade', bootstrap, validators: new Map([['score', score]]) }),
    },
  })

const alice = await start([])
const bob = await start(alice.getMultiaddrs().map(String))
await bob.services.dht.join()
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

await alice.services.dht.put('/score/pinball', bytes('4000'))
await bob.services.dht.put('/score/pinball', bytes('7000'))
for (const attempt of ['5000', 'a lot']) {
  try {
    await alice.services.dht.put('/score/pinball', bytes(attempt))
  } catch (error) {
    console.log(`${attempt}: ${error instanceof KadmiumError ? error.code : String(error)}`)
  }
}
const { value } = await alice.services.dht.get('/score/pinball')
console.log(`best: ${new TextDecoder().decode(value)}`)

await bob.stop()
await alice.stop()
