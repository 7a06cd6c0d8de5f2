import { KadmiumError } from './errors.ts'
import { toHex } from './key.ts'
import { RECORD_KEY_BYTES_MAX } from './limits.ts'

/**
 * Record keys: `/namespace/path`, the preimages under which values are stored. The namespace chooses the validator.
 *
 * | key | path |
 * |---|---|
 * | `/sha256/<digest>` | SHA-256 of the value as 64 lower-case hexadecimal digits: what `sha256sum` prints |
 * | `/mutable/<peer id>/<name>` | the owner's peer id in base58 (`12D3Koo…`, `Qm…`), then a name |
 * | `/kv/<name>` | a name |
 *
 * A name is 1 byte or more of UTF-8 text without control characters; it may contain slashes. Each value has exactly one key:
 * other spellings of a digest or a peer id are refused. Other namespaces may have any bytes as their path.
 */
export interface RecordKey {
  readonly namespace: string
  /** What stands after the second slash; at least one byte. A view of the key. */
  readonly path: Uint8Array
}

/** The namespace of values that their digest proves. */
export const SHA256_NAMESPACE = 'sha256'
/** The namespace of values that one key pair owns. */
export const MUTABLE_NAMESPACE = 'mutable'
/** The namespace of values that anyone may write. */
export const KV_NAMESPACE = 'kv'

const SLASH = 0x2f
const NAMESPACE_BYTES_MAX = 64
const SHA256_BYTES = 32

/** Parses a key; `undefined` if it is none: no leading slash, an empty namespace or path, or more than the limit. */
export function parseRecordKey(key: Uint8Array): RecordKey | undefined {
  if (key.length > RECORD_KEY_BYTES_MAX || key[0] !== SLASH) return undefined
  const end = key.indexOf(SLASH, 1)
  if (end < 2 || end - 1 > NAMESPACE_BYTES_MAX || end === key.length - 1) return undefined
  let namespace = ''
  for (let i = 1; i < end; i++) {
    const byte = key[i] as number // below length
    if (byte <= 0x20 || byte >= 0x7f) return undefined
    namespace += String.fromCharCode(byte)
  }
  return { namespace, path: key.subarray(end + 1) }
}

/** The key of the bytes whose SHA-256 (32 bytes) is `digest`. */
export function sha256Key(digest: Uint8Array): Uint8Array {
  if (digest.length !== SHA256_BYTES) {
    throw new RangeError(`a SHA-256 digest has ${SHA256_BYTES} bytes, got ${digest.length}`)
  }
  return recordKeyFromText(`/${SHA256_NAMESPACE}/${toHex(digest)}`)
}

/**
 * The key of the value `name` of the owner `peerId` (base58 text).
 *
 * @throws KadmiumError `ERR_INVALID_KEY`.
 */
export function mutableKey(peerId: string, name: string): Uint8Array {
  return recordKeyFromText(`/${MUTABLE_NAMESPACE}/${peerId}/${name}`)
}

/**
 * The key of the value `name` that anyone may write.
 *
 * @throws KadmiumError `ERR_INVALID_KEY`.
 */
export function kvKey(name: string): Uint8Array {
  return recordKeyFromText(`/${KV_NAMESPACE}/${name}`)
}

/**
 * The bytes of a key that a user gave as text, checked for the three kinds above. A key of another namespace needs a
 * leading slash, a namespace and a path.
 *
 * @throws KadmiumError `ERR_INVALID_KEY` that says what is wrong.
 */
export function recordKeyFromText(text: string): Uint8Array {
  const key = new TextEncoder().encode(text)
  if (key.length > RECORD_KEY_BYTES_MAX) {
    throw invalidKey(`a key has at most ${RECORD_KEY_BYTES_MAX} bytes, this one has ${key.length}`)
  }
  const parsed = parseRecordKey(key)
  if (parsed === undefined) {
    throw invalidKey(`'${text}' is no key: keys look like /kv/<name> or /sha256/<digest>`)
  }
  const fault = recordKeyFault(parsed)
  if (fault !== undefined) throw invalidKey(`'${text}' is no key: ${fault}`)
  return key
}

/** A key as text for people; bytes that do not print are shown as `%` and two hexadecimal digits. */
export function recordKeyToText(key: Uint8Array): string {
  const text = decodeText(key)
  if (text !== undefined) return text
  let shown = ''
  for (const byte of key) {
    const prints = byte > 0x20 && byte < 0x7f
    shown += prints ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`
  }
  return shown
}

/** What keeps a key of the three kinds from being well formed; `undefined` if nothing does. */
export function recordKeyFault({ namespace, path }: RecordKey): string | undefined {
  switch (namespace) {
    case SHA256_NAMESPACE:
      return isSha256Path(path)
        ? undefined
        : `/${SHA256_NAMESPACE}/ is followed by ${SHA256_BYTES * 2} lower-case hexadecimal digits`
    case MUTABLE_NAMESPACE:
      return parseMutablePath(path) === undefined
        ? `/${MUTABLE_NAMESPACE}/ is followed by a peer id in base58, a slash and a name of printable text`
        : undefined
    case KV_NAMESPACE:
      return decodeText(path) === undefined
        ? `/${KV_NAMESPACE}/ is followed by a name of printable text`
        : undefined
    default:
      return undefined
  }
}

/** The owner and the name in the path of a `/mutable/` key; `undefined` if it is malformed. */
export function parseMutablePath(path: Uint8Array): { owner: string; name: string } | undefined {
  const slash = path.indexOf(SLASH)
  if (slash < 1 || slash === path.length - 1) return undefined
  const owner = decodeText(path.subarray(0, slash))
  const name = decodeText(path.subarray(slash + 1))
  if (owner === undefined || name === undefined || !/^[1-9A-HJ-NP-Za-km-z]+$/.test(owner)) {
    return undefined
  }
  return { owner, name }
}

function isSha256Path(path: Uint8Array): boolean {
  if (path.length !== SHA256_BYTES * 2) return false
  for (const byte of path) {
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return false
  }
  return true
}

/** One for all: to make a decoder takes longer than to use it. Without `ignoreBOM` a byte order mark would vanish, and two keys read the same. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 text without control characters: it goes to terminals and logs. */
function decodeText(bytes: Uint8Array): string | undefined {
  for (const byte of bytes) if (byte < 0x20 || byte === 0x7f) return undefined
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

function invalidKey(message: string): KadmiumError {
  return new KadmiumError('ERR_INVALID_KEY', message)
}
