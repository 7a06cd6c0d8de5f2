import { createHash } from 'node:crypto'
import type {
  ActivityOutput,
  ApiPeer,
  BucketOutput,
  CallOptions,
  ContactOutput,
  GetOutput,
  LookupListeners,
  LookupOutput,
  LookupStepOutput,
  PeerOutput,
  PutInput,
  PutOutput,
  RecordOutput,
  StatusOutput,
  WatchOutput,
} from '../../src/api/peer.ts'
import { KadmiumError } from '../../src/core/errors.ts'
import { commonPrefixLength, compareDistance, type Key, toHex } from '../../src/core/key.ts'

/** What a scripted peer shows. */
export interface Script {
  readonly peers: number
  readonly records?: number
  readonly k?: number
  readonly problems?: readonly string[]
  /** Called with each step of a lookup before it is told; a lookup waits for it. */
  readonly beforeStep?: (step: LookupStepOutput) => Promise<void>
}

/** A peer in an invented network of any size: the same for the same script, and quick to make. */
export class ScriptedPeer implements ApiPeer {
  /** Values that were put, by key. */
  readonly values: Map<string, Uint8Array> = new Map()
  readonly #script: Script
  readonly #k: number
  readonly #self: Contact
  readonly #others: readonly Contact[]
  readonly #startedAt = Date.now()

  constructor(script: Script) {
    this.#script = script
    this.#k = script.k ?? 20
    this.#self = contact(0)
    this.#others = Array.from({ length: script.peers }, (_, i) => contact(i + 1))
  }

  async put(input: PutInput): Promise<PutOutput> {
    const key = fullKey(input.key ?? toHex(keyOf(String(input.value))))
    if (key.startsWith('/nowhere/')) {
      throw new KadmiumError('ERR_INVALID_KEY', `'${key}' is in no namespace of this network`)
    }
    this.values.set(key, input.value)
    const stored = this.#closest(keyOf(key)).map(({ id }) => id)
    const target = stored.length
    const counts = { target, quorum: Math.ceil(target / 2), version: 1, requests: target + 4 }
    return { key, stored, failed: [], durationMs: 31.4, ...counts }
  }

