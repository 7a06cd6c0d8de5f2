import { once } from 'node:events'
import { Client } from 'bittorrent-dht'
import { at, type Contender, forEachIndex, mean, type RaceNetwork } from './contender.ts'

/** A peer keeps 1,000 values by default, fewer than the race puts: it would forget those that are asked for. */
const VALUES_MAX = 1_000_000

/** bittorrent-dht over plain UDP: BEP 5 and BEP 44 with its defaults. Its users bring signatures along: only immutable values. */
export const bittorrentContender: Contender = {
  kinds: ['immutable'],
  start: async (count) => {
    const first = await startPeer([])
    const bootstrap = [`127.0.0.1:${first.address().port}`]
    const peers = [first]
    while (peers.length < count) peers.push(await startPeer(bootstrap))
    const network = networkOf(peers)
    // Its bootstrap knows only peers that came earlier: let each look itself and others up.
    await forEachIndex(count, 8, async (index) => {
      for (const target of [at(peers, index), at(peers, 0), at(peers, count - 1)]) {
        await network.closest(index, target.nodeId)
      }
    })
    return network
  },
}

async function startPeer(bootstrap: readonly string[]): Promise<Client> {
  const peer = new Client({
    bootstrap: bootstrap.length > 0 && bootstrap,
    host: '127.0.0.1',
    maxValues: VALUES_MAX,
  })
  const ready = once(peer, 'ready')
  peer.listen(0, '127.0.0.1')
  await ready
  return peer
}

function networkOf(peers: readonly Client[]): RaceNetwork {
  const holders = new Map<string, Set<number>>()
  let requests = 0
  const hold = (key: Uint8Array, peer: number): void => {
    const name = Buffer.from(key).toString('hex')
    const holding = holders.get(name) ?? new Set()
    holders.set(name, holding.add(peer))
  }
  for (const [index, peer] of peers.entries()) {
    for (const name of ['get', 'get_peers', 'find_node', 'put']) peer.on(name, () => requests++)
    peer.on('put', (key: Buffer) => hold(key, index))
  }
  return {
    put: (peer, _kind, value) =>
      new Promise((resolve, reject) => {
        at(peers, peer).put({ v: Buffer.from(value) }, (error, key) => {
          if (error) return reject(error)
          hold(key, peer)
          resolve(key)
        })
      }),
    get: (peer, _kind, key) =>
      new Promise((resolve, reject) => {
        at(peers, peer).get(Buffer.from(key), (error, found) => {
          if (error) reject(error)
          else if (found === null) reject(new Error('not found'))
          else resolve(found.v)
        })
      }),
    closest: (peer, key) =>
      new Promise((resolve, reject) => {
        at(peers, peer).lookup(Buffer.from(key.subarray(0, 20)), (error, answered) => {
          if (error) reject(error)
          else resolve(answered)
        })
      }),
    holds: (peer, key) => holders.get(Buffer.from(key).toString('hex'))?.has(peer) ?? false,
    requests: () => requests,
    contacts: () => mean(peers.map(({ nodes }) => nodes.toArray().length)),
    stop: async () => {
      await forEachIndex(peers.length, 16, (index) => {
        return new Promise<void>((resolve) => at(peers, index).destroy(resolve))
      })
    },
  }
}
