import type { Logger } from '@libp2p/interface'
import { KadmiumError } from '../core/errors.ts'
import { compareKeys as compareBytes } from '../core/key.ts'
import type { ValueRecord } from '../core/record.ts'
import { parseRecordKey } from '../core/record-key.ts'
import type { Validator, ValidVerdict, Verdict } from '../core/validators.ts'
import type { SelectFn, Selectors, ValidateFn, Validators } from './kad-dht-types.ts'
import type { RecordVerifier } from './record-verifier.ts'
import { sha256 } from './system.ts'

/** Verdicts of validators that take time; about 150 bytes each. */
const VERDICTS_MAX = 8_192

/** How long a validator may take. ms. Then the record is invalid. */
const VALIDATE_TIMEOUT_MS = 10_000

const VALID: ValidVerdict = {
  valid: true,
  expiresAt: undefined,
  version: 0,
  writer: undefined,
  deleted: false,
}

const UNVERIFIED: Verdict = { valid: false, reason: 'the validator has not judged this value yet' }

type Digest = string

/**
 * Validators and selectors of @libp2p/kad-dht as Kadmium's. Those validate with a promise or without; selectors name the best
 * of a list.
 */
export class UserRecords implements RecordVerifier {
  /** Kadmium's validators, by namespace. */
  readonly validators: ReadonlyMap<string, Validator>
  readonly #validate: Readonly<Validators>
  readonly #log: Logger
  /** Namespaces whose validators have answered with a promise. */
  readonly #slow = new Set<string>()
  /** Namespaces whose validators have answered without one. */
  readonly #quick = new Set<string>()
  /** What slow validators said of a key and a value; the latest used last. */
  readonly #verdicts = new Map<Digest, Verdict>()

  /** @throws KadmiumError `ERR_INVALID_OPTION` for a selector that is asynchronous. */
  constructor(validate: Validators, select: Selectors, log: Logger) {
    this.#validate = { ...validate }
    this.#log = log
    for (const [name, selector] of Object.entries(select)) checkSelector(name, selector)
    this.validators = new Map(
      Object.entries(this.#validate).map(([name, validator]) => [
        name,
        {
          immutable: false,
          validate: (key: Uint8Array, value: Uint8Array) =>
            this.#judge(name, validator, key, value),
          select: (key: Uint8Array, a: Uint8Array, b: Uint8Array) =>
            this.#compare(select[name], key, a, b),
        },
      ]),
    )
  }

  verify({ key, value }: Pick<ValueRecord, 'key' | 'value'>): Promise<void> | undefined {
    const name = parseRecordKey(key)?.namespace
    const validator = name === undefined ? undefined : this.#own(name)
    if (name === undefined || validator === undefined || this.#quick.has(name)) return undefined
    const result = this.#run(validator, key, value)
    if (!(result instanceof Promise)) {
      this.#quick.add(name)
      return undefined
    }
    this.#slow.add(name)
    return result.then((verdict) => this.#remember(digestOf(key, value), verdict))
  }

  #own(name: string): ValidateFn | undefined {
    return Object.hasOwn(this.#validate, name) ? this.#validate[name] : undefined
  }

  /** The verdict at once: that of a quick validator, or the one that `verify` has brought. */
  #judge(name: string, validator: ValidateFn, key: Uint8Array, value: Uint8Array): Verdict {
    if (this.#slow.has(name)) return this.#recall(digestOf(key, value)) ?? UNVERIFIED
    const result = this.#run(validator, key, value)
    if (!(result instanceof Promise)) return result
    // A validator that has changed its ways: from now on its verdicts are waited for.
    this.#quick.delete(name)
    this.#slow.add(name)
    void result.then((verdict) => this.#remember(digestOf(key, value), verdict))
    return UNVERIFIED
  }

  #run(validator: ValidateFn, key: Uint8Array, value: Uint8Array): Verdict | Promise<Verdict> {
    try {
      const result = validator(key, value)
      return isPromise(result) ? settled(result) : VALID
    } catch (error) {
      return invalid(error)
    }
  }

  #compare(select: SelectFn | undefined, key: Uint8Array, a: Uint8Array, b: Uint8Array): number {
    if (select === undefined) return 0
    try {
      // A selector that names the first whatever stands there calls them equal.
      const [isFirst, isSecond] = [best(select, key, [a, b]) === 0, best(select, key, [b, a]) === 0]
      if (isFirst === isSecond) return 0
      return isFirst ? 1 : -1
    } catch (error) {
      this.#log.error('a selector failed; the order of bytes decides - %e', error)
      return compareBytes(a, b)
    }
  }

  #recall(digest: Digest): Verdict | undefined {
    const verdict = this.#verdicts.get(digest)
    if (verdict !== undefined) this.#remember(digest, verdict)
    return verdict
  }

  #remember(digest: Digest, verdict: Verdict): void {
    this.#verdicts.delete(digest)
    this.#verdicts.set(digest, verdict)
    if (this.#verdicts.size <= VERDICTS_MAX) return
    for (const oldest of this.#verdicts.keys()) {
      this.#verdicts.delete(oldest)
      return
    }
  }
}

function checkSelector(name: string, selector: unknown): void {
  const isAsync = typeof selector === 'function' && selector.constructor.name === 'AsyncFunction'
  if (typeof selector === 'function' && !isAsync) return
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    isAsync
      ? `\`selectors.${name}\` is asynchronous; Kadmium compares values at once: let the selector return the index`
      : `\`selectors.${name}\` must be a function of a key and its values, got ${typeof selector}`,
    { details: { option: `selectors.${name}` } },
  )
}

/** @throws Error for a selector that answers with a promise, which cannot be waited for. */
function best(select: SelectFn, key: Uint8Array, values: Uint8Array[]): number {
  const index: unknown = select(key, values)
  if (typeof index === 'number') return index
  // Nobody waits for it: what comes of it must not end the process.
  if (isPromise(index)) Promise.resolve(index).catch(() => {})
  throw new TypeError(
    `a selector must return an index, not ${isPromise(index) ? 'a promise' : typeof index}`,
  )
}

async function settled(result: PromiseLike<void>): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Verdict>((resolve) => {
    const verdict = invalid(new Error(`the validator took more than ${VALIDATE_TIMEOUT_MS} ms`))
    timer = setTimeout(() => resolve(verdict), VALIDATE_TIMEOUT_MS)
  })
  try {
    return await Promise.race([Promise.resolve(result).then(() => VALID, invalid), late])
  } finally {
    clearTimeout(timer)
  }
}

function invalid(error: unknown): Verdict {
  return { valid: false, reason: error instanceof Error ? error.message : String(error) }
}

function isPromise(value: unknown): value is PromiseLike<void> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** Stands for a key and a value: the key's length keeps the two apart. */
function digestOf(key: Uint8Array, value: Uint8Array): Digest {
  const bytes = Buffer.concat([Uint8Array.of(key.length >> 8, key.length & 0xff), key, value])
  return Buffer.from(sha256(bytes)).toString('base64')
}