  async get(given: string): Promise<GetOutput> {
    const key = fullKey(given)
    const value = this.values.get(key)
    if (value === undefined) {
      throw new KadmiumError('ERR_NOT_FOUND', `no peer that was asked holds ${key}`)
    }
    const from = this.#closest(keyOf(key))[0]?.id
    const times = { writtenAtMs: Date.now() - 60_000, expiresAtMs: Date.now() + 48 * 3_600_000 }
    const counts = { version: 1, agreed: 3, hops: 2, requests: 6, durationMs: 12.3 }
    return { key, value, writer: this.#self.id, from, ...times, ...counts }
  }

  delete(key: string): Promise<PutOutput> {
    return this.put({ key, value: new Uint8Array(0), kind: 'by-key' })
  }

  async provide(): Promise<Pick<PutOutput, 'stored' | 'failed' | 'target' | 'durationMs'>> {
    return { stored: [], failed: [], target: 0, durationMs: 0 }
  }

  async findProviders(): Promise<void> {}

  async findPeer(id: string): Promise<PeerOutput> {
    return { id, addresses: [] }
  }

  async *watch(): AsyncGenerator<WatchOutput, void, undefined> {}

  /** Asks ever nearer peers, three at a time; each names some that are nearer than itself; every ninth does not answer. */
  async lookup(given: string, options: CallOptions & LookupListeners): Promise<LookupOutput> {
    const target = keyOf(fullKey(given))
    options.started?.(toHex(target))
    const seeds = this.#table().sort((a, b) => compareDistance(target, a.key, b.key))
    const known = new Map(
      seeds.slice(0, 3).map((one): [string, Heard] => [one.id, { hop: 1, by: undefined }]),
    )
    const asked: Contact[] = []
    const failed = new Set<Contact>()
    for (;;) {
      const waiting = this.#nearestOf(known, target)
        .filter((one) => !failed.has(one))
        .slice(0, this.#k)
        .filter((one) => !asked.includes(one))
        .slice(0, 3)
      if (waiting.length === 0) break
      for (const one of waiting) {
        asked.push(one)
        await this.#tell(options, stepOf('sent', one, known, target, asked.length, 0))
      }
      for (const one of waiting) {
        const fails = asked.indexOf(one) % 9 === 8
        const added = fails ? 0 : this.#name(one, target, known)
        if (fails) failed.add(one)
        const type = fails ? 'failed' : 'answered'
        await this.#tell(options, stepOf(type, one, known, target, asked.length, added))
      }
    }
    const closest = this.#nearestOf(known, target)
      .filter((one) => !failed.has(one))
      .slice(0, this.#k)
    return {
      closest: closest.map(({ id, key }) => ({
        id,
        addresses: [],
        prefixLength: commonPrefixLength(target, key),
        self: false,
      })),
      target: toHex(target),
      complete: true,
      hops: Math.max(0, ...closest.map(({ id }) => known.get(id)?.hop ?? 0)),
      requests: asked.length,
      failures: failed.size,
      durationMs: 57.2,
    }
  }

  async status(): Promise<StatusOutput> {
    const buckets = await this.table()
    const contacts = buckets.reduce((sum, { peers }) => sum + peers.length, 0)
    const counts = { contacts, buckets: buckets.length, connections: Math.ceil(contacts / 3) }
    return {
      ...counts,
      id: this.#self.id,
      key: toHex(this.#self.key),
      addresses: [`/ip4/192.0.2.7/tcp/4701/p2p/${this.#self.id}`],
      mode: 'server',
      uptimeMs: Date.now() - this.#startedAt + 9_000_000,
      records: this.#recordCount,
      recordBytes: this.#recordCount * 412,
      providerKeys: 0,
      publications: 3,
      operations: 0,
      networkSize: this.#script.peers === 0 ? undefined : this.#script.peers * 1.04,
      problems: this.#script.problems ?? [],
      version: '0.1.0',
      protocol: '/kadmium/kad/1.0.0',
      k: this.#k,
      alpha: 3,
    }
  }

  async peers(): Promise<readonly ContactOutput[]> {
    return (await this.table()).flatMap(({ peers }) => peers)
  }

  async table(): Promise<readonly BucketOutput[]> {
    const byLength = Map.groupBy(this.#others, ({ key }) => commonPrefixLength(this.#self.key, key))
    return [...byLength]
      .sort(([a], [b]) => a - b)
      .map(([prefixLength, peers]) => ({
        prefixLength,
        replacements: Math.min(this.#k, Math.max(0, peers.length - this.#k)),
        peers: peers.slice(0, this.#k).map(({ id, key, index }) => ({
          id,
          addresses: [`/ip4/198.51.100.${index % 256}/tcp/${4_000 + index}/p2p/${id}`],
          key: toHex(key),
          prefixLength,
          lastSeenMs: (index % 40) * 9_000,
          failures: index % 23 === 7 ? 2 : 0,
          connected: index % 3 === 0,
        })),
      }))
  }

  async records(limit: number): Promise<{ records: readonly RecordOutput[]; total: number }> {
    const names = [...this.values.keys()]
    for (let i = names.length; i < this.#recordCount; i++) names.push(`/kv/record-${i}`)
    const records = names.map(
      (key, i): RecordOutput => ({
        key,
        target: toHex(keyOf(key)),
        origin: i % 7 === 0 ? 'owner' : i % 5 === 0 ? 'cached' : 'replica',
        valueBytes: 20 + ((i * 97) % 900),
        writer: this.#self.id,
        expiresAtMs: Date.now() + (i % 48) * 3_600_000,
        deleted: i % 31 === 11,
      }),
    )
    return { records: records.slice(0, limit), total: records.length }
  }

  async activity(): Promise<ActivityOutput> {
    const intervalMs = 5_000
    const now = Math.floor(Date.now() / intervalMs) * intervalMs
    const intervals = Array.from({ length: 150 }, (_, i) => {
      const wave = 1 + Math.sin(i / 11) * 0.5 + (((i * 7919) % 13) / 13) * 0.4
      const sent = Math.round(24 * wave)
      const failed = i % 17 === 3 ? 3 : 0
      const latency = (ms: number, count = sent) => ({ count, p50Ms: ms, p95Ms: ms * 2.6 })
      const operations = [
        { kind: 'get', done: 2, failed: 0, duration: latency(21 * wave, 2) },
        { kind: 'put', done: 1, failed: 0, duration: latency(48 * wave, 1) },
        { kind: 'find-node', done: 1, failed: 0, duration: latency(33 * wave, 1) },
      ]
      return {
        beganAtMs: now - (150 - i) * intervalMs,
        sent,
        answered: sent - failed,
        failed,
        received: Math.round(15 * wave),
        refused: 0,
        roundTrip: latency(6 * wave),
        operations: i % 4 === 0 ? operations : [],
      }
    })
    return { intervalMs, intervals }
  }

  get #recordCount(): number {
    return Math.max(this.values.size, this.#script.records ?? 0)
  }

  async #tell(options: LookupListeners, step: LookupStepOutput): Promise<void> {
    await this.#script.beforeStep?.(step)
    options.step?.(step)
  }

  #table(): Contact[] {
    const counts = new Map<number, number>()
    return this.#others.filter(({ key }) => {
      const bits = commonPrefixLength(this.#self.key, key)
      const before = counts.get(bits) ?? 0
      counts.set(bits, before + 1)
      return before < this.#k
    })
  }

  /** How many of those nearer to the target than `who` are new. */
  #name(who: Contact, target: Key, known: Map<string, Heard>): number {
    const hop = (known.get(who.id)?.hop ?? 0) + 1
    const nearer = this.#closest(target).filter(
      ({ key, index }) =>
        (index + who.index) % 3 === 0 || compareDistance(target, key, who.key) < 0,
    )
    let added = 0
    for (const { id } of nearer.slice(-6)) {
      if (known.has(id)) continue
      known.set(id, { hop, by: who.id })
      added += 1
    }
    return added
  }

