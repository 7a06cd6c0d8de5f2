import {
  type NoiseComponents,
  type NoiseExtensions,
  type NoiseInit,
  noise as plainNoise,
} from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, SecuredConnection } from '@libp2p/interface'
import { layFastPath } from './fast-path.ts'
import { noiseCrypto } from './noise-crypto.ts'
import { loadSodium } from './sodium.ts'

/**
 * libp2p's encryption at less cost: the cipher is libsodium's where that is installed (noise-cipher.ts), and standing streams
 * have a short way through the connection (fast-path.ts).
 *
 * Takes and does what `noise` of `@chainsafe/libp2p-noise` does otherwise; peers on either talk to each other.
 */
export function noise(
  init: NoiseInit = {},
): (components: NoiseComponents) => ConnectionEncrypter<NoiseExtensions> {
  return (components) => {
    const plain = plainNoise({ crypto: noiseCrypto(loadSodium()), ...init })(components)
    const secureInbound = plain.secureInbound.bind(plain)
    const secureOutbound = plain.secureOutbound.bind(plain)
    return Object.assign(plain, {
      secureInbound: async (...args: Parameters<typeof secureInbound>) =>
        withFastPath(await secureInbound(...args)),
      secureOutbound: async (...args: Parameters<typeof secureOutbound>) =>
        withFastPath(await secureOutbound(...args)),
    })
  }
}

function withFastPath(secured: SecuredConnection<NoiseExtensions>): typeof secured {
  layFastPath(secured)
  return secured
}
