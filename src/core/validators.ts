import { MalformedFieldsError } from './canonical-fields.ts'
import { hybridSkew } from './hybrid-clock.ts'
import { bytesEqual, compareKeys as compareBytes, isHexOf } from './key.ts'
import { CLOCK_SKEW_MAX_MS, RECORD_KEY_BYTES_MAX } from './limits.ts'
import type { Envelopes, Hash, UnixMs } from './ports.ts'
import {
  KV_NAMESPACE,
  MUTABLE_NAMESPACE,
  parseMutablePath,
  parseRecordKey,
  recordKeyFault,
  SHA256_NAMESPACE,
} from './record-key.ts'
import { decodeSignedValue, type SignedValue } from './signed-value.ts'

/** What a validator says of a value that satisfies its key. */
export interface ValidVerdict {
  readonly valid: true
  /** When it ends by its owner's word; `undefined`: not said. */
  readonly expiresAt: UnixMs | undefined
  /** Of two values of a key the one of higher version wins. 0: the value has no versions. */
  readonly version: number
  /** The text form of the peer id that signed it; `undefined`: nobody did. */
  readonly writer: string | undefined
  /** A tombstone: readers find nothing. */
  readonly deleted: boolean
}

/** What it says of one that does not. */
export interface InvalidVerdict {
  readonly valid: false
  /** For people; names what is wrong. */
  readonly reason: string
  /** `expired`: it was valid, but its owner's time has passed. Default: `invalid`. */
  readonly code?: 'invalid' | 'expired'
}

/** What a validator says. */
export type Verdict = ValidVerdict | InvalidVerdict

/**
 * The rules of one kind of record. Pure and synchronous: run on put, get, replication and load from disk, on bytes from
 * strangers; the cost must be bounded by their number.
 */
export interface Validator {
  /** Whether a key has only one possible value; then the first valid answer to a get is the answer. */
  readonly immutable: boolean
  /**
   * Whether a reader gives the value to all of the k closest that had none, and not only to the nearest: for networks whose
   * peers do not replicate. Default: false.
   */
  readonly readersReplicate?: boolean
  validate(key: Uint8Array, value: Uint8Array, now: UnixMs): Verdict
  /**
   * Positive if `a` wins, negative if `b` does; both are valid. Should be a total order, so that every peer ends with the
   * same winner in whatever order values arrive, and must agree with `version`. 0 for values that differ says that neither
   * is better: then a store keeps the one that ends later, which is the one put later.
   */
  select(key: Uint8Array, a: Uint8Array, b: Uint8Array): number
}

/** The validators of a peer, by namespace. */
export class Validators {
  readonly #byNamespace: ReadonlyMap<string, Validator>

  constructor(byNamespace: ReadonlyMap<string, Validator>) {
    this.#byNamespace = byNamespace
  }

