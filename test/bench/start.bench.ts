/**
 * What a start costs a peer that holds many signed records: how long it reads and verifies, and how long nobody else has a
 * turn meanwhile.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { Contact } from '../../src/core/contact.ts'
import { hybridTimestamp } from '../../src/core/hybrid-clock.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import { resolveOptions } from '../../src/core/options.ts'
import type { Ports, StorageWrite } from '../../src/core/ports.ts'
import { kvKey } from '../../src/core/record-key.ts'
import { encodeStoredRecord } from '../../src/core/stored-record-codec.ts'
import { defaultValidators } from '../../src/core/validators.ts'
import { Libp2pEnvelopes } from '../../src/libp2p/envelopes.ts'
import { seal } from '../../src/libp2p/records.ts'
import { sha256, systemRandom } from '../../src/libp2p/system.ts'
import { SystemClock } from '../../src/libp2p/system-clock.ts'
import { KademliaNode } from '../../src/node/kademlia-node.ts'
import { LevelDbStorage } from '../../src/storage/leveldb-storage.ts'

const RECORDS = 100_000
const WRITERS = 20
const VALUE_BYTES = 200
const HOUR = 3_600_000

const directory = await mkdtemp(join(tmpdir(), 'kadmium-bench-'))
try {
  await fill()
  await start()
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function fill(): Promise<void> {
  const storage = await LevelDbStorage.open(directory)
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, () => generateKeyPair('Ed25519')),
  )
  const now = Date.now()
  const value = new Uint8Array(VALUE_BYTES).fill(7)
  for (let i = 0; i < RECORDS; ) {
    const batch: StorageWrite[] = []
    for (; batch.length < 1_000; i++) {
      const key = kvKey(`record ${i}`)
      const writer = writers[i % WRITERS]
      if (writer === undefined) throw new Error('there are writers')
      const sealed = await seal(writer, { key, value, version: hybridTimestamp(now) })
      const record = { key, value: sealed }
      const times = { receivedAt: now, expiresAt: now + 24 * HOUR }
      batch.push(encodeStoredRecord({ record, origin: 'replica', ...times }))
    }
    await new Promise<void>((resolve, reject) => {
      storage.write(batch, (error) => (error === undefined ? resolve() : reject(error)))
    })
    if (i % 10_000 === 0) process.stderr.write(`${i} of ${RECORDS} records signed and written\r`)
  }
  process.stderr.write('\n')
  await storage.close()
}

async function start(): Promise<void> {
  const storage = await LevelDbStorage.open(directory)
  const clock = new SystemClock()
  const envelopes = new Libp2pEnvelopes()
  const network = { send: () => () => undefined }
  const ports: Ports = {
    clock,
    random: systemRandom,
    network,
    storage,
    observer: undefined,
    hash: sha256,
    envelopes,
  }
  const idBytes = Uint8Array.of(1)
  const self = new Contact({
    id: 'self',
    idBytes,
    key: keyFromDigest(sha256(idBytes)),
    addresses: [],
  })
  const validators = defaultValidators({ hash: sha256, envelopes })
  const node = new KademliaNode({ self, ports, options: resolveOptions({}), validators })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const startedAt = performance.now()
  const { records, dropped } = await node.load()
  const seconds = (performance.now() - startedAt) / 1_000
  delay.disable()
  const ms = (ns: number): string => (ns / 1e6).toFixed(1)
  process.stdout.write(
    `${records} records read and verified in ${seconds.toFixed(1)} s (${((seconds / records) * 1e6).toFixed(0)} µs each), ${dropped} dropped; ` +
      `the event loop was late by ${ms(delay.percentile(50))} ms (p50), ${ms(delay.percentile(99))} ms (p99), ${ms(delay.max)} ms at most\n`,
  )
  await storage.close()
}