  #nearestOf(known: ReadonlyMap<string, Heard>, target: Key): Contact[] {
    return this.#others
      .filter(({ id }) => known.has(id))
      .sort((a, b) => compareDistance(target, a.key, b.key))
  }

  #closest(target: Key): Contact[] {
    return this.#others.toSorted((a, b) => compareDistance(target, a.key, b.key)).slice(0, this.#k)
  }
}

interface Contact {
  readonly id: string
  readonly key: Key
  readonly index: number
}

interface Heard {
  readonly hop: number
  readonly by: string | undefined
}

function contact(index: number): Contact {
  const seed = createHash('sha256').update(`peer ${index}`).digest('base64url')
  const id = `12D3KooW${seed.replaceAll(/[-_0OIl]/g, 'x').slice(0, 44)}`
  return { id, key: keyOf(id), index }
}

function keyOf(text: string): Key {
  return new Uint8Array(createHash('sha256').update(text).digest().subarray(0, 20))
}

function fullKey(given: string): string {
  return given.startsWith('/') ? given : `/kv/${given}`
}

function stepOf(
  type: LookupStepOutput['type'],
  { id, key }: Contact,
  known: ReadonlyMap<string, Heard>,
  target: Key,
  asked: number,
  added: number,
): LookupStepOutput {
  const { hop, by } = known.get(id) ?? { hop: 1, by: undefined }
  return {
    type,
    peer: id,
    key: toHex(key),
    namedBy: by,
    hop,
    prefixLength: commonPrefixLength(target, key),
    atMs: asked * 2,
    tookMs: type === 'sent' ? 0 : type === 'failed' ? 1_000 : 3 + (asked % 7) * 1.7,
    contacts: type === 'answered' ? 20 : 0,
    added,
    failure: type === 'failed' ? 'timeout' : undefined,
  }
}
