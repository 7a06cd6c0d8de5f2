import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Contact } from '../../src/core/contact.ts'
import { compareDistance } from '../../src/core/key.ts'
import { noise } from '../../src/libp2p/noise.ts'
import { type KadmiumOptions, type KadmiumService, kadmium } from '../../src/libp2p/service.ts'
import { tcp } from '../../src/libp2p/tcp.ts'

/** A real peer on TCP loopback. */
export interface TestPeer {
  readonly libp2p: Libp2p<{ dht: KadmiumService }>
  readonly dht: KadmiumService
  readonly address: string
}

/** Options that let many peers of one machine connect to one another. */
export function manyPeersOptions() {
  return {
    connectionManager: {
      maxConnections: 100_000,
      inboundConnectionThreshold: 100_000,
      maxIncomingPendingConnections: 100_000,
      maxParallelDials: 100,
      maxDialQueueLength: 100_000,
      // Many handshakes at once on a loaded machine take longer than libp2p waits for one with a stranger.
      dialTimeout: 60_000,
      addressDialTimeout: 60_000,
      inboundUpgradeTimeout: 60_000,
    },
    connectionMonitor: { enabled: false },
  }
}

/** Starts one peer. */
export async function startPeer(options: KadmiumOptions = {}): Promise<TestPeer> {
  const libp2p = await createLibp2p({
    ...manyPeersOptions(),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), dht: kadmium(options) },
  })
  const address = libp2p.getMultiaddrs()[0]
  if (address === undefined) throw new Error('the peer does not listen')
  return { libp2p, dht: libp2p.services.dht, address: address.toString() }
}

/**
 * Starts `count` peers, which join through the first, a few at a time: when all come at once many a pair dials each other at
 * the same time, and has two connections.
 */
export async function startPeers(
  count: number,
  options: KadmiumOptions = {},
): Promise<readonly TestPeer[]> {
  const first = await startPeer(options)
  const others = await inGroups(count - 1, 4, async () => {
    const peer = await startPeer({ ...options, bootstrap: [first.address] })
    await peer.dht.join()
    return peer
  })
  return [first, ...others]
}

/** Stops peers without handing over, all at once. */
export async function stopPeers(peers: readonly TestPeer[]): Promise<void> {
  await Promise.all(peers.map(async ({ libp2p }) => libp2p.stop()))
}

/** The `count` peers closest to a target, by brute force over all. */
export function closestOf(
  peers: readonly TestPeer[],
  target: Uint8Array,
  count: number,
): readonly string[] {
  const contacts: Contact[] = peers.map(({ dht }) => dht.node.self)
  contacts.sort((a, b) => compareDistance(target, a.key, b.key))
  return contacts.slice(0, count).map(({ id }) => id)
}

/** Does something `count` times, so many at once. */
export async function inGroups<Result>(
  count: number,
  atOnce: number,
  act: (index: number) => Promise<Result> | undefined,
): Promise<Result[]> {
  const results: Result[] = []
  for (let start = 0; start < count; start += atOnce) {
    const group = Array.from({ length: Math.min(atOnce, count - start) }, async (_, i) =>
      act(start + i),
    )
    results.push(...((await Promise.all(group)) as Result[]))
  }
  return results
}
