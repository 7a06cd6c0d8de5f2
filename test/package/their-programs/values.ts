// A program of one who uses much of the interface: values with a validator and a selector, events, modes, records, signals.

import { noise } from '@chainsafe/libp2p-noise'
import { identify, identifyPush } from '@libp2p/identify'
import {
  type DHTProgressEvents,
  type DHTRecord,
  EventTypes,
  type KadDHT,
  type KadDHTInit,
  kadDHT,
  MessageType,
  type PeerInfoMapper,
  passthroughMapper,
  type QueryEvent,
  Record,
  type RoutingTable,
  type SelectFn,
  type Selectors,
  type SetModeOptions,
  type SingleKadDHT,
  type ValidateFn,
  type Validators,
} from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array): string => new TextDecoder().decode(value)

const validate: ValidateFn = async (_key, value, options) => {
  options?.signal?.throwIfAborted()
  if (Number.isNaN(Number(text(value)))) throw new Error('not a number')
}
const greatest: SelectFn = (_key, values) => {
  const numbers = values.map((value) => Number(text(value)))
  return numbers.indexOf(Math.max(...numbers))
}
const validators: Validators = { score: validate }
const selectors: Selectors = { score: greatest }
const peerInfoMapper: PeerInfoMapper = passthroughMapper
const init: KadDHTInit = {
  protocol: '/arcade/kad/1.0.0',
  kBucketSize: 20,
  alpha: 3,
  clientMode: false,
  validators,
  selectors,
  peerInfoMapper,
  datastorePrefix: '/arcade',
  logPrefix: 'arcade:dht',
}

const start = async (): Promise<{ node: Libp2p; dht: SingleKadDHT }> => {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      dht: kadDHT(init),
    },
  })
  return { node, dht: node.services.dht as SingleKadDHT }
}

const peers = await Promise.all([start(), start(), start()])
const [a, b, c] = peers
if (a === undefined || b === undefined || c === undefined) throw new Error('too few')
await b.node.dial(a.node.getMultiaddrs())
await c.node.dial(a.node.getMultiaddrs())

const dht: KadDHT = a.dht
console.log(dht.k, dht.a, Object.keys(dht.validators).join(), dht.getMode())

await a.node.contentRouting.put(bytes('/score/pinball'), bytes('7'))
console.log(text(await b.node.contentRouting.get(bytes('/score/pinball'))))

/** What an event says, of those that matter here. */
const say = (event: QueryEvent): string | undefined => {
  switch (event.type) {
    case EventTypes.VALUE:
      return `value ${text(event.value)}`
    case EventTypes.PEER_RESPONSE: {
      const record: DHTRecord | undefined = event.record
      const isPut = event.messageType === MessageType.PUT_VALUE
      return isPut && record !== undefined ? `stored ${text(record.value)}` : undefined
    }
    case EventTypes.SEND_QUERY:
    case EventTypes.FINAL_PEER:
    case EventTypes.QUERY_ERROR:
    case EventTypes.PROVIDER:
    case EventTypes.ADD_PEER:
    case EventTypes.DIAL_PEER:
    case EventTypes.PATH_ENDED:
      return undefined
  }
}

const progress = new Set<string>()
// libp2p tells of its dialling by the same way.
const isOfQuery = (event: { type: string }): event is DHTProgressEvents =>
  event.type.startsWith('kad-dht:query:')
const onProgress = (event: { type: string }): void => {
  if (isOfQuery(event)) progress.add(EventTypes[event.detail.type])
}
const said: (string | undefined)[] = []
for await (const event of b.dht.put(bytes('/score/pinball'), bytes('9'), { onProgress })) {
  said.push(say(event))
}
for await (const event of c.dht.get(bytes('/score/pinball'))) said.push(say(event))
console.log([...new Set(said.filter((line) => line !== undefined))].sort().join('; '))
console.log(['SEND_QUERY', 'PEER_RESPONSE', 'DIAL_PEER'].every((name) => progress.has(name)))

const closest: string[] = []
for await (const peer of c.node.peerRouting.getClosestPeers(bytes('any key'))) {
  closest.push(peer.id.toString())
}
console.log(`${closest.length} closest`)

const table: RoutingTable = c.dht.routingTable
console.log(`${table.size} known`)

const missing = await c.node.contentRouting
  .get(bytes('/score/none'))
  .catch((error: AggregateError) => (error.errors[0] as Error).name)
console.log(missing)

try {
  for await (const _ of a.dht.getClosestPeers(bytes('key'), { signal: AbortSignal.abort() }));
} catch (error) {
  console.log(error instanceof Error ? error.name : error)
}

const options: SetModeOptions = { force: true }
await b.dht.setMode('client', options)
console.log(b.dht.getMode(), b.node.getProtocols().includes('/arcade/kad/1.0.0'))
await b.dht.refreshRoutingTable()

const record = new Record(bytes('/score/pinball'), bytes('9'), new Date(0))
const read = Record.deserialize(record.serialize())
console.log(text(read.value), read.timeReceived.toISOString())

await Promise.all(peers.map(async ({ node }) => node.stop()))
