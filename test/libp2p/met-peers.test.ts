import { generateKeyPair } from '@libp2p/crypto/keys'
import type { IdentifyResult, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { ContactBook } from '../../src/libp2p/contacts.ts'
import { MET_PEERS_MAX, MET_PEERS_MS } from '../../src/libp2p/limits.ts'
import { MetPeers, type MetPeersInit } from '../../src/libp2p/met-peers.ts'
import { removePrivateAddressesMapper } from '../../src/libp2p/peer-mappers.ts'
import { defined } from '../support/endpoint.ts'
import { contactOf, sha256, utf8 } from '../support/wire.ts'

const PUBLIC = multiaddr('/ip4/45.33.32.1/tcp/4001')
const PRIVATE = multiaddr('/ip4/10.0.0.1/tcp/4001')

class World {
  now = 0
  readonly connected = new Set<string>()
  readonly events = new EventTarget()
  readonly met: MetPeers
  readonly asker = contactOf(utf8('asker'), [])

  constructor() {
    // Of these it uses no more.
    this.met = new MetPeers({
      events: this.events,
      connections: { has: (id: string) => this.connected.has(id) },
      contacts: new ContactBook(sha256, removePrivateAddressesMapper),
      clock: { now: () => this.now },
    } as unknown as MetPeersInit)
    this.met.start()
  }

  meet(peerId: PeerId, listenAddrs: readonly Multiaddr[]): void {
    const detail = { peerId, listenAddrs, connection: { direction: 'inbound' } }
    const event = detail as unknown as IdentifyResult
    this.events.dispatchEvent(new CustomEvent('peer:identify', { detail: event }))
  }

  named(key: Uint8Array, closer: readonly Contact[] = [], from = this.asker): string[] {
    const request: RpcRequest = { type: 'find-node', key, target: sha256(key).slice(0, 20) }
    const outcome: RpcOutcome = { ok: true, response: { type: 'find-node', closer } }
    const full = this.met.withSought(from, request, outcome)
    if (!full.ok || full.response.type !== 'find-node') throw new Error('no answer')
    return full.response.closer.map(({ id, addresses }) => `${id} ${addresses.length}`)
  }
}

async function makeId(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

it('names a peer that was met, before the others and once, and to nobody but others', async () => {
  const world = new World()
  const peer = await makeId()
  const key = peer.toMultihash().bytes
  const another = contactOf(utf8('another'), [PUBLIC.bytes])
  expect(world.named(key, [another])).toEqual([`${another.id} 1`])
  world.meet(peer, [PRIVATE, PUBLIC])
  expect(world.named(key, [another])).toEqual([`${peer.toString()} 1`, `${another.id} 1`])
  expect(world.named(utf8('another key'), [another])).toEqual([`${another.id} 1`])
  const contacts = new ContactBook(sha256)
  const bare = defined(contacts.contactOfPeer(peer, []))
  const full = defined(contacts.contactOfPeer(peer, [PUBLIC]))
  expect(world.named(key, [another, bare])).toEqual([`${peer.toString()} 1`, `${another.id} 1`])
  expect(world.named(key, [another, full])).toEqual([`${another.id} 1`, `${peer.toString()} 1`])
  expect(world.named(key, [another], full)).toEqual([`${another.id} 1`])
  world.met.stop()
  expect(world.named(key)).toEqual([])
})

it('names none whose addresses are of another kind than the network’s', async () => {
  const world = new World()
  const peer = await makeId()
  world.meet(peer, [PRIVATE])
  expect(world.named(peer.toMultihash().bytes)).toEqual([])
})

it('forgets a peer an hour after it was met, unless it is connected', async () => {
  const world = new World()
  const [gone, connected] = [await makeId(), await makeId()]
  for (const peer of [gone, connected]) world.meet(peer, [PUBLIC])
  world.connected.add(connected.toString())
  const named = () => [gone, connected].map((peer) => world.named(peer.toMultihash().bytes).length)
  world.now = MET_PEERS_MS - 1
  expect(named()).toEqual([1, 1])
  world.now = MET_PEERS_MS
  expect(named()).toEqual([0, 1])
})

it('remembers so many, and forgets the one met longest ago', async () => {
  const world = new World()
  const ids = Array.from({ length: MET_PEERS_MAX + 1 }, (_, i) => {
    const bytes = Uint8Array.of(0x12, 0x20, ...sha256(utf8(`${i}`)))
    return { bytes, toMultihash: () => ({ bytes }) } as unknown as PeerId & { bytes: Uint8Array }
  })
  const [first, second] = ids
  if (first === undefined || second === undefined) throw new Error('too few')
  for (const id of [...ids.slice(0, MET_PEERS_MAX), first, ...ids.slice(MET_PEERS_MAX)]) {
    world.meet(id, [PUBLIC])
  }
  expect(world.named(first.toMultihash().bytes)).toHaveLength(1)
  expect(world.named(second.toMultihash().bytes)).toEqual([])
})
