import { timingSafeEqual } from 'node:crypto'

/**
 * Whether the value of an `Authorization` header is `Bearer <token>`; takes as long for any wrong one of its length, so that
 * it tells nothing of the token but that.
 */
export function bearsToken(authorization: string | null | undefined, token: string): boolean {
  const wanted = Buffer.from(`Bearer ${token}`)
  const given = Buffer.from(authorization ?? '')
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}
