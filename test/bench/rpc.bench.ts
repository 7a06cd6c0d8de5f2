/**
 * One RPC of Kadmium on a standing stream, beside an echo of as many bytes on a bare stream of the same connection: same TCP,
 * noise and yamux, so the difference is what Kadmium itself costs. The two take turns, and medians of the rounds are told,
 * because machines are noisy. Both ends run in this process.
 */

import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Contact } from '../../src/core/contact.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { RoutingTable } from '../../src/core/routing-table.ts'
import { ContactBook } from '../../src/libp2p/contacts.ts'
import { sha256 } from '../../src/libp2p/system.ts'
import { encodeAnswer, encodeRequest } from '../../src/wire/message-encoder.ts'
import { defined, type Endpoint, startEndpoint } from '../support/endpoint.ts'
import { seededRandom } from '../support/tiny.ts'
import { median } from './race/measure.ts'

const ROUNDS = 11
/** Of a round, in which a new peer asks: less than what a peer is let ask in one burst. */
const REQUESTS = 3_000
const K = 20
const CONTACTS = 100

interface Cost {
  readonly wallUs: number
  readonly cpuUs: number
}

interface Round {
  readonly rpc: Cost
  readonly echo: Cost
}

/** One exchange, from the request to its answer. */
type Exchange = () => Promise<void>

const random = seededRandom(1)
const answering = await startEndpoint()
const table = await filledTable(answering.contact)
answering.answer = (request, reply) => reply(answerTo(request))

const key = random.bytes(32)
const target = keyFromDigest(sha256(key))
const requests: readonly RpcRequest[] = [{ type: 'ping' }, { type: 'find-node', key, target }]

console.log('in µs: Kadmium, an echo of as many bytes, and the ratio of the two')
console.log('request    in flight      bytes         wall                    CPU of both ends')
for (const request of requests) {
  const sizes = sizesOf(request)
  const protocol = await serveEcho(sizes)
  for (const inFlight of [1, 16]) {
    const rounds: Round[] = []
    for (let round = -2; round < ROUNDS; round++) {
      const costs = await runRound(request, sizes, protocol, inFlight)
      if (round >= 0) rounds.push(costs)
    }
    const bytes = `${sizes.request}/${sizes.answer}`
    const columns = [cells(rounds, 'wallUs'), cells(rounds, 'cpuUs')]
    console.log(
      `${request.type.padEnd(12)}${String(inFlight).padStart(8)} ${bytes.padStart(10)} ${columns.join('  ')}`,
    )
  }
}
await answering.close()

function cells(rounds: readonly Round[], unit: keyof Cost): string {
  const middles = [
    median(rounds.map(({ rpc }) => rpc[unit])).toFixed(1),
    median(rounds.map(({ echo }) => echo[unit])).toFixed(1),
    median(rounds.map(({ rpc, echo }) => rpc[unit] / echo[unit])).toFixed(2),
  ]
  return middles.map((text) => text.padStart(7)).join(' ')
}

async function runRound(
  request: RpcRequest,
  sizes: Sizes,
  protocol: string,
  inFlight: number,
): Promise<Round> {
  const asking = await startEndpoint()
  const rpc = rpcOf(asking, request)
  await rpc() // connects and opens the stream
  const echo = await echoOf(asking, protocol, sizes)
  await echo()
  const costs = { rpc: await measure(rpc, inFlight), echo: await measure(echo, inFlight) }
  await asking.close()
  return costs
}

async function measure(exchange: Exchange, inFlight: number): Promise<Cost> {
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  let left = REQUESTS
  const worker = async (): Promise<void> => {
    while (left-- > 0) await exchange()
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const wallUs = ((performance.now() - startedAt) * 1_000) / REQUESTS
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wallUs, cpuUs: (user + system) / REQUESTS }
}

/** A request of Kadmium's network, on the stream that stands after the first. */
function rpcOf(asking: Endpoint, request: RpcRequest): Exchange {
  return () =>
    new Promise((resolve, reject) => {
      const deadline = asking.clock.now() + 10_000
      asking.network.send(answering.contact, request, deadline, (outcome) => {
        if (outcome.ok) resolve()
        else reject(new Error(`${outcome.failure.type}: ${outcome.failure.reason}`))
      })
    })
}

interface Sizes {
  readonly request: number
  readonly answer: number
}

/** Bytes on the stream, lengths before the messages included. */
function sizesOf(request: RpcRequest): Sizes {
  const encoding = { framed: true, kadmium: true, timeReceived: '' }
  return {
    request: encodeRequest(request, encoding).length,
    answer: encodeAnswer(request, answerTo(request), encoding, true).length,
  }
}

/** Answers every so many bytes with so many, on streams of libp2p as they are. */
async function serveEcho(sizes: Sizes): Promise<string> {
  const protocol = `/bench/echo/${sizes.request}/${sizes.answer}`
  await answering.libp2p.handle(protocol, (stream) => {
    onEvery(stream, sizes.request, () => stream.send(new Uint8Array(sizes.answer)))
  })
  return protocol
}

async function echoOf(asking: Endpoint, protocol: string, sizes: Sizes): Promise<Exchange> {
  const stream = await asking.libp2p.dialProtocol(answering.libp2p.peerId, protocol)
  const waiting: (() => void)[] = []
  onEvery(stream, sizes.answer, () => waiting.shift()?.())
  return () => {
    const answered = new Promise<void>((resolve) => waiting.push(resolve))
    stream.send(new Uint8Array(sizes.request))
    return answered
  }
}

/** Calls `then` whenever so many bytes more have come. */
function onEvery(stream: Stream, bytes: number, then: () => void): void {
  let pending = 0
  stream.addEventListener('message', ({ data }) => {
    pending += data.byteLength
    for (; pending >= bytes; pending -= bytes) then()
  })
}

function answerTo(request: RpcRequest): RpcOutcome {
  if (request.type !== 'find-node') return { ok: true, response: { type: 'ping' } }
  return { ok: true, response: { type: request.type, closer: table.closest(request.target, K) } }
}

/** A routing table of peers as they are in life: with public keys as ids and an address of TCP. */
async function filledTable({ key: self }: Contact): Promise<RoutingTable> {
  const book = new ContactBook(sha256)
  const filled = new RoutingTable({ self, k: K, ipDiversity: false })
  for (let i = 0; i < CONTACTS; i++) filled.offer(await contact(book, i), i)
  return filled
}

async function contact(book: ContactBook, index: number): Promise<Contact> {
  const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  return defined(book.contactOfPeer(id, [multiaddr(`/ip4/10.0.0.${index}/tcp/4001`)]))
}
