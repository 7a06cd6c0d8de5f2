import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import { Lookup } from '../../src/core/lookup.ts'
import type { LookupInit } from '../../src/core/lookup-init.ts'
import { honestNetwork, runScripted } from '../support/scripted-network.ts'
import { tinyContact } from '../support/tiny.ts'

const target = Uint8Array.of(0)

/** The four peers nearest to the target are its holders. */
const holders = [1, 2, 3, 4].map((key) => tinyContact(key))
const others = [32, 33, 64, 65].map((key) => tinyContact(key))

function lookupInit(seeds: readonly Contact[], choice: number): LookupInit {
  return {
    target,
    self: tinyContact(255),
    request: { type: 'get-value', key: target, target },
    seeds,
    k: 4,
    alpha: 2,
    widenTo: 4,
    answersWanted: 4,
    timing: { timeoutMs: () => 1_000, slowAfterMs: () => 100, giveUpAfterMs: () => Infinity },
    deadline: 60_000,
    holders: { isNear: (key) => (key[0] as number) <= 4, choice },
  }
}

function keys(sent: readonly { readonly to: Contact }[]): (number | undefined)[] {
  return sent.map(({ to }) => to.key[0])
}

describe('a lookup of what any of several holders has', () => {
  it.each([
    [0, 1],
    [0.3, 2],
    [0.5, 3],
    [0.99, 4],
  ])('asks the one that %d chooses, and nobody else beside it', (choice, chosen) => {
    const lookup = new Lookup(lookupInit([...holders, ...others], choice))
    const step = lookup.next(0)
    expect(step).toMatchObject({ type: 'send', to: { key: Uint8Array.of(chosen) } })
    expect(lookup.next(0)).toEqual({ type: 'wait', until: 100 })
  })

  it('goes on as usual when that one has answered without it', () => {
    const all = [...holders, ...others]
    const run = runScripted(
      new Lookup(lookupInit(all, 0.5)),
      honestNetwork(all, () => []),
    )
    expect(keys(run.sent)).toEqual([3, 1, 2, 4])
    expect(run.sent.map(({ at }) => at)).toEqual([0, 10, 10, 20])
  })

  it('goes on when it is late, and still hears it', () => {
    const all = [...holders, ...others]
    const network = new Map(honestNetwork(all, () => []))
    network.set('03', () => ({
      response: { type: 'get-value', record: undefined, closer: [] },
      afterMs: 150,
    }))
    const run = runScripted(new Lookup(lookupInit(all, 0.5)), network)
    expect(run.sent[0]?.to.key[0]).toBe(3)
    expect(run.sent[1]?.at).toBe(100)
    expect(run.result.failures).toBe(0)
    expect(run.result.closest).toHaveLength(4)
  })

  it('looks for them first where none is known', () => {
    const network = honestNetwork([...holders, ...others], () => holders)
    const run = runScripted(new Lookup(lookupInit(others, 0.99)), network)
    // Two on the way at once, then one holder of those they name.
    expect(keys(run.sent).slice(0, 3)).toEqual([32, 33, 4])
    expect(run.sent[3]?.at).toBe(20)
  })
})
