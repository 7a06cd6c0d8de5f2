import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  cidOf,
  connectAll,
  eventsOf,
  type OurNode,
  startOurs,
  startTheirs,
  type TheirNode,
  utf8,
} from '../support/kad-dht-peers.ts'

describe('Kadmium and @libp2p/kad-dht, one of each', () => {
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

  it.each(['theirs to ours', 'ours to theirs'])('carry values from %s', async (direction) => {
    const [from, to] = direction === 'theirs to ours' ? [theirs, ours] : [ours, theirs]
    const key = utf8(`/v/${direction}`)
    await from.contentRouting.put(key, utf8('ok value'))
    expect(await to.contentRouting.get(key)).toEqual(utf8('ok value'))
    const events = await eventsOf<{ name: string }>(to.services.dht.get(key))
    expect(events.at(-1)?.name === 'VALUE' || events.at(-2)?.name === 'VALUE').toBe(true)
  })

  it.each(['theirs to ours', 'ours to theirs'])('tell providers from %s', async (direction) => {
    const [from, to] = direction === 'theirs to ours' ? [theirs, ours] : [ours, theirs]
    const cid = await cidOf(direction)
    await from.contentRouting.provide(cid)
    const providers = await eventsOf(to.contentRouting.findProviders(cid))
    expect(providers.map(({ id }) => id.toString())).toEqual([from.peerId.toString()])
  })
})
