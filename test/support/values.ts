import { createHash } from 'node:crypto'
import { sha256Key as keyOfDigest } from '../../src/core/record-key.ts'
import { encodeSignedValue } from '../../src/core/signed-value.ts'

/** The key of a value that its digest proves. */
export function sha256Key(value: Uint8Array): Uint8Array {
  return keyOfDigest(new Uint8Array(createHash('sha256').update(value).digest()))
}

/** A value in the envelope of the virtual network's tests, which anyone can make: signer, NUL, payload. */
export function signedValue(
  key: Uint8Array,
  signer: string,
  signed: { value: string; version: number; expiresAt?: number; deleted?: boolean },
): Uint8Array {
  const payload = encodeSignedValue({
    key,
    value: new TextEncoder().encode(signed.value),
    version: signed.version,
    expiresAt: signed.expiresAt,
    deleted: signed.deleted ?? false,
  })
  return new Uint8Array(Buffer.concat([Buffer.from(signer), Buffer.of(0), payload]))
}
