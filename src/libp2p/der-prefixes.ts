/**
 * What stands before the 32 bytes of a key of curve 25519 in the forms that Node reads, SubjectPublicKeyInfo and PKCS #8.
 * Source: RFC 8410.
 */
export const ED25519_SPKI_PREFIX: Uint8Array = Buffer.from('302a300506032b6570032100', 'hex')
export const X25519_SPKI_PREFIX: Uint8Array = Buffer.from('302a300506032b656e032100', 'hex')
export const X25519_PKCS8_PREFIX: Uint8Array = Buffer.from(
  '302e020100300506032b656e04220420',
  'hex',
)
