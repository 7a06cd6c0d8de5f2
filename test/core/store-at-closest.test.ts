import { describe, expect, it, vi } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { compareDistance, toHex } from '../../src/core/key.ts'
import type { EarlyRequest } from '../../src/core/lookup-init.ts'
import {
  type ClaimResult,
  StoreAtClosest,
  type StoreInit,
  type StoreOutcome,
} from '../../src/core/store-at-closest.ts'
import {
  delayed,
  honest,
  honestNetwork,
  nearest,
  runScripted,
  type Script,
  type ScriptedRun,
} from '../support/scripted-network.ts'
import { contactAt, randomContact, seededRandom } from '../support/tiny.ts'

const random = seededRandom(11)
const target = random.bytes(20)
const peers = nearest(
  Array.from({ length: 40 }, () => randomContact(random)),
  target,
  40,
)
const far = contactAt(Uint8Array.from(target, (byte) => byte ^ 0xff))
const key = Uint8Array.of(1)
const request = {
  type: 'put-value',
  key,
  target,
  record: { key, value: Uint8Array.of(2) },
} as const

/** What a lookup may send before its end to those up to this rank; none of theirs is an inner peer of a test. */
function earlyUpTo(rank: number): EarlyRequest {
  const last = peers[rank - 1] as Contact
  return {
    request: { ...request, tellCloser: true },
    isNear: (key) => compareDistance(target, key, last.key) <= 0,
  }
}

function put(
  init: Partial<StoreInit> & {
    self?: Contact
    seeds?: readonly Contact[]
    early?: EarlyRequest
    doubted?: Contact
  } = {},
): StoreAtClosest {
  return new StoreAtClosest({
    request,
    selfHolds: false,
    quorum: 0,
    ...init,
    lookup: {
      target,
      self: init.self ?? far,
      request: { type: 'find-node', key, target },
      seeds: init.seeds ?? peers.slice(30),
      k: 8,
      alpha: 3,
      widenTo: 8,
      answersWanted: 8,
      timing: {
        timeoutMs: () => 1_000,
        slowAfterMs: () => 100,
        giveUpAfterMs: (peer) => (peer === init.doubted ? 150 : Infinity),
      },
      deadline: 10_000,
      early: init.early,
    },
  })
}

/** All honest, but these do with a PUT_VALUE what `script` says. */
function network(
  stubborn: readonly Contact[] = [],
  script: Script = () => undefined,
): Map<string, Script> {
  const all = honestNetwork(peers, () => peers)
  for (const peer of stubborn) {
    const answer = honest(peers)
    all.set(toHex(peer.key), (request) =>
      request.type === 'put-value' ? script(request) : answer(request),
    )
  }
  return all
}

function stores(run: { sent: readonly { to: Contact; request: { type: string } }[] }): Contact[] {
  return run.sent.filter(({ request }) => request.type === 'put-value').map(({ to }) => to)
}

