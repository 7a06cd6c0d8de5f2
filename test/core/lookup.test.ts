import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { commonPrefixLength, toHex } from '../../src/core/key.ts'
import { Lookup } from '../../src/core/lookup.ts'
import type { LookupInit } from '../../src/core/lookup-init.ts'
import {
  delayed,
  honest,
  honestNetwork,
  nearest,
  runScripted,
  type Script,
} from '../support/scripted-network.ts'
import { randomContact, seededRandom, tinyContact } from '../support/tiny.ts'

const TARGET = 0b0000_0011
const timing = { timeoutMs: () => 1_000, slowAfterMs: () => 100, giveUpAfterMs: () => Infinity }

function lookupInit(init: Partial<LookupInit> & Pick<LookupInit, 'seeds'>): LookupInit {
  const target = init.target ?? Uint8Array.of(TARGET)
  const k = init.k ?? 3
  return {
    target,
    self: tinyContact(0b1111_1111),
    request: { type: 'find-node', key: target, target },
    k,
    alpha: 2,
    widenTo: k,
    answersWanted: k,
    timing,
    deadline: 60_000,
    ...init,
  }
}

function bits(contacts: readonly Contact[]): string[] {
  return contacts.map((contact) => (contact.key[0] as number).toString(2).padStart(8, '0'))
}

function withBits(...keys: number[]): Contact[] {
  return keys.map((key) => tinyContact(key))
}