  /** The kinds of records that this peer keeps. */
  get namespaces(): readonly string[] {
    return [...this.#byNamespace.keys()]
  }

  /** The validator of a key; `undefined` if the key is malformed or its namespace unknown. */
  for(key: Uint8Array): Validator | undefined {
    const parsed = parseRecordKey(key)
    return parsed === undefined ? undefined : this.#byNamespace.get(parsed.namespace)
  }

  validate(key: Uint8Array, value: Uint8Array, now: UnixMs): Verdict {
    const parsed = parseRecordKey(key)
    if (parsed === undefined)
      return invalid(
        `the key is not of the form /namespace/path, or exceeds ${RECORD_KEY_BYTES_MAX} bytes`,
      )
    const validator = this.#byNamespace.get(parsed.namespace)
    if (validator === undefined) return invalid(`no validator for keys of /${parsed.namespace}/`)
    return validator.validate(key, value, now)
  }

  /** As `Validator.select`; keys without a validator have no valid values, so that 0 is never seen in practice. */
  select(key: Uint8Array, a: Uint8Array, b: Uint8Array): number {
    return this.for(key)?.select(key, a, b) ?? 0
  }
}

/** The three kinds that every Kadmium peer keeps: `/sha256/`, `/mutable/`, `/kv/`; `more` adds or replaces kinds. */
export function defaultValidators(
  ports: { readonly hash: Hash; readonly envelopes: Envelopes },
  more: ReadonlyMap<string, Validator> = new Map(),
): Validators {
  return new Validators(
    new Map<string, Validator>([
      [SHA256_NAMESPACE, sha256Validator(ports.hash)],
      [MUTABLE_NAMESPACE, mutableValidator(ports.envelopes)],
      [KV_NAMESPACE, kvValidator(ports.envelopes)],
      ...more,
    ]),
  )
}

/** `/sha256/<digest>`: the bytes themselves; anyone may store them. */
export function sha256Validator(hash: Hash): Validator {
  return {
    immutable: true,
    validate(key, value) {
      const parsed = parseRecordKey(key)
      const fault = parsed === undefined ? 'the key is malformed' : recordKeyFault(parsed)
      if (parsed === undefined || fault !== undefined) return invalid(fault ?? '')
      if (!isHexOf(parsed.path, hash(value))) {
        return invalid('the value has another digest than its key')
      }
      return { valid: true, expiresAt: undefined, version: 0, writer: undefined, deleted: false }
    },
    // Two values of one digest are equal; the order by bytes is for completeness.
    select: (_key, a, b) => compareBytes(a, b),
  }
}

/**
 * `/mutable/<peer id>/<name>`: signed by the holder of that peer id's key. The higher sequence wins; if an owner signed two
 * values with one sequence, the greater bytes do.
 */
export function mutableValidator(envelopes: Envelopes): Validator {
  return {
    immutable: false,
    validate(key, value, now) {
      const path = parseRecordKey(key)?.path
      const owner = path === undefined ? undefined : parseMutablePath(path)?.owner
      if (owner === undefined)
        return invalid('the key is not of the form /mutable/<peer id>/<name>')
      return judge(envelopes, key, value, now, ({ signer }) =>
        signer === owner ? undefined : `signed by ${signer}, but only ${owner} may write this key`,
      )
    },
    select(_key, a, b) {
      return compareVersions(open(envelopes, a), open(envelopes, b)) || compareBytes(a, b)
    },
  }
}

/**
 * `/kv/<name>`: signed by anyone, and readers see by whom. The later hybrid timestamp wins; ties go to the greater writer,
 * then to the greater bytes. A timestamp further ahead of our clock than `CLOCK_SKEW_MAX_MS` is refused.
 */
export function kvValidator(envelopes: Envelopes): Validator {
  return {
    immutable: false,
    validate(key, value, now) {
      const parsed = parseRecordKey(key)
      const fault = parsed === undefined ? 'the key is malformed' : recordKeyFault(parsed)
      if (fault !== undefined) return invalid(fault)
      return judge(envelopes, key, value, now, ({ signed }) => {
        const ahead = hybridSkew(signed.version, now)
        if (ahead <= CLOCK_SKEW_MAX_MS) return undefined
        return `the timestamp lies ${ahead} ms ahead of this peer's clock, ${CLOCK_SKEW_MAX_MS} ms are allowed`
      })
    },
    select(_key, a, b) {
      const [x, y] = [open(envelopes, a), open(envelopes, b)]
      return compareVersions(x, y) || compareText(x?.signer, y?.signer) || compareBytes(a, b)
    },
  }
}

interface Opened {
  readonly signer: string
  readonly signed: SignedValue
}

function judge(
  envelopes: Envelopes,
  key: Uint8Array,
  value: Uint8Array,
  now: UnixMs,
  rule: (opened: Opened) => string | undefined,
): Verdict {
  const envelope = envelopes.open(value)
  if (envelope === undefined) return invalid('no signed envelope with a valid signature')
  const signed = decode(envelope.payload)
  if (signed instanceof MalformedFieldsError) return invalid(`malformed payload: ${signed.message}`)
  if (!bytesEqual(signed.key, key)) return invalid('signed for another key')
  const fault = rule({ signer: envelope.signer, signed })
  if (fault !== undefined) return invalid(fault)
  const { expiresAt, version, deleted } = signed
  if (expiresAt !== undefined && expiresAt <= now) {
    return { valid: false, reason: `expired ${now - expiresAt} ms ago`, code: 'expired' }
  }
  return { valid: true, expiresAt, version, writer: envelope.signer, deleted }
}

function open(envelopes: Envelopes, value: Uint8Array): Opened | undefined {
  const envelope = envelopes.open(value)
  const signed = envelope === undefined ? undefined : decode(envelope.payload)
  if (envelope === undefined || signed === undefined || signed instanceof Error) return undefined
  return { signer: envelope.signer, signed }
}

function decode(payload: Uint8Array): SignedValue | MalformedFieldsError {
  try {
    return decodeSignedValue(payload)
  } catch (error) {
    if (error instanceof MalformedFieldsError) return error
    throw error
  }
}

function compareVersions(a: Opened | undefined, b: Opened | undefined): number {
  return (a?.signed.version ?? 0) - (b?.signed.version ?? 0)
}

function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function invalid(reason: string): InvalidVerdict {
  return { valid: false, reason }
}
