import { KadmiumError } from './errors.ts'
import { CONTACTS_PER_RESPONSE_MAX } from './limits.ts'

/** Whether a peer answers requests and holds records (`server`), or only asks (`client`). */
export type Mode = 'client' | 'server'

/** The parameters of a peer. All are optional where a user gives them; `resolveOptions` makes them complete. */
export interface NodeOptions {
  /** Peers that hold a value, and contacts in a bucket. Range: 1-100. Default: 20. Source: Kademlia; Amino. */
  readonly k: number
  /** Requests that a lookup has under way at once. Range: 1-32. Default: 3. Source: Kademlia, section 2.3. */
  readonly alpha: number
  /**
   * Requests that a lookup has under way after a round that brought nothing nearer. Range: 1-100; 0, the default: k, as in
   * the paper. Source: Kademlia, section 2.3.
   */
  readonly widenTo: number
  /**
   * Contacts in an answer to peers of our kind; others get k at most. Range: 1-40. Default: 2k, or 40 if that is less: with k,
   * lookups miss living peers while many contacts are dead (simulations/notes/alpha.md).
   */
  readonly contactsPerResponse: number
  /** Starts as a client or as a server. Default: server. */
  readonly mode: Mode
  /** Longest time one request may take before a peer's own round trips are known. ms, 100-60 000. Default: 5 000. */
  readonly requestTimeoutMs: number
  /**
   * Shortest timeout that round trips may bring about. ms, 10-10 000. Default: 1 000, as in RFC 6298, 2.4: a packet that TCP
   * sends again is no sign of death, and a living peer given up is one that a lookup misses. (A lookup does not wait idly:
   * it asks others once a peer is slower than usual.)
   */
  readonly requestTimeoutMinMs: number
  /** Longest timeout that round trips may bring about. ms, 100-60 000. Default: 10 000. */
  readonly requestTimeoutMaxMs: number
  /** Longest time a lookup, put or get may take unless the call says otherwise. ms, 1 000-600 000. Default: 60 000. */
  readonly operationTimeoutMs: number
  /** A bucket is refreshed when no lookup touched its range for so long. ms, 1 min-24 h. Default: 1 h. Source: Kademlia. */
  readonly refreshIntervalMs: number
  /**
   * Held records are replicated so often. ms, 1 min-24 h; 0 switches it off, and newcomers are handed nothing either.
   * Default: 1 h. Source: Kademlia, 2.5.
   */
  readonly replicateIntervalMs: number
  /** Owned records are republished so often. ms, 1 min-48 h; 0 switches it off. Default: 22 h. Source: Amino. */
  readonly republishIntervalMs: number
  /** How long a record lives whose owner names no end. ms, 1 min-30 d. Default: 48 h. Source: Amino. */
  readonly recordLifetimeMs: number
  /** Largest value, in bytes. Range: 1-1 048 576. Default: 65 536. */
  readonly valueBytesMax: number
  /** Bytes of records a peer holds. Range: 64 KiB-16 GiB. Default: 256 MiB. */
  readonly storeBytesMax: number
  /** Records a peer holds. Range: 1-10 000 000. Default: 100 000. */
  readonly storeRecordsMax: number
  /** How much of either one writer's signed records may take up. Percent, 1-100. Default: 25. */
  readonly storeWriterSharePercent: number
  /** Peers that must hold a value before a put succeeds. 1-k; 0, the default: half of the closest peers that were found. */
  readonly putQuorum: number
  /** Answers with a value that a get of a changeable key waits for. Range: 1-k. Default: 3. */
  readonly getQuorum: number
  /** Operations under way at once, besides maintenance; a further one is refused. Range: 1-100 000. Default: 1 024. */
  readonly operationsMax: number
  /** Limits contacts of one IP group in a bucket and in the table. Default: true. */
  readonly ipDiversity: boolean
}

type NumberOption = {
  [Name in keyof NodeOptions]: NodeOptions[Name] extends number ? Name : never
}[keyof NodeOptions]

