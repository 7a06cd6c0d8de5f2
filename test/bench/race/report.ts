import type { ValueKind } from './contender.ts'
import { type ContenderName, PACKAGES } from './contenders.ts'
import type { Achievement, IdleAchievement, Operation, Result } from './course.ts'

/** One contender's run with so many peers. */
export interface CourseRun {
  readonly contender: ContenderName
  readonly peers: number
  readonly achievement: Achievement
}

/** One contender's idle peers. */
export interface IdleRun {
  readonly contender: ContenderName
  readonly peers: number
  readonly achievement: IdleAchievement
}

/** Everything that a race showed: what `--out` writes. */
export interface RaceFigures {
  readonly command: string
  readonly ranAt: string
  readonly machine: { readonly cpus: number; readonly model: string; readonly runtime: string }
  readonly versions: Readonly<Record<string, string>>
  readonly valueBytes: number
  readonly secondsPerMeasurement: number
  readonly courses: readonly CourseRun[]
  readonly idle: readonly IdleRun[]
}

/** What one must know to read the tables. */
export const NOTES = `Each contender ran alone in one process with all its peers on loopback, with its defaults. Values are 100 random bytes.
A get comes from a random peer that does not hold the value, and each returned what was put.
CPU: user and system time of the process, so of the asking and the answering peers, per operation.
requests: sent by all peers per operation, each with one answer; Kadmium's include the copies that a get leaves behind.
faster, less CPU: how many times Kadmium is ahead of this line, /sha256/ beside immutable values and /kv/ beside the others.

What differs:
- hyperdht and bittorrent-dht send plain UDP datagrams: nothing is encrypted and no peer proves who it is. Kadmium and
  @libp2p/kad-dht encrypt and authenticate (TCP, noise, yamux), and must connect first: operations were measured with all
  connections standing; what it costs to come there is in the last table.
- Whom a peer of Kadmium has heard answer within the last second, on a connection that stands, its lookup need not ask whether
  it lives; 'each asked' is with \`askAll\`. The others ask each of the closest each time.
- All store a value at 20 peers. /kv/ is signed by its writer, verified by each holder, and read from 3; hyperdht's mutable
  values are signed and read from all that it asks; /v/ is not signed and is read until its lookup ends.
- To prove no address of its own, hyperdht and bittorrent-dht fetch a token from each peer before they store there.`

/** The name of a value's kind in each implementation. */
const KIND_NAMES: Readonly<Record<ContenderName, Partial<Record<ValueKind, string>>>> = {
  kadmium: { immutable: '/sha256/', signed: '/kv/' },
  'kad-dht': { plain: '/v/' },
  hyperdht: { immutable: 'immutable', signed: 'mutable' },
  'bittorrent-dht': { immutable: 'immutable' },
}

const OPERATIONS: readonly Operation[] = ['put', 'get', 'closest', 'closest, each asked']

/** A table for each number of peers and each concurrency. */
export function speedTables(runs: readonly CourseRun[]): string {
  const tables: string[] = []
  for (const peers of new Set(runs.map((run) => run.peers))) {
    const ofPeers = runs.filter((run) => run.peers === peers)
    const results = ofPeers.flatMap(({ achievement }) => achievement.results)
    for (const concurrency of new Set(results.map((result) => result.concurrency))) {
      const title = `${peers} peers, ${concurrency} at a time`
      tables.push(`${title}\n${speedTable(ofPeers, concurrency)}`)
    }
  }
  return tables.join('\n\n')
}

/** What a peer weighs, and how long the network took to form. */
export function memoryTable(runs: readonly CourseRun[], idle: readonly IdleRun[]): string {
  const head = [
    'peers',
    'contender',
    'contacts',
    'heap KB',
    'resident KB',
    'start s',
    'start CPU ms/peer',
  ]
  const rows = runs.map(({ contender, peers, achievement }) => [
    String(peers),
    PACKAGES[contender],
    achievement.contacts.toFixed(1),
    kilobytes(achievement.memory.heapBytes),
    kilobytes(achievement.memory.residentBytes),
    (achievement.startMs / 1_000).toFixed(1),
    achievement.startCpuMs.toFixed(0),
  ])
  const connected = idle.map(({ contender, peers, achievement }) => [
    String(peers),
    `${PACKAGES[contender]}, ${achievement.connections.toFixed(0)} connections`,
    '',
    kilobytes(achievement.memory.heapBytes),
    kilobytes(achievement.memory.residentBytes),
    '',
    '',
  ])
  return `memory of a peer\n${aligned([head, ...rows, ...connected], 2)}`
}

function speedTable(runs: readonly CourseRun[], concurrency: number): string {
  const head = ['', 'contender', 'values', 'ops/s', 'p50 ms', 'p99 ms', 'CPU ms', 'requests']
  const rows = [[...head, 'faster', 'less CPU']]
  const kadmium = resultsOf(runs, 'kadmium', concurrency)
  for (const operation of OPERATIONS) {
    for (const { contender } of runs) {
      for (const result of resultsOf(runs, contender, concurrency)) {
        if (result.operation !== operation) continue
        const ours = contender === 'kadmium' ? undefined : counterpart(kadmium, result)
        rows.push(rowOf(contender, result, ours))
      }
    }
  }
  return aligned(rows, 3)
}

function resultsOf(
  runs: readonly CourseRun[],
  contender: ContenderName,
  concurrency: number,
): readonly Result[] {
  const run = runs.find((each) => each.contender === contender)
  return run?.achievement.results.filter((result) => result.concurrency === concurrency) ?? []
}

/** Kadmium's result to compare with: that of the kind that does the most alike. */
function counterpart(kadmium: readonly Result[], { operation, kind }: Result): Result | undefined {
  const ours = kind === 'plain' ? 'signed' : kind
  return kadmium.find((result) => result.operation === operation && result.kind === ours)
}

function rowOf(contender: ContenderName, result: Result, ours: Result | undefined): string[] {
  const { operation, kind } = result
  return [
    operation,
    PACKAGES[contender],
    kind === undefined ? '' : (KIND_NAMES[contender][kind] ?? kind),
    threeDigits(result.perSecond),
    threeDigits(result.p50Ms),
    threeDigits(result.p99Ms),
    threeDigits(result.cpuMs),
    result.requests.toFixed(1),
    ours === undefined ? '' : `${threeDigits(ours.perSecond / result.perSecond)} ×`,
    ours === undefined ? '' : `${threeDigits(result.cpuMs / ours.cpuMs)} ×`,
  ]
}

/** Columns of one width; from `firstNumber` on they are numbers and end at the same place. */
function aligned(rows: readonly (readonly string[])[], firstNumber: number): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const cell = (text: string, column: number): string =>
    column < firstNumber ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}

function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return 'n/a'
  if (value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}

function kilobytes(bytes: number): string {
  return (bytes / 1_024).toFixed(0)
}
