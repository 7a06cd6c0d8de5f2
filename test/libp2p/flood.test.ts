import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareDistance, keyFromDigest } from '../../src/core/key.ts'
import type { RecordStore } from '../../src/core/record-store.ts'
import { startPeer, stopPeers, type TestPeer } from '../support/peers.ts'
import { sha256 } from '../support/wire.ts'

const RECORDS_MAX = 40
const SHARE = 10 // a quarter of them, the default

let small: TestPeer
let bob: TestPeer
let eve: TestPeer

beforeAll(async () => {
  small = await startPeer({ storeRecordsMax: RECORDS_MAX })
  bob = await startPeer({ bootstrap: [small.address] })
  eve = await startPeer({ bootstrap: [small.address] })
  for (const { dht } of [bob, eve, small]) await dht.join()
})

afterAll(() => stopPeers([small, bob, eve].filter((peer) => peer !== undefined)))

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** What the small peer said to a put; `undefined`: it stored. */
async function refusalOf(put: ReturnType<TestPeer['dht']['put']>): Promise<string | undefined> {
  const { failed } = await put
  return failed.find(({ peer }) => peer.id === small.dht.node.self.id)?.failure.reason
}

function held(store: RecordStore) {
  return [...store.range()]
}

describe('a peer that one writer floods', () => {
  it('refuses with the reason, and keeps the values of others and its own', async () => {
    for (let n = 0; n < 5; n++) {
      expect(await refusalOf(bob.dht.put(`/kv/bob-${n}`, text('b')))).toBeUndefined()
      await small.dht.put(`/kv/own-${n}`, text('o'))
    }
    const refusals: (string | undefined)[] = []
    for (let n = 0; n < 30; n++) {
      refusals.push(await refusalOf(eve.dht.put(`/kv/eve-${n}`, text('e'))))
    }
    const { id } = eve.dht.node.self
    expect(refusals.slice(0, SHARE)).toEqual(Array.from({ length: SHARE }, () => undefined))
    expect(new Set(refusals.slice(SHARE))).toEqual(
      new Set([
        `full: the writer ${id} has used up his share of this store: 25 % of ${1 << 28} bytes and ${RECORDS_MAX} records`,
      ]),
    )
    const { records } = small.dht.node
    const usage = [id, bob.dht.node.self.id, small.dht.node.self.id].map(
      (writer) => records.usage(writer).records,
    )
    expect(usage).toEqual([SHARE, 5, 5])
    // The flooder may still change and delete what it has there.
    expect(await refusalOf(eve.dht.put('/kv/eve-3', text('changed')))).toBeUndefined()
    expect(await refusalOf(eve.dht.delete('/kv/eve-4'))).toBeUndefined()
    expect((await small.dht.get('/kv/bob-2')).value).toEqual(text('b'))
  })

  it('keeps the nearest of what has no writer, and its own whatever comes', async () => {
    const { records, self } = small.dht.node
    const arrived = held(records).map(({ target }) => target)
    const refusals: string[] = []
    for (let n = 0; n < 100; n++) {
      const value = text(`unsigned ${n}`)
      const put = await eve.dht.putImmutable(value)
      arrived.push(keyFromDigest(sha256(put.key)))
      const refusal = put.failed.find(({ peer }) => peer.id === self.id)?.failure.reason
      if (refusal !== undefined) refusals.push(refusal)
    }
    expect(records.size).toBe(RECORDS_MAX)
    const own = held(records).filter(({ origin }) => origin === 'owner')
    expect(own).toHaveLength(5)
    expect(refusals[0]).toMatch(
      /^full: the store is full with nearer records: \d+ of \d+ bytes, 40 of 40 records$/,
    )
    const others = held(records).filter(({ origin }) => origin !== 'owner')
    const isOwn = new Set(own.map(({ target }) => target.join()))
    const nearest = arrived
      .filter((target) => !isOwn.has(target.join()))
      .sort((a, b) => compareDistance(self.key, a, b))
      .slice(0, others.length)
    expect(new Set(others.map(({ target }) => target.join()))).toEqual(
      new Set(nearest.map((target) => target.join())),
    )
  })
})
