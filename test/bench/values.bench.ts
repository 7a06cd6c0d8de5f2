/** Puts, gets and lookups on 32 peers over TCP loopback, all in this process: what one operation costs both ends. */

import { randomBytes } from 'node:crypto'
import { startPeers, stopPeers, type TestPeer } from '../support/peers.ts'

const PEERS = 32
const OPERATIONS = 300

const peers = await startPeers(PEERS)
const keys: Uint8Array[] = []
for (let i = 0; i < 50; i++) await put() // warm-up
keys.length = 0
for (const concurrency of [1, 16]) {
  await measure('put', concurrency, put)
  await measure('get', concurrency, get)
  await measure('lookup', concurrency, async () => {
    await randomPeer().dht.findNode(randomBytes(20))
  })
}
await stopPeers(peers)

async function put(): Promise<void> {
  const { key } = await randomPeer().dht.putImmutable(randomBytes(100))
  keys.push(key)
}

async function get(): Promise<void> {
  const key = keys[Math.floor(Math.random() * keys.length)]
  if (key !== undefined) await randomPeer().dht.get(key)
}

function randomPeer(): TestPeer {
  return peers[Math.floor(Math.random() * peers.length)] as TestPeer // below length
}

async function measure(
  name: string,
  concurrency: number,
  operation: () => Promise<void>,
): Promise<void> {
  const durations: number[] = []
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  let left = OPERATIONS
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const at = performance.now()
      await operation()
      durations.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  durations.sort((a, b) => a - b)
  const percentile = (share: number): string =>
    (durations[Math.floor(durations.length * share)] ?? 0).toFixed(2)
  const perSecond = (OPERATIONS / seconds).toFixed(0)
  const cpuMs = ((user + system) / 1_000 / OPERATIONS).toFixed(2)
  process.stdout.write(
    `${name.padEnd(7)} concurrency ${String(concurrency).padStart(2)}: ${perSecond.padStart(6)}/s, p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms, CPU ${cpuMs} ms\n`,
  )
}
