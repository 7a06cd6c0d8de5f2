import { parseApiAddress } from '../../src/api/address.ts'
import { connectKadmium, type KadmiumClient } from '../../src/api/client.ts'
import { Kind } from '../../src/api/gen/kadmium/v1/kadmium_pb.ts'
import { recordKeyToText } from '../../src/core/record-key.ts'
import { contactsOf, type Daemons, type RunningDaemon, until } from './kad.ts'
import { sha256Key } from './values.ts'

/** What a campaign does. */
export interface KillOptions {
  readonly kills: number
  /** Puts of a round: half by the API of the daemon that is killed, half by a peer of it. */
  readonly puts: number
  /** Further arguments of the daemon that is killed. */
  readonly args?: readonly string[]
  /** Hears of each round. */
  readonly onRound?: (round: KillRound) => void
}

/** What became of a round. */
export interface KillRound {
  readonly round: number
  /** Puts that the daemon itself had acknowledged to its user before it died. */
  readonly own: number
  /** Puts of others that it had acknowledged as a holder. */
  readonly held: number
  /** Puts under way when it died, which were never acknowledged. */
  readonly unacknowledged: number
  /** Values asked for after the restart: all of this round, and some of those before. */
  readonly checked: number
  /** Keys acknowledged and gone, or with other bytes. */
  readonly lost: readonly string[]
  readonly restartMs: number
}

/** A value by its key text; its bytes tell which it is. */
type Promised = Map<string, Uint8Array>

/** Puts that wait for their answers at once. */
const AT_ONCE = 16
/** Values of earlier rounds that each round asks for again; the last round asks for all. */
const EARLIER_CHECKED = 500

/**
 * Kills a daemon with SIGKILL amid puts, again and again in one data directory, and asks it after each restart for every
 * value that it had acknowledged: to its own user, and as a holder to another peer, which is stopped meanwhile, so that
 * nothing can come from anywhere but the daemon's own disk.
 */
export async function killAmidPuts(daemons: Daemons, options: KillOptions): Promise<KillRound[]> {
  const rounds: KillRound[] = []
  const promised: Promised = new Map()
  const args = options.args ?? []
  let victim = await daemons.start('victim', { args })
  for (let round = 1; round <= options.kills; round++) {
    // A new one each time: the victim has another address after each restart.
    const writer = await daemons.start(`writer-${round}`, { bootstrap: [victim.address] })
    await until('the two know each other', async () => {
      const contacts = await Promise.all([contactsOf(victim), contactsOf(writer)])
      return contacts.every((count) => count > 0)
    })
    const before = [...promised.keys()]
    const put = await putAndKill(victim, writer, { round, puts: options.puts })
    await writer.end('SIGTERM')
    for (const [key, value] of [...put.own, ...put.held]) promised.set(key, value)
    const startedAt = performance.now()
    victim = await daemons.start('victim', { args })
    const restartMs = performance.now() - startedAt
    const isLast = round === options.kills
    const again = isLast ? before : sampleOf(before, EARLIER_CHECKED)
    const keys = [...put.own.keys(), ...put.held.keys(), ...again]
    const lost = await missing(connectTo(victim), keys, promised)
    const { unacknowledged } = put
    const [own, held] = [put.own.size, put.held.size]
    rounds.push({ round, own, held, unacknowledged, checked: keys.length, lost, restartMs })
    options.onRound?.(rounds[rounds.length - 1] as KillRound) // pushed above
  }
  await victim.end('SIGTERM')
  return rounds
}

/** Puts through both daemons, and kills the victim when some of it is acknowledged and the rest is under way. */
async function putAndKill(
  victim: RunningDaemon,
  writer: RunningDaemon,
  { round, puts }: { round: number; puts: number },
): Promise<{ own: Promised; held: Promised; unacknowledged: number }> {
  const own: Promised = new Map()
  const held: Promised = new Map()
  // Anywhere from a tenth of the way to nine tenths, another place each round; or when one side has no more to put.
  const killAt = Math.ceil((puts / 2) * (0.1 + 0.8 * Math.random()))
  const killAtLatest = puts / 2 - AT_ONCE
  let killed: Promise<unknown> | undefined
  let unacknowledged = 0
  const settled = (): void => {
    const least = Math.min(own.size, held.size)
    const most = Math.max(own.size, held.size)
    if (least >= killAt || most >= killAtLatest) killed ??= victim.end('SIGKILL')
  }
  const through = async (client: KadmiumClient, name: string, note: Promised): Promise<void> => {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < puts / 2 && killed === undefined) {
        const item = itemOf(`${round}-${name}-${next}`, next++)
        try {
          const { stored } = await client.put(item.request)
          if (stored.includes(victim.id)) note.set(item.key(victim, writer, name), item.value)
        } catch {
          unacknowledged += 1 // the daemon died under it
        }
        settled()
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }
  await Promise.all([
    through(connectTo(victim), 'own', own),
    through(connectTo(writer), 'held', held),
  ])
  if (killed === undefined) throw new Error('the daemon acknowledged too little to be killed amid')
  await killed
  return { own, held, unacknowledged }
}

/** A put of one of the three kinds in turn, and what it is found under. */
function itemOf(name: string, index: number) {
  const value = new TextEncoder().encode(`${name} `.repeat(1 + (index % 40)))
  const kind = (['immutable', 'kv', 'mutable'] as const)[index % 3]
  const key = (victim: RunningDaemon, writer: RunningDaemon, through: string): string => {
    if (kind === 'immutable') return recordKeyToText(sha256Key(value))
    if (kind === 'kv') return `/kv/${name}`
    return `/mutable/${through === 'own' ? victim.id : writer.id}/${name}`
  }
  const request =
    kind === 'immutable'
      ? { kind: Kind.IMMUTABLE, value }
      : kind === 'kv'
        ? { key: `/kv/${name}`, value }
        : { kind: Kind.MUTABLE, key: name, value, ifSequence: 0n }
  return { value, key, request }
}

/** The keys that are not there as they were promised. */
async function missing(
  client: KadmiumClient,
  keys: readonly string[],
  promised: Promised,
): Promise<string[]> {
  const lost: string[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      const { value } = await client.get({ key, quorum: 1 }).catch(() => ({ value: undefined }))
      const isThere = value !== undefined && Buffer.compare(value, promised.get(key) ?? value) === 0
      if (!isThere) lost.push(key)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return lost
}

function connectTo(daemon: RunningDaemon): KadmiumClient {
  return connectKadmium(parseApiAddress(daemon.api))
}

/** At most `count`, evenly chosen. */
function sampleOf(keys: readonly string[], count: number): string[] {
  const step = Math.max(1, keys.length / count)
  return Array.from(
    { length: Math.min(count, keys.length) },
    (_, i) => keys[Math.floor(i * step)] as string, // below length
  )
}
