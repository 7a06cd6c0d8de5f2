import { KadmiumError } from '../core/errors.ts'
import { Peer } from './peer.ts'

/**
 * A peer for one command: it asks others and answers nobody, keeps nothing, and is gone when the command ends.
 *
 * @throws KadmiumError `ERR_NO_PEERS` if none of the bootstrap peers answers.
 */
export async function createClientPeer(init: {
  readonly bootstrap: readonly string[]
  readonly prefix: string | undefined
  readonly signal: AbortSignal
}): Promise<Peer> {
  const { bootstrap, prefix, signal } = init
  const peer = await Peer.start({ listen: [], bootstrap, prefix, mode: 'client' })
  try {
    if ((await orAborted(peer.join(), signal)) > 0) return peer
    throw new KadmiumError(
      'ERR_NO_PEERS',
      `none of the bootstrap peers answers: ${bootstrap.join(', ')}`,
    )
  } catch (error) {
    await peer.stop()
    throw error
  }
}

/** Waits no longer than the signal lets it; what was waited for ends when the peer stops. */
async function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Whoever does not wait for it any more does not want to hear of it either.
    work.catch(() => {})
  }
}
