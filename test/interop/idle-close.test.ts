import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  connectAll,
  MIXED_PROTOCOL,
  type OurNode,
  startOurs,
  startTheirs,
  type TheirNode,
} from '../support/kad-dht-peers.ts'

/** They wait so long for the next request on a stream, and the option that should change this does nothing. ms. */
const THEIR_IDLE_MS = 10_000

describe('a standing stream to a peer of @libp2p/kad-dht', () => {
  let ours: OurNode
  let theirs: TheirNode
  beforeAll(async () => {
    ours = await startOurs()
    theirs = await startTheirs()
    await connectAll([ours, theirs], 1)
  })
  afterAll(async () => {
    await Promise.all([ours.stop(), theirs.stop()])
  })

  it('is ended by it after 10 s, and no request is lost for that', async () => {
    const { kadmium } = ours.services.dht
    await kadmium.findNode('before')
    const [stream] = ours
      .getConnections()
      .flatMap(({ streams }) => streams)
      .filter(({ protocol, direction }) => protocol === MIXED_PROTOCOL && direction === 'outbound')
    if (stream === undefined) throw new Error('no stream stands')
    const usedAt = performance.now()
    await new Promise((resolve) => stream.addEventListener('close', resolve))
    expect(performance.now() - usedAt).toBeGreaterThan(THEIR_IDLE_MS / 2)
    const { streamsOpened } = kadmium.status().outbound
    const results = await Promise.all(['a', 'b', 'c'].map((key) => kadmium.findNode(key)))
    expect(results.map(({ failures }) => failures)).toEqual([0, 0, 0])
    expect(kadmium.status().outbound.streamsOpened).toBe(streamsOpened + 1)
    expect(kadmium.status().outbound.streamsFailed).toBe(0)
  }, 60_000)
})