interface NumberRule {
  readonly min: number
  readonly max: number
  readonly default: number
  readonly zeroIsOff?: boolean
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Options whose ranges or defaults depend on k. */
type DependsOnK = 'putQuorum' | 'getQuorum' | 'contactsPerResponse'

const NUMBERS: Readonly<Record<Exclude<NumberOption, DependsOnK>, NumberRule>> = {
  k: { min: 1, max: 100, default: 20 },
  alpha: { min: 1, max: 32, default: 3 },
  widenTo: { min: 0, max: 100, default: 0 },
  requestTimeoutMs: { min: 100, max: 60_000, default: 5_000 },
  requestTimeoutMinMs: { min: 10, max: 10_000, default: 1_000 },
  requestTimeoutMaxMs: { min: 100, max: 60_000, default: 10_000 },
  operationTimeoutMs: { min: 1_000, max: 600_000, default: 60_000 },
  refreshIntervalMs: { min: MINUTE, max: 24 * HOUR, default: HOUR },
  replicateIntervalMs: { min: MINUTE, max: 24 * HOUR, default: HOUR, zeroIsOff: true },
  republishIntervalMs: { min: MINUTE, max: 48 * HOUR, default: 22 * HOUR, zeroIsOff: true },
  recordLifetimeMs: { min: MINUTE, max: 720 * HOUR, default: 48 * HOUR },
  valueBytesMax: { min: 1, max: 1 << 20, default: 1 << 16 },
  storeBytesMax: { min: 1 << 16, max: 2 ** 34, default: 1 << 28 },
  storeRecordsMax: { min: 1, max: 10_000_000, default: 100_000 },
  storeWriterSharePercent: { min: 1, max: 100, default: 25 },
  operationsMax: { min: 1, max: 100_000, default: 1_024 },
}

/**
 * Completes and checks a user's options. Inner code never sees a missing one.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` naming the option, its range and the value given.
 */
export function resolveOptions(given: Partial<NodeOptions> = {}): NodeOptions {
  const numbers = Object.fromEntries(
    Object.entries(NUMBERS).map(([name, rule]) => {
      const key = name as keyof typeof NUMBERS // Object.entries forgets the names' type
      return [name, checkNumber(name, given[key], rule)]
    }),
  ) as Pick<NodeOptions, keyof typeof NUMBERS> // built from exactly these names
  const k = numbers.k
  const mode = given.mode ?? 'server'
  if (mode !== 'client' && mode !== 'server') {
    throw invalid('mode', "'client' or 'server'", mode)
  }
  const ipDiversity = given.ipDiversity ?? true
  if (typeof ipDiversity !== 'boolean') throw invalid('ipDiversity', 'true or false', ipDiversity)
  return Object.freeze({
    ...numbers,
    mode,
    ipDiversity,
    contactsPerResponse: checkNumber('contactsPerResponse', given.contactsPerResponse, {
      min: 1,
      max: CONTACTS_PER_RESPONSE_MAX,
      default: Math.min(2 * k, CONTACTS_PER_RESPONSE_MAX),
    }),
    putQuorum: checkNumber('putQuorum', given.putQuorum, {
      min: 0,
      max: k,
      default: 0,
    }),
    getQuorum: checkNumber('getQuorum', given.getQuorum, {
      min: 1,
      max: k,
      default: Math.min(3, k),
    }),
  })
}

function checkNumber(name: string, value: number | undefined, rule: NumberRule): number {
  if (value === undefined) return rule.default
  if (value === 0 && rule.zeroIsOff === true) return 0
  if (!Number.isInteger(value) || value < rule.min || value > rule.max) {
    const off = rule.zeroIsOff === true ? ', or 0 to switch it off' : ''
    throw invalid(name, `a whole number in ${rule.min}…${rule.max}${off}`, value)
  }
  return value
}

function invalid(name: string, wanted: string, value: unknown): KadmiumError {
  return new KadmiumError(
    'ERR_INVALID_OPTION',
    `\`${name}\` must be ${wanted}, got ${String(value)}`,
    { details: { option: name } },
  )
}
