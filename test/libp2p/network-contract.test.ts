import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { ContactBook } from '../../src/libp2p/contacts.ts'
import { sha256 } from '../../src/libp2p/system.ts'
import { runNetworkContract } from '../contract/network-contract.ts'
import { defined, startEndpoint, startRawPeer } from '../support/endpoint.ts'

runNetworkContract({
  name: 'libp2p over TCP',
  create: async () => {
    const [own, other, malformed] = await Promise.all([
      startEndpoint(),
      startEndpoint(),
      startRawPeer((stream) => {
        stream.addEventListener('message', () => stream.send(Uint8Array.of(3, 8, 4, 0x42)))
      }),
    ])
    const nobody = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    return {
      network: own.network,
      clock: own.clock,
      peer: other.contact,
      answerBy: (answer) => {
        other.answer = answer
      },
      // Port 1 of this machine: nobody listens there.
      unreachable: defined(
        new ContactBook(sha256).contactOfPeer(nobody, [multiaddr('/ip4/127.0.0.1/tcp/1')]),
      ),
      malformed: malformed.contact,
      until: (promise) => promise,
      close: async () => {
        await Promise.all([own.close(), other.close(), malformed.close()])
      },
    }
  },
})
