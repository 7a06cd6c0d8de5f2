/*
 * Starts two peers, has them do what peers do, and stops them. Then the process must end by itself: whatever is left, a
 * timer, a socket, a stream, would keep it alive. Prints what it saw as one line of JSON.
 */
import { fileURLToPath } from 'node:url'

// Before anything else is loaded: timers that our sources set, until they go off or are cleared. libp2p's own are not ours.
const sources = fileURLToPath(new URL('../../src/', import.meta.url))
const timers = new Map<unknown, string>()
const { setTimeout: set, clearTimeout: clear } = globalThis
Object.assign(globalThis, {
  setTimeout: (fire: () => void, ms: number, ...rest: unknown[]) => {
    const timer = set(() => {
      timers.delete(timer)
      fire()
    }, ms)
    const stack = new Error().stack?.replaceAll('file://', '') ?? ''
    if (rest.length > 0) throw new Error('the arguments of a timer are not passed on here')
    if (stack.split('\n')[2]?.includes(sources) === true) timers.set(timer, stack)
    return timer
  },
  clearTimeout: (timer: NodeJS.Timeout | undefined) => {
    timers.delete(timer)
    clear(timer)
  },
})

// Of listeners that pile up, and the like.
const warnings: string[] = []
process.on('warning', ({ message }) => warnings.push(message))

const { startPeer } = await import('./peers.ts')
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const alice = await startPeer()
const bob = await startPeer({ bootstrap: [alice.address] })
const peers = [alice, bob]
await bob.dht.join()
await alice.dht.join()
await alice.dht.put('/kv/a', text('b'))
await bob.dht.get('/kv/a')
const news = bob.dht.watch('/kv/a')
await news.next()
const { protocol } = alice.dht
const served = peers.map(({ libp2p }) => libp2p.getProtocols().includes(protocol))
const streams = peers.map(({ dht }) => dht.status().outboundStreams + dht.status().inboundStreams)
const timersBefore = timers.size > 0
const connections = peers.map(({ libp2p }) => libp2p.getConnections().length)
for (const { libp2p } of peers) await libp2p.stop()
const servedAfter = peers.map(({ libp2p }) => libp2p.getProtocols().filter(isOurs))
const connectionsAfter = peers.map(({ libp2p }) => libp2p.getConnections().length)
const left = [...timers.values()]
const seen = {
  served,
  streams,
  connections,
  timersBefore,
  servedAfter,
  connectionsAfter,
  left,
  warnings,
}
process.stdout.write(`${JSON.stringify(seen)}\n`)

function isOurs(name: string): boolean {
  return name.startsWith('/kadmium/')
}