describe('Lookup', () => {
  it('asks the nearest unasked candidate first, at most alpha at once', () => {
    const lookup = new Lookup(
      lookupInit({ seeds: withBits(0b1101_1011, 0b0000_0100, 0b0001_0000) }),
    )
    const asked = [lookup.next(0), lookup.next(0)]
    expect(asked.map((step) => step.type === 'send' && bits([step.to]))).toEqual([
      ['00000100'],
      ['00010000'],
    ])
    expect(lookup.next(0)).toEqual({ type: 'wait', until: 100 })
  })

  it('ends when the k closest have answered, and returns them in order', () => {
    const peers = withBits(0b0000_0001, 0b0000_0010, 0b0000_0111, 0b0001_0000, 0b1000_0000)
    const run = runScripted(
      new Lookup(lookupInit({ seeds: withBits(0b1000_0000) })),
      honestNetwork(peers, () => peers, 3),
    )
    expect(bits(run.result.closest)).toEqual(['00000010', '00000001', '00000111'])
    expect(run.result).toMatchObject({ complete: true, hops: 2, requests: 4, failures: 0 })
  })

  it('does not ask whom it need not: the farther peers stay in peace', () => {
    const near = withBits(0b0000_0001, 0b0000_0010, 0b0000_0111)
    const far = withBits(0b1000_0000, 0b1100_0000, 0b1110_0000)
    const run = runScripted(
      new Lookup(lookupInit({ seeds: [...near, ...far] })),
      honestNetwork([...near, ...far], () => near),
    )
    expect(run.sent.map(({ to }) => to)).not.toContain(far[0])
    expect(run.result.requests).toBe(3)
  })

  it('ends, with nobody, when all peers are dead', () => {
    const run = runScripted(new Lookup(lookupInit({ seeds: withBits(1, 2, 4, 8, 16) })), new Map())
    expect(run.result).toMatchObject({ closest: [], complete: true, hops: 0, failures: 5 })
  })

  it('goes on with farther contacts of the own table when all nearer ones are dead', () => {
    const table = withBits(...Array.from({ length: 24 }, (_, i) => i * 8))
    const living = table.slice(13)
    const moreSeeds = vi.fn<(count: number) => Contact[]>((count) =>
      nearest(table, Uint8Array.of(TARGET), count),
    )
    const run = runScripted(
      new Lookup(lookupInit({ seeds: moreSeeds(3), moreSeeds })),
      honestNetwork(living, () => living),
    )
    const closest = nearest(living, Uint8Array.of(TARGET), 3)
    expect(run.result).toMatchObject({ closest, complete: true })
    // Twice as many each time, and none beyond those that held a living one.
    expect(moreSeeds.mock.calls).toEqual([[3], [6], [12], [24]])
  })

  it('asks its table once for more when all peers are dead or few, and then ends', () => {
    const table = withBits(2, 1)
    const moreSeeds = vi.fn<() => Contact[]>(() => table)
    const dead = runScripted(new Lookup(lookupInit({ seeds: table, moreSeeds })), new Map())
    expect(dead.result).toMatchObject({ closest: [], failures: 2 })
    expect(moreSeeds).toHaveBeenCalledTimes(1)
    const all = honestNetwork(table, () => table)
    const few = runScripted(new Lookup(lookupInit({ seeds: table, moreSeeds })), all)
    expect(few.result).toMatchObject({ closest: table, requests: 2 })
    expect(moreSeeds).toHaveBeenCalledTimes(2)
  })

  describe('spared those that have answered another request lately', () => {
    const peers = withBits(0b0000_0010, 0b0000_0001, 0b0000_0000, 0b0000_0111, 0b0001_0000)
    const [first, second, third, fourth] = peers

    it('asks alpha of them, and counts the others as answered when nobody nearer is named', () => {
      const run = runScripted(
        new Lookup(lookupInit({ seeds: peers, k: 4, answeredLately: () => true })),
        honestNetwork(peers, () => peers, 4),
      )
      expect(run.sent.map(({ to }) => to)).toEqual([first, second])
      expect(run.result).toMatchObject({ closest: peers.slice(0, 4), complete: true, requests: 2 })
    })

    it('does so where fewer than k are known as well', () => {
      const few = peers.slice(0, 4)
      const network = honestNetwork(few, () => few)
      const init = lookupInit({ seeds: few, k: 8, answeredLately: () => true })
      expect(runScripted(new Lookup(init), network).result).toMatchObject({
        closest: few,
        requests: 2,
      })
    })

    it('spares those as well that are taken from the own table late, when others have failed', () => {
      const init = lookupInit({
        seeds: peers.slice(0, 2),
        moreSeeds: (count) => peers.slice(0, 4).slice(0, count),
        k: 2,
        alpha: 1,
        answersWanted: 2,
        answeredLately: (peer) => peer === third || peer === fourth,
      })
      const run = runScripted(
        new Lookup(init),
        honestNetwork(peers.slice(1), () => []),
      )
      expect(run.result).toMatchObject({ closest: [second, third], complete: true, requests: 2 })
    })

    it('asks those of the k closest that have not', () => {
      const run = runScripted(
        new Lookup(lookupInit({ seeds: peers, k: 4, answeredLately: (peer) => peer !== third })),
        honestNetwork(peers, () => peers, 4),
      )
      expect(run.sent.map(({ to }) => to)).toEqual([first, second, third])
      expect(run.result).toMatchObject({ closest: peers.slice(0, 4), complete: true })
    })

    it('goes on while answers name somebody nearer', () => {
      const run = runScripted(
        new Lookup(lookupInit({ seeds: peers.slice(2), k: 4, answeredLately: () => true })),
        honestNetwork(peers, () => peers, 4),
      )
      expect(run.result).toMatchObject({ closest: peers.slice(0, 4), complete: true })
      expect(run.sent.map(({ to }) => to)).toEqual([third, fourth, first])
    })

    it('goes on while answers name somebody new among the k closest', () => {
      const seeds = peers.filter((peer) => peer !== third)
      const network = honestNetwork(peers, () => peers, 4)
      const init = lookupInit({ seeds, k: 4, answeredLately: () => true })
      const run = runScripted(new Lookup(init), network)
      expect(run.sent.map(({ to }) => to)).toEqual([first, second, third])
      expect(run.result.closest).toEqual(peers.slice(0, 4))
      const fifth = lookupInit({ seeds: peers.slice(0, 4), k: 4, answeredLately: () => true })
      expect(runScripted(new Lookup(fifth), network).sent).toHaveLength(2) // news, but beyond the four closest
    })

    it('asks others meanwhile, where answers on their way may spare the nearest', () => {
      const network = honestNetwork(peers, () => peers, 4)
      network.set('01', delayed(honest(peers, 4), 50))
      const isLate = (peer: Contact): boolean =>
        peer !== first && peer !== second && peer !== fourth
      const init = lookupInit({ seeds: peers, k: 4, answeredLately: isLate })
      const run = runScripted(new Lookup(init), network)
      expect(run.sent.map(({ to, at }) => [to, at])).toEqual([
        [first, 0],
        [second, 0],
        [fourth, 10],
      ])
      expect(run.result.closest).toEqual(peers.slice(0, 4))
    })

    it('asks one more where one that it asks does not answer', () => {
      const run = runScripted(
        new Lookup(lookupInit({ seeds: peers, k: 4, answeredLately: () => true })),
        honestNetwork(
          peers.filter((peer) => peer !== second),
          () => peers,
          4,
        ),
      )
      expect(run.sent.map(({ to }) => to)).toEqual([first, second, third])
      expect(run.result.closest).toEqual([first, third, fourth, peers[4]])
    })

    it('asks all others at once where the closest are known', () => {
      const request = {
        type: 'find-node',
        key: Uint8Array.of(1),
        target: Uint8Array.of(1),
      } as const
      const isNear = (): boolean => true
      const run = runScripted(
        new Lookup(
          lookupInit({
            seeds: peers,
            k: 4,
            early: { request, isNear },
            answeredLately: (peer) => peer === first || peer === second || peer === third,
          }),
        ),
        honestNetwork(peers, () => peers, 4),
      )
      expect(run.sent).toMatchObject([
        { to: fourth, at: 0 },
        { to: first, at: 0 },
        { to: second, at: 0 },
      ])
      expect(run.endedAt).toBe(10)
      expect(run.result).toMatchObject({ closest: peers.slice(0, 4), complete: true })
    })
  })

  describe('of a peer that may be one of the closest itself', () => {
    const peers = withBits(0b0000_0010, 0b0000_0001, 0b0000_0000, 0b0000_0111, 0b0001_0000)
    const network = honestNetwork(peers, () => peers)
    const near = { self: tinyContact(TARGET), seeds: peers, countsSelf: true }

    it('looks for one other fewer, and tells nobody of itself', () => {
      const run = runScripted(new Lookup(lookupInit(near)), network)
      expect(run.result).toMatchObject({ closest: peers.slice(0, 2), hops: 1, requests: 2 })
      const { request } = run.sent[0] ?? {}
      expect(request).toMatchObject({ known: peers.map(({ head }) => head) })
    })

    it('looks for k others where it does not count, or stands farther off', () => {
      for (const init of [
        { ...near, countsSelf: false },
        { ...near, self: tinyContact(0b1111_1111) },
      ]) {
        const run = runScripted(new Lookup(lookupInit(init)), network)
        expect(run.result).toMatchObject({ closest: peers.slice(0, 3), requests: 3 })
      }
    })

    it('asks somebody all the same when only one is wanted', () => {
      const init = { ...near, k: 1, answersWanted: 1, alpha: 1 }
      const run = runScripted(new Lookup(lookupInit(init)), network)
      expect(run.result).toMatchObject({ closest: [peers[0]], requests: 1 })
    })

    it('leaves nobody out between those that it found', () => {
      const [first, second, third, fourth] = peers as [Contact, Contact, Contact, Contact]
      const all = honestNetwork(peers, () => [first, second, fourth]) // the third is known last
      const seeds = [fourth, third]
      const run = runScripted(new Lookup(lookupInit({ ...near, seeds, alpha: 1 })), all)
      expect(run.sent.map(({ to }) => to)).toEqual([third, first, second])
      expect(run.result.closest).toEqual([first, second])
    })

    it('never asks itself, though others name it', () => {
      const all = [...peers, near.self]
      const everyone = honestNetwork(peers, () => all)
      const run = runScripted(new Lookup(lookupInit({ ...near, seeds: peers.slice(3) })), everyone)
      expect(run.sent.map(({ to }) => to)).not.toContain(near.self)
      expect(run.result.closest).toEqual(peers.slice(0, 2))
    })
  })

  it('ends at once without seeds', () => {
    const run = runScripted(new Lookup(lookupInit({ seeds: [] })), new Map())
    expect(run.result).toMatchObject({ closest: [], complete: true, requests: 0 })
  })

  it('finds the living in spite of a liar that names peers which do not exist', () => {
    const living = withBits(0b0000_0110, 0b0000_0111, 0b0000_1000)
    const ghosts = withBits(0b0000_0011, 0b0000_0010, 0b0000_0001, 0b0000_0000)
    const network = honestNetwork(living, () => living)
    const liar = tinyContact(0b1000_0000)
    network.set(toHex(liar.key), honest([...ghosts, ...living]))
    const run = runScripted(new Lookup(lookupInit({ seeds: [liar] })), network)
    expect(bits(run.result.closest)).toEqual(['00000111', '00000110', '00001000'])
    expect(run.result.failures).toBe(4)
  })

  it('never asks itself, though a liar names it', () => {
    const self = tinyContact(0b1111_1111)
    const liar = tinyContact(0b0000_0001)
    const network = new Map([[toHex(liar.key), honest([self, liar])]])
    const run = runScripted(new Lookup(lookupInit({ seeds: [liar, self] })), network)
    expect(bits(run.result.closest)).toEqual(['00000001'])
    expect(run.result.requests).toBe(1)
  })

  it('goes on beside a silent peer, and waits for nobody else longer than its timeout', () => {
    const silent = tinyContact(0b0000_0011)
    const others = withBits(0b0000_0010, 0b0000_0001, 0b0000_0111, 0b0000_0110)
    const run = runScripted(
      new Lookup(lookupInit({ seeds: [silent, ...others], alpha: 1, widenTo: 1 })),
      honestNetwork(others, () => [silent, ...others]),
    )
    // The silent peer turns slow at 100 ms, the others follow at 10 ms each, and its timeout ends it.
    expect(run.sent.map(({ at }) => at)).toEqual([0, 100, 110, 120])
    expect(run.endedAt).toBe(1_000)
    expect(bits(run.result.closest)).toEqual(['00000010', '00000001', '00000111'])
  })

  describe('among peers whose last request failed', () => {
    const peers = withBits(0b0000_0010, 0b0000_0001, 0b0000_0000, 0b0000_0111, 0b0001_0000)
    const [doubted, second, third, fourth] = peers
    const doubting = {
      ...timing,
      giveUpAfterMs: (peer: Contact) => (peer === doubted ? 300 : Infinity),
    }
    const silentBut = (afterMs?: number): Map<string, Script> => {
      const network = honestNetwork(peers, () => peers)
      const late = afterMs === undefined ? () => undefined : delayed(honest(peers), afterMs)
      return network.set('02', late)
    }

    it('waits as long as an answer over a new connection takes, not until the timeout', () => {
      const run = runScripted(
        new Lookup(lookupInit({ seeds: peers, timing: doubting })),
        silentBut(),
      )
      expect(run.endedAt).toBe(300)
      expect(run.result).toMatchObject({ closest: [second, third, fourth], complete: true })
    })

    it('takes their answer when it comes by then', () => {
      const init = lookupInit({ seeds: peers, timing: doubting })
      const run = runScripted(new Lookup(init), silentBut(290))
      expect(run.result).toMatchObject({ closest: [doubted, second, third], complete: true })
    })

    it('takes it later as well while others are waited for', () => {
      const network = silentBut(400).set('01', delayed(honest(peers), 500))
      const run = runScripted(new Lookup(lookupInit({ seeds: peers, timing: doubting })), network)
      expect(run.endedAt).toBe(500)
      expect(run.result.closest).toEqual([doubted, second, third])
    })

    it('waits for their timeout while others only refuse', () => {
      const network = new Map<string, Script>([
        ['02', delayed(honest(peers), 700)],
        ['01', () => ({ failure: { type: 'refused' } })],
      ])
      const init = lookupInit({ seeds: peers.slice(0, 2), timing: doubting })
      const run = runScripted(new Lookup(init), network)
      expect(run.result.closest).toEqual([doubted])
    })

    it('waits for their timeout while nobody answers: the fault may be the own link', () => {
      const init = lookupInit({
        seeds: peers.slice(0, 2),
        timing: { ...timing, giveUpAfterMs: () => 300 },
      })
      const run = runScripted(
        new Lookup(init),
        new Map([['02', delayed(honest(peers.slice(0, 2)), 700)]]),
      )
      expect(run.result.closest).toEqual([doubted])
      expect(run.endedAt).toBe(700) // the other one is given up then
    })
  })

  it('takes the answer of a slow peer that comes in time', () => {
    const slow = tinyContact(0b0000_0011)
    const others = withBits(0b0000_0010, 0b0000_0001, 0b0000_0111)
    const network = honestNetwork(others, () => [slow, ...others])
    network.set(toHex(slow.key), () => ({
      response: { type: 'find-node', closer: [] },
      afterMs: 500,
    }))
    const run = runScripted(new Lookup(lookupInit({ seeds: [slow, ...others] })), network)
    expect(bits(run.result.closest)).toEqual(['00000011', '00000010', '00000001'])
    expect(run.endedAt).toBe(500)
  })

  it('asks nobody twice, whoever names it how often', () => {
    const peers = withBits(1, 2, 4, 8, 16, 32, 64, 128)
    const network = new Map<string, Script>(
      peers.map((peer) => [
        toHex(peer.key),
        () => ({ response: { type: 'find-node', closer: [...peers, ...peers] } }),
      ]),
    )
    const run = runScripted(new Lookup(lookupInit({ seeds: peers, k: 8 })), network)
    expect(new Set(run.sent.map(({ to }) => to.id)).size).toBe(run.sent.length)
    expect(run.sent.length).toBe(8)
  })

  it('takes at most 40 contacts from one answer', () => {
    const random = seededRandom(5)
    const crowd = Array.from({ length: 200 }, () => randomContact(random))
    const liar = randomContact(random)
    const target = random.bytes(20)
    const lookup = new Lookup(
      lookupInit({ target, self: randomContact(random), seeds: [liar], k: 20, alpha: 3 }),
    )
    lookup.next(0)
    lookup.onResponse(liar, { type: 'find-node', closer: crowd }, 10)
    expect(lookup.candidates.length).toBe(41)
  })

  it('keeps a bounded number of candidates, the nearest', () => {
    const random = seededRandom(6)
    const target = random.bytes(20)
    const seeds = Array.from({ length: 500 }, () => randomContact(random))
    const lookup = new Lookup(lookupInit({ target, self: randomContact(random), seeds, k: 2 }))
    expect(lookup.candidates.map(({ contact }) => contact)).toEqual(nearest(seeds, target, 32))
  })

  it('has no ear for an answer after its end, nor for one to nothing it asked', () => {
    const [near, far] = withBits(0b0000_0010, 0b1000_0000) as [Contact, Contact]
    const lookup = new Lookup(lookupInit({ seeds: [near], k: 1 }))
    lookup.onResponse(near, { type: 'find-node', closer: [far] }, 0)
    expect(lookup.candidates.length).toBe(1)
    lookup.next(0)
    lookup.onResponse(near, { type: 'find-node', closer: [] }, 10)
    const end = lookup.next(10)
    expect(end.type).toBe('done')
    lookup.onResponse(near, { type: 'find-node', closer: [far] }, 20)
    lookup.onFailure(near, { type: 'timeout' }, 20)
    expect(lookup.next(20)).toEqual(end)
    expect(lookup.candidates.length).toBe(1)
  })

  it('ends at its deadline with what it has, and says so', () => {
    const answering = tinyContact(0b0000_0010)
    const silent = tinyContact(0b0000_0001)
    const run = runScripted(
      new Lookup(lookupInit({ seeds: [answering, silent], deadline: 300 })),
      honestNetwork([answering], () => []),
    )
    expect(run.endedAt).toBe(300)
    expect(run.result.complete).toBe(false)
    expect(bits(run.result.closest)).toEqual(['00000010'])
  })

  it('asks all of the k closest when alpha answers in a row named nobody nearer', () => {
    const peers = withBits(1, 2, 4, 5, 6, 7, 8, 9, 10, 11)
    const init = lookupInit({ seeds: peers, k: 10, alpha: 2 })
    const widened = runScripted(
      new Lookup(init),
      honestNetwork(peers, () => peers),
    )
    expect(widened.parallelMax).toBe(8)
    const narrow = runScripted(
      new Lookup({ ...init, widenTo: 2 }),
      honestNetwork(peers, () => peers),
    )
    expect(narrow.parallelMax).toBe(2)
    expect(widened.endedAt).toBeLessThan(narrow.endedAt)
  })

  it('tries a peer that was not reached again at addresses from another referrer', () => {
    const wrong = tinyContact(0b0000_0011, { addresses: [Uint8Array.of(1)] })
    const right = tinyContact(0b0000_0011, { addresses: [Uint8Array.of(2)] })
    const [a, b] = withBits(0b0000_1000, 0b0001_0000) as [Contact, Contact]
    const network = new Map<string, Script>([
      [toHex(a.key), honest([wrong])],
      [toHex(b.key), delayed(honest([right]), 50)],
    ])
    const lookup = new Lookup(lookupInit({ seeds: [a, b] }))
    network.set(toHex(wrong.key), () => ({ failure: { type: 'unreachable' } }))
    const { sent } = runScripted(lookup, network)
    const reached = sent.findLast(({ to }) => to.id === wrong.id)?.to
    expect(sent.filter(({ to }) => to.id === wrong.id).length).toBe(2)
    expect(reached?.addresses).toEqual([Uint8Array.of(2)])
  })

  it.each(['refuse', 'swallow'])(
    'finds a peer, though a liar named it first with nothing but addresses that %s requests',
    (how) => {
      const lies = Array.from({ length: 8 }, (_, i) => Uint8Array.of(i))
      const right = Uint8Array.of(99)
      const [liar, friend] = withBits(0b0000_1000, 0b0001_0000) as [Contact, Contact]
      for (const [seeds, afterMs] of [
        [[liar, friend], 10], // both answer before it is asked
        [[liar, friend], 20], // it is being asked when the friend answers
      ] as const) {
        const named = (...addresses: Uint8Array[]): Contact => tinyContact(TARGET, { addresses })
        const peer: Script = () =>
          how === 'refuse' ? { failure: { type: 'unreachable' }, afterMs: 100 } : undefined
        const network = new Map<string, Script>([
          [toHex(liar.key), honest([named(...lies)])],
          [toHex(friend.key), delayed(honest([named(right)]), afterMs)],
          [toHex(named().key), peer],
        ])
        const { sent } = runScripted(new Lookup(lookupInit({ seeds, alpha: 2, k: 3 })), network)
        const tried = sent.filter(({ to }) => to.key[0] === TARGET)
        expect(tried.flatMap(({ to }) => to.addresses)).toContainEqual(right)
        expect(tried.length).toBeLessThanOrEqual(2)
      }
    },
  )

  it('says whom it knows, so that answers leave them out, but for whom others may reach better', () => {
    const [near, far, named] = withBits(0b0000_0001, 0b0000_1000, 0b0000_0011) as [
      Contact,
      Contact,
      Contact,
    ]
    const lookup = new Lookup(lookupInit({ seeds: [near, far], alpha: 1, widenTo: 1 }))
    const knownIn = (step: ReturnType<typeof lookup.next>): readonly number[] | undefined =>
      step.type === 'send' && 'known' in step.request ? step.request.known : undefined
    expect(knownIn(lookup.next(0))).toEqual([near.head, far.head])
    lookup.onResponse(near, { type: 'find-node', closer: [named] }, 1)
    expect(knownIn(lookup.next(1))).toEqual([near.head, far.head]) // to the one named, of whom others may say more
    lookup.onFailure(named, { type: 'unreachable' }, 2)
    expect(knownIn(lookup.next(2))).toEqual([near.head, far.head])
  })

  it('returns exactly the k closest of any honest network with full knowledge near each peer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 5 }),
        (seed, size, k, alpha) => {
          const random = seededRandom(seed)
          const peers = Array.from({ length: size }, () => randomContact(random))
          const self = randomContact(random)
          const target = random.bytes(20)
          const knows = (peer: Contact): Contact[] => idealTable(peer, peers, k)
          const run = runScripted(
            new Lookup(
              lookupInit({
                target,
                self,
                seeds: nearest(knows(self), target, k),
                k,
                alpha,
              }),
            ),
            honestNetwork(peers, knows, k),
          )
          expect(run.result.closest).toEqual(nearest(peers, target, k))
          expect(run.sent.length).toBe(new Set(run.sent.map(({ to }) => to.id)).size)
          expect(run.parallelMax).toBeLessThanOrEqual(Math.max(alpha, k))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('ends, having asked nobody twice, whatever part of the peers is dead, slow or silent', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.array(fc.constantFrom('honest', 'dead', 'silent', 'late', 'refuses'), {
          minLength: 1,
          maxLength: 60,
        }),
        (seed, behaviours) => {
          const random = seededRandom(seed)
          const peers = behaviours.map(() => randomContact(random))
          const network = new Map<string, Script>()
          behaviours.forEach((behaviour, i) => {
            const peer = peers[i] as Contact
            const answer = honest(peers, 8)
            if (behaviour === 'honest') network.set(toHex(peer.key), answer)
            if (behaviour === 'late') {
              network.set(toHex(peer.key), delayed(answer, 700))
            }
            if (behaviour === 'dead') {
              network.set(toHex(peer.key), () => ({ failure: { type: 'unreachable' } }))
            }
            if (behaviour === 'refuses') {
              network.set(toHex(peer.key), () => ({ failure: { type: 'refused' } }))
            }
          })
          const target = random.bytes(20)
          const init = lookupInit({
            target,
            self: randomContact(random),
            seeds: peers.slice(0, 3),
            k: 8,
          })
          const run = runScripted(new Lookup(init), network)
          const answering = run.sent
            .map(({ to }) => to)
            .filter((peer) =>
              ['honest', 'late'].includes(behaviours[peers.indexOf(peer)] as string),
            )
          expect(run.sent.length).toBe(new Set(run.sent.map(({ to }) => to.id)).size)
          expect(run.result.closest).toEqual(nearest(answering, target, 8))
        },
      ),
      { numRuns: 300 },
    )
  })
})

/** What Kademlia would have a peer know: k of each bucket, and all in the smallest subtree around it with k peers. */
function idealTable(peer: Contact, peers: readonly Contact[], k: number): Contact[] {
  const buckets = new Map<number, Contact[]>()
  for (const other of peers) {
    if (other === peer) continue
    const prefixLength = commonPrefixLength(peer.key, other.key)
    const bucket = buckets.get(prefixLength) ?? []
    bucket.push(other)
    buckets.set(prefixLength, bucket)
  }
  const known = [...buckets.values()].flatMap((bucket) => bucket.slice(0, k))
  return [
    ...new Set([...known, ...nearest(peers, peer.key, k + 1).filter((other) => other !== peer)]),
  ]
}
