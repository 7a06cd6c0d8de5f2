import { ok } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CandidateState, Candidates } from '../../src/core/candidates.ts'
import type { Contact } from '../../src/core/contact.ts'
import { tinyContact } from '../support/tiny.ts'

const TARGET = Uint8Array.of(0)

function add(candidates: Candidates, contact: Contact): number {
  return candidates.add(contact, contact.head, 1)
}

function full(...states: readonly CandidateState[]): Candidates {
  const candidates = new Candidates(TARGET, states.length)
  for (let i = 0; i < states.length; i++) add(candidates, tinyContact(10 * (i + 1)))
  candidates.list.forEach((candidate, i) => {
    candidate.state = states[i] as CandidateState // there are as many
  })
  return candidates
}

const keysOf = ({ list }: Candidates) => list.map(({ contact }) => contact.key[0] as number)

describe('candidates without room for more', () => {
  it('drop the farthest for one that is nearer, and take none that is farther', () => {
    const candidates = full('unasked', 'unasked', 'unasked')
    expect(add(candidates, tinyContact(15))).toBe(1)
    expect(keysOf(candidates)).toEqual([10, 15, 20])
    expect(add(candidates, tinyContact(25))).toBe(-1)
    expect(keysOf(candidates)).toEqual([10, 15, 20])
  })

  it('take the nearest in though the farthest has been asked: it began with contacts that were far', () => {
    for (const state of ['waiting', 'slow', 'answered'] as const) {
      const candidates = full('unasked', 'unasked', state)
      expect(add(candidates, tinyContact(1))).toBe(0)
      expect(keysOf(candidates)).toEqual([1, 10, 30])
    }
  })

  it('drop the farthest if it has failed, before any that may answer', () => {
    const candidates = full('unasked', 'unasked', 'failed')
    expect(add(candidates, tinyContact(15))).toBe(1)
    expect(keysOf(candidates)).toEqual([10, 15, 20])
    expect(add(candidates, tinyContact(30))).toBe(-1)
  })

  it('drop whoever has failed, even the nearest, and hear of it no more', () => {
    const candidates = full('failed', 'answered', 'waiting')
    expect(add(candidates, tinyContact(40))).toBe(2)
    expect(keysOf(candidates)).toEqual([20, 30, 40])
    expect(add(candidates, tinyContact(10))).toBe(-1)
    expect(add(candidates, tinyContact(25))).toBe(1)
    expect(keysOf(candidates)).toEqual([20, 25, 30])
  })

  it('keep all that were asked and may answer, and those that are nearer', () => {
    const candidates = full('unasked', 'answered', 'waiting')
    expect(add(candidates, tinyContact(15))).toBe(-1)
    expect(keysOf(candidates)).toEqual([10, 20, 30])
  })

  it('ask nobody twice, forget nobody who may answer, and refuse nobody for whom there is room', () => {
    const states = ['waiting', 'slow', 'answered', 'failed'] as const
    const step = fc.record({
      key: fc.integer({ min: 1, max: 255 }),
      ask: fc.nat(20),
      state: fc.constantFrom(...states),
    })
    const room = fc.integer({ min: 1, max: 8 })
    fc.assert(fc.property(room, fc.array(step, { maxLength: 60 }), checkSteps))
  })
})

function checkSteps(
  room: number,
  steps: readonly { key: number; ask: number; state: CandidateState }[],
): void {
  const candidates = new Candidates(TARGET, room)
  const asked = new Map<number, CandidateState>()
  for (const { key, ask, state } of steps) {
    const contact = tinyContact(key)
    const isKnown = candidates.find(contact) !== undefined
    const unaskedBeyond = candidates.list.some(
      (one) => one.state === 'unasked' && (one.contact.key[0] as number) > key,
    )
    const hasRoom =
      candidates.list.length < room || candidates.list.some(({ state: at }) => at === 'failed')
    const isGone = asked.get(key) === 'failed'
    const isTaken = add(candidates, contact) >= 0
    ok(!isTaken || !isKnown, 'nobody stands twice')
    ok(isTaken || isKnown || isGone || !(hasRoom || unaskedBeyond), 'who is nearer is taken in')
    ok(!isTaken || !asked.has(key), 'nobody is asked again')
    expect(candidates.list.length).toBeLessThanOrEqual(room)
    expect(keysOf(candidates)).toEqual(keysOf(candidates).toSorted((a, b) => a - b))
    const chosen = candidates.list[ask]
    if (chosen?.state !== 'unasked') continue
    chosen.state = state
    asked.set(chosen.contact.key[0] as number, state)
  }
  const mayAnswer = [...asked].filter(([, state]) => state !== 'failed').map(([key]) => key)
  expect(keysOf(candidates)).toEqual(expect.arrayContaining(mayAnswer))
}
