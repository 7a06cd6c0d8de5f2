import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { GetValue, type GetValueInit } from '../../src/core/get-value.ts'
import { toHex } from '../../src/core/key.ts'
import type { LookupInit } from '../../src/core/lookup-init.ts'
import type { ValueRecord } from '../../src/core/record.ts'
import {
  delayed,
  honest,
  honestNetwork,
  nearest,
  runScripted,
  type Script,
} from '../support/scripted-network.ts'
import { contactAt, randomContact, seededRandom } from '../support/tiny.ts'

const random = seededRandom(12)
const target = random.bytes(20)
const peers = nearest(
  Array.from({ length: 30 }, () => randomContact(random)),
  target,
  30,
)
const KEY = Uint8Array.of(7)

/** A value whose first byte is its version; 0 is never valid. */
function version(number: number): ValueRecord {
  return { key: KEY, value: Uint8Array.of(number) }
}

const TIMING = { timeoutMs: () => 1_000, slowAfterMs: () => 100, giveUpAfterMs: () => Infinity }
const LOOKUP: LookupInit = {
  target,
  self: contactAt(Uint8Array.from(target, (byte) => byte ^ 0xff)),
  request: { type: 'get-value', key: KEY, target },
  seeds: peers.slice(20, 23),
  k: 8,
  alpha: 3,
  widenTo: 8,
  answersWanted: 8,
  timing: TIMING,
  deadline: 10_000,
}

function get(init: Partial<GetValueInit> = {}): GetValue {
  return new GetValue({
    judge: {
      isValid: (record) => record.value[0] !== 0,
      compare: (a, b) => (a.value[0] as number) - (b.value[0] as number),
    },
    local: undefined,
    quorum: 1,
    lookup: LOOKUP,
    ...init,
  })
}

/** All honest and connected; these hold what the map says. */
function network(holders: ReadonlyMap<Contact, ValueRecord>): Map<string, Script> {
  const all = honestNetwork(peers, () => peers, 8)
  for (const [peer, record] of holders) {
    const closer = nearest(peers, target, 8)
    all.set(toHex(peer.key), () => ({ response: { type: 'get-value', record, closer } }))
  }
  return all
}

const [first, second, third] = peers as [Contact, Contact, Contact]

describe('GetValue', () => {
  it('ends at the first valid answer when the quorum is one', () => {
    const run = runScripted(get(), network(new Map([[first, version(1)]])))
    expect(run.result).toMatchObject({ record: version(1), from: first, agreed: 1, hops: 2 })
    expect(run.sent.length).toBeLessThan(8)
  })

  it('asks nobody when the own copy is enough', () => {
    const run = runScripted(get({ local: version(3) }), network(new Map()))
    expect(run.sent).toEqual([])
    expect(run.result).toMatchObject({ record: version(3), from: undefined, agreed: 1, hops: 0 })
  })

  it('gives the newest of the quorum, and names who had an older one', () => {
    const holders = new Map([
      [first, version(1)],
      [second, version(4)],
      [third, version(4)],
    ])
    const run = runScripted(get({ quorum: 3 }), network(holders))
    expect(run.result).toMatchObject({ record: version(4), agreed: 2, outdated: [first] })
  })

  it('prefers a newer value of the network to an older own copy', () => {
    const run = runScripted(
      get({ quorum: 2, local: version(1) }),
      network(new Map([[first, version(2)]])),
    )
    expect(run.result).toMatchObject({ record: version(2), from: first, agreed: 1 })
  })

  it('asks all of the k closest before it says that there is nothing', () => {
    const run = runScripted(get(), network(new Map()))
    expect(run.result).toMatchObject({ record: undefined, from: undefined, agreed: 0 })
    expect(run.result.answered).toBe(run.result.requests)
    for (const peer of peers.slice(0, 8)) expect(run.sent.map(({ to }) => to)).toContain(peer)
  })

  it('gives what it has when fewer hold the key than the quorum asks for', () => {
    const run = runScripted(get({ quorum: 5 }), network(new Map([[second, version(9)]])))
    expect(run.result).toMatchObject({ record: version(9), agreed: 1 })
  })

  it('never gives an invalid record, and names who sent it', () => {
    const holders = new Map([
      [first, version(0)],
      [second, version(5)],
    ])
    const run = runScripted(get({ quorum: 2 }), network(holders))
    expect(run.result).toMatchObject({ record: version(5), invalid: [first], outdated: [] })
  })

  it('names the nearest peer that had nothing, for the copy that the paper has cached', () => {
    const holders = new Map(peers.slice(1, 8).map((peer) => [peer, version(1)]))
    const run = runScripted(get({ quorum: 7 }), network(holders))
    expect(run.result.nearestWithout).toBe(first)
  })

  it('names those of the k closest that had nothing, and nobody farther off', () => {
    const holders = new Map(peers.slice(2, 7).map((peer) => [peer, version(1)]))
    const run = runScripted(get({ quorum: 8 }), network(holders))
    expect(run.result.lacking).toEqual([first, second, peers[7]])
  })

  it('passes over whom it gave up where it counts the closest', () => {
    const holders = new Map(peers.slice(2, 8).map((peer) => [peer, version(1)]))
    const all = network(holders)
    all.set(toHex(first.key), () => undefined)
    const timing = {
      ...TIMING,
      giveUpAfterMs: (peer: Contact) => (peer === first ? 150 : Infinity),
    }
    const run = runScripted(
      get({ quorum: 8, lookup: { ...LOOKUP, seeds: peers.slice(8, 23), timing } }),
      all,
    )
    expect(run.endedAt).toBeLessThan(200)
    expect(run.result.lacking).toEqual([second, peers[8]])
    expect(run.result).toMatchObject({ nearestWithout: second, nearestWithoutRank: 0 })
  })

  it('is not held up by silent holders when others answer', () => {
    const all = network(new Map([[third, version(1)]]))
    all.set(toHex(first.key), delayed(honest(peers), 900))
    all.set(toHex(second.key), () => undefined)
    const run = runScripted(get(), all)
    expect(run.result.record).toEqual(version(1))
    expect(run.endedAt).toBeLessThan(150)
  })

  it('takes no notice of what comes after its end', () => {
    const operation = get({ local: version(3) })
    const end = operation.next(0)
    operation.onResponse(first, { type: 'get-value', record: version(9), closer: [] }, 1)
    expect(operation.next(1)).toEqual(end)
  })
})
