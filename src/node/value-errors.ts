import { KadmiumError } from '../core/errors.ts'
import { recordKeyToText } from '../core/record-key.ts'
import type { StoreFailure } from '../core/store-at-closest.ts'
import type { Validators } from '../core/validators.ts'

/*
 * What puts and gets reject with, and the checks of their options.
 */

/** A newer value stands. Who is no Kadmium peer does not tell the version that it holds. */
export function staleWrite(why: string, heldVersion: number | undefined): KadmiumError {
  return new KadmiumError('ERR_STALE_WRITE', `a newer value stands already: ${why}`, {
    details: heldVersion === undefined ? {} : { heldVersion },
  })
}

/** The quorum, if it is one; 0: the default. */
export function checkQuorum(quorum: number, k: number): number {
  if (Number.isInteger(quorum) && quorum >= 0 && quorum <= k) return quorum
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `\`quorum\` must be a whole number in 1…${k} (k), got ${quorum}`,
    { details: { option: 'quorum' } },
  )
}

/** Throws unless the condition is a version. */
export function checkIfVersion(ifVersion: number | undefined): void {
  if (ifVersion === undefined || (Number.isSafeInteger(ifVersion) && ifVersion >= 0)) return
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `\`ifVersion\` must be a whole number from 0 up, got ${ifVersion}`,
    { details: { option: 'ifVersion' } },
  )
}

/** A key that no validator is for. */
export function unknownKind(key: Uint8Array, validators: Validators): KadmiumError {
  const text = new TextDecoder().decode(key.subarray(0, 60))
  const kinds = validators.namespaces.map((namespace) => `/${namespace}/`)
  return new KadmiumError(
    'ERR_INVALID_KEY',
    `no validator for the key '${text}': keys of this network begin with ${kinds.join(', ')}`,
  )
}

/** Nobody has the value. */
export function notFound(
  key: Uint8Array,
  answered: number,
  why = 'no peer that was asked holds it',
): KadmiumError {
  const asked = answered === 0 ? 'this peer alone was asked' : `${answered} answered`
  const text = `${shownKey(key)} is not found: ${why} (${asked})`
  return new KadmiumError('ERR_NOT_FOUND', text, { details: { answered } })
}

/** A key of any length as text of a bounded one. */
function shownKey(key: Uint8Array): string {
  const text = recordKeyToText(key)
  return text.length <= KEY_SHOWN_MAX ? text : `${text.slice(0, KEY_SHOWN_MAX)}…`
}

/** What a message shows of a key, characters; a digest's key has 72. */
const KEY_SHOWN_MAX = 120

/** A failure, for people. */
export function describe({ peer, failure }: StoreFailure): string {
  return `${peer.id} ${failure.type}${failure.reason === undefined ? '' : ` (${failure.reason})`}`
}