describe('StoreAtClosest', () => {
  it('stores at exactly the k closest, all at once', () => {
    const run = runScripted(put(), network())
    expect(new Set(run.result.stored)).toEqual(new Set(peers.slice(0, 8)))
    expect(run.result).toMatchObject({
      failed: [],
      target: 8,
      quorum: 4,
      quorumMet: true,
      complete: true,
    })
    expect(stores(run)).toEqual(peers.slice(0, 8))
  })

  it('asks the next closest where one refuses, until k hold the value, and names who refused', () => {
    const stubborn = [peers[0], peers[5]] as Contact[]
    const failure = { type: 'refused', reason: 'full' } as const
    const run = runScripted(
      put(),
      network(stubborn, () => ({ failure })),
    )
    expect(run.result.stored).toHaveLength(8)
    expect(new Set(run.result.stored)).toEqual(
      new Set(peers.slice(0, 10).filter((peer) => !stubborn.includes(peer))),
    )
    expect(run.result.failed).toEqual(stubborn.map((peer) => ({ peer, failure })))
  })

  it('asks nobody else where one refuses the value for its own sake', () => {
    const failure = { type: 'refused', reason: 'stale: version 3 is held' } as const
    const run = runScripted(
      put(),
      network(peers.slice(0, 8), () => ({ failure })),
    )
    expect(stores(run)).toEqual(peers.slice(0, 8))
    expect(run.result).toMatchObject({ stored: [], target: 8, quorumMet: false })
  })

  it('takes peers it only heard of when too few of those that answered store', () => {
    const stubborn = peers.slice(0, 35)
    const run = runScripted(
      put({ seeds: peers.slice(0, 8) }),
      network(stubborn, () => ({ failure: { type: 'refused' } })),
    )
    expect(run.result.stored).toEqual([])
    expect(run.result.quorumMet).toBe(false)
    expect(run.result.failed.length).toBeGreaterThan(8)
  })

  it('counts a silent holder as failed and its stand-in as holder', () => {
    const run = runScripted(put(), network([peers[3] as Contact]))
    expect(run.result.stored).toHaveLength(8)
    expect(run.result.failed).toEqual([{ peer: peers[3], failure: { type: 'timeout' } }])
  })

  it('sends a conditional write to the nearest alone, and to the others when that one has taken it', () => {
    const run = runScripted(put({ request: { ...request, ifVersion: 1 } }), network())
    const sent = run.sent.filter(({ request: { type } }) => type === 'put-value')
    expect(sent.map(({ to }) => to)).toEqual(peers.slice(0, 8))
    const [first, second, last] = [sent[0]?.at ?? 0, sent[1]?.at, sent[7]?.at]
    expect([second, last]).toEqual([first + 10, first + 10])
    expect(run.result).toMatchObject({ target: 8, quorum: 5, quorumMet: true })
  })

  it('asks nobody but the nearest when that one holds another version', () => {
    const failure = { type: 'refused', reason: 'stale: …', heldVersion: 3 } as const
    const run = runScripted(
      put({ request: { ...request, ifVersion: 1 } }),
      network(peers.slice(0, 1), () => ({ failure })),
    )
    expect(stores(run)).toEqual(peers.slice(0, 1))
    expect(run.result).toMatchObject({ stored: [], quorumMet: false })
    expect(run.result.failed).toEqual([{ peer: peers[0], failure }])
  })

  it('lets the next nearest decide on a conditional write where the nearest is silent or full', () => {
    const answers: Script = () => ({ failure: { type: 'refused', reason: 'full: …' } })
    for (const script of [answers, () => undefined]) {
      const run = runScripted(
        put({ request: { ...request, ifVersion: 1 } }),
        network(peers.slice(0, 2), script),
      )
      expect(run.result.stored).toHaveLength(8)
      expect(run.result.quorumMet).toBe(true)
      expect(run.parallelMax).toBeLessThanOrEqual(8)
    }
  })

  it('decides on a conditional write itself where it is the nearest', () => {
    const claimed = (answer: ClaimResult, self = contactAt(target)) => {
      const claim = vi.fn<() => ClaimResult>(() => answer)
      const init = { request: { ...request, ifVersion: 1 }, self, claim }
      return { run: runScripted(put(init), network()), claim }
    }
    const held = claimed('held').run
    expect(stores(held)).toEqual(peers.slice(0, 7))
    expect(held.result).toMatchObject({ selfHolds: true, target: 8, quorum: 5, quorumMet: true })
    const stale = claimed('stale').run
    expect(stores(stale)).toEqual([])
    expect(stale.result).toMatchObject({ stored: [], selfHolds: false, quorumMet: false })
    expect(claimed('full').run.result.stored).toHaveLength(8)
    expect(claimed('held', far).claim).not.toHaveBeenCalled()
  })

  it('ends at the deadline with what it has, and names those that had not answered', () => {
    const late: Script = () => ({ response: { type: 'put-value' }, afterMs: 999_999 })
    const slow = new StoreAtClosest({
      request,
      selfHolds: false,
      quorum: 8,
      lookup: {
        target,
        self: far,
        request: { type: 'find-node', key, target },
        seeds: peers.slice(0, 10),
        k: 8,
        alpha: 3,
        widenTo: 8,
        answersWanted: 8,
        timing: { timeoutMs: () => 50_000, slowAfterMs: () => 100, giveUpAfterMs: () => Infinity },
        deadline: 2_000,
      },
    })
    const run = runScripted(slow, network(peers.slice(0, 2), late))
    expect(run.endedAt).toBe(2_000)
    expect(run.result.stored).toHaveLength(6)
    expect(run.result.quorumMet).toBe(false)
    expect(run.result.failed.map(({ peer }) => peer)).toEqual(peers.slice(0, 2))
  })

  it('counts itself where it is one of the k closest, and asks one peer fewer', () => {
    const run = runScripted(put({ selfHolds: true, self: contactAt(target) }), network())
    expect(run.result).toMatchObject({ selfHolds: true, target: 8, quorumMet: true })
    expect(new Set(run.result.stored)).toEqual(new Set(peers.slice(0, 7)))
  })

  it('does not count itself where it is farther than the k closest', () => {
    const run = runScripted(put({ selfHolds: true, self: far }), network())
    expect(run.result.selfHolds).toBe(false)
    expect(run.result.stored).toHaveLength(8)
  })

  it('aims at as many peers as there are when there are fewer than k', () => {
    const few = peers.slice(0, 3)
    const run = runScripted(
      put({ seeds: few }),
      honestNetwork(few, () => few),
    )
    expect(run.result).toMatchObject({ target: 3, quorum: 2, quorumMet: true })
    expect(run.result.stored).toHaveLength(3)
  })

  it('does not meet its quorum without any holder', () => {
    const run = runScripted(put(), new Map())
    expect(run.result).toMatchObject({ stored: [], target: 0, quorumMet: false })
  })

  it('holds a caller to the quorum asked for', () => {
    const stubborn = peers.slice(3)
    const refuse: Script = () => ({ failure: { type: 'refused' } })
    expect(runScripted(put({ quorum: 3 }), network(stubborn, refuse)).result.quorumMet).toBe(true)
    expect(runScripted(put({ quorum: 4 }), network(stubborn, refuse)).result.quorumMet).toBe(false)
  })

  describe('with an early request', () => {
    it('stores at the k closest in one round trip where they are known', () => {
      const run = runScripted(put({ seeds: peers.slice(0, 10), early: earlyUpTo(12) }), network())
      expect(stores(run)).toEqual(peers.slice(0, 8))
      expect(run.sent).toHaveLength(8)
      expect(run.endedAt).toBe(10)
      expect(run.result).toMatchObject({ target: 8, requests: 8, complete: true, failed: [] })
      expect(run.result.stored).toEqual(peers.slice(0, 8))
    })

    it('asks one fewer where it is itself one of the k closest', () => {
      const init = { seeds: peers.slice(0, 10), early: earlyUpTo(12), self: contactAt(target) }
      const run = runScripted(put({ ...init, selfHolds: true }), network())
      expect(run.sent.map(({ to }) => to)).toEqual(peers.slice(0, 7))
      expect(run.result).toMatchObject({ selfHolds: true, target: 8, quorumMet: true })
    })

    it('goes on to nearer peers it hears of, and does not count copies too many', () => {
      const run = runScripted(put({ seeds: peers.slice(4, 14), early: earlyUpTo(12) }), network())
      expect(new Set(stores(run))).toEqual(new Set(peers.slice(0, 12)))
      expect(new Set(run.result.stored)).toEqual(new Set(peers.slice(0, 8)))
      expect(run.endedAt).toBe(20)
    })

    it('only asks those that may not be among the closest', () => {
      const run = runScripted(put({ early: earlyUpTo(12) }), network())
      const asked = run.sent.filter(({ request }) => request.type === 'find-node')
      for (const { to } of asked) expect(peers.indexOf(to)).toBeGreaterThanOrEqual(12)
      expect(new Set(run.result.stored)).toEqual(new Set(peers.slice(0, 8)))
    })

    it('asks a holder that names nobody by a request of its own, and stores there once', () => {
      const mute = peers[2] as Contact
      const run = runScripted(
        put({ seeds: peers.slice(0, 10), early: earlyUpTo(12) }),
        network([mute], () => ({ response: { type: 'put-value' } })),
      )
      const toMute = run.sent.filter(({ to }) => to === mute).map(({ request }) => request.type)
      expect(toMute).toEqual(['put-value', 'find-node'])
      expect(run.result.stored).toEqual(peers.slice(0, 8))
    })

    it('names an early refusal once, and asks nobody else where it is for the sake of the value', () => {
      const failure = { type: 'refused', reason: 'stale: version 3 is held' } as const
      const run = runScripted(
        put({ seeds: peers.slice(0, 10), early: earlyUpTo(12) }),
        network(peers.slice(0, 8), () => ({ failure })),
      )
      expect(stores(run)).toEqual(peers.slice(0, 8))
      expect(run.result.failed).toEqual(peers.slice(0, 8).map((peer) => ({ peer, failure })))
      expect(run.result).toMatchObject({ stored: [], target: 8, quorumMet: false })
    })

    it('lets the next closest take the place of an early holder that is full or silent', () => {
      const full = peers[1] as Contact
      const silent = peers[3] as Contact
      const scripts = network([full], () => ({ failure: { type: 'refused', reason: 'full: x' } }))
      scripts.set(toHex(silent.key), () => undefined)
      const run = runScripted(put({ seeds: peers.slice(0, 12), early: earlyUpTo(8) }), scripts)
      expect(new Set(run.result.stored)).toEqual(
        new Set(peers.slice(0, 10).filter((peer) => peer !== full && peer !== silent)),
      )
      expect(new Set(run.result.failed.map(({ peer }) => peer))).toEqual(new Set([full, silent]))
    })

    it('does not wait for the timeout of a holder that failed before, and says that it failed', () => {
      const silent = peers[3] as Contact
      const scripts = network()
      scripts.set(toHex(silent.key), () => undefined)
      const seeds = peers.slice(0, 12)
      const run = runScripted(put({ seeds, early: earlyUpTo(8), doubted: silent }), scripts)
      expect(run.endedAt).toBeLessThan(200)
      expect(new Set(run.result.stored)).toEqual(
        new Set(peers.slice(0, 9).filter((peer) => peer !== silent)),
      )
      expect(run.result.failed).toEqual([{ peer: silent, failure: { type: 'timeout' } }])
    })

    it('takes the word of such a holder while it waits for the one in its place', () => {
      const doubted = peers[3] as Contact
      const next = peers[8] as Contact
      const run = (script: Script): ScriptedRun<StoreOutcome> => {
        const scripts = network([doubted], delayed(script, 200))
        const answer = honest(peers)
        scripts.set(toHex(next.key), (request) =>
          (request.type === 'put-value' ? delayed(answer, 500) : answer)(request),
        )
        const seeds = peers.slice(0, 12)
        return runScripted(put({ seeds, early: earlyUpTo(8), doubted }), scripts)
      }
      const acknowledged = run(honest(peers))
      expect(acknowledged.endedAt).toBe(200)
      expect(acknowledged.result).toMatchObject({ target: 8, failed: [] })
      expect(new Set(acknowledged.result.stored)).toEqual(new Set(peers.slice(0, 8)))
      const failure = { type: 'refused', reason: 'stale: version 3 is held' } as const
      const refused = run(() => ({ failure }))
      expect(refused.result.failed).toEqual([{ peer: doubted, failure }])
      expect(new Set(refused.result.stored)).toEqual(
        new Set(peers.slice(0, 9).filter((peer) => peer !== doubted)),
      )
    })
  })
})
