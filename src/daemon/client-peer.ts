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
    signal.throwIfAborted()
    if ((await peer.join()) > 0) return peer
    throw new KadmiumError(
      'ERR_NO_PEERS',
      `none of the bootstrap peers answers: ${bootstrap.join(', ')}`,
    )
  } catch (error) {
    await peer.stop()
    throw error
  }
}
