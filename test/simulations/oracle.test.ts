import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Oracle } from '../../simulations/oracle.ts'
import { commonPrefixLength, compareDistance } from '../../src/core/key.ts'
import { tinyContact } from '../support/tiny.ts'

const keys = fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 60 })

describe('the oracle', () => {
  it('knows the closest, as sorting all of them tells', () => {
    fc.assert(
      fc.property(keys, fc.nat(255), fc.nat(30), (all, target, count) => {
        const oracle = new Oracle<{ contact: ReturnType<typeof tinyContact> }>()
        const peers = all.map((key) => ({ contact: tinyContact(key) }))
        oracle.addAll(peers.slice(1))
        for (const peer of peers.slice(0, 1)) oracle.add(peer)
        const at = Uint8Array.of(target)
        const sorted = [...peers].sort((a, b) => compareDistance(at, a.contact.key, b.contact.key))
        expect(oracle.closest(at, count)).toEqual(sorted.slice(0, count))
        const even = sorted.filter(({ contact }) => (contact.key[0] ?? 0) % 2 === 0)
        expect(oracle.closest(at, count, ({ contact }) => (contact.key[0] ?? 0) % 2 === 0)).toEqual(
          even.slice(0, count),
        )
        for (let bits = 0; bits < 8; bits++) {
          const shared = peers.filter(({ contact }) => commonPrefixLength(at, contact.key) === bits)
          expect(oracle.countWithPrefix(at, bits)).toBe(shared.length)
        }
      }),
    )
  })

  it('forgets who left, once', () => {
    const oracle = new Oracle<{ contact: ReturnType<typeof tinyContact> }>()
    const [one, other] = [{ contact: tinyContact(3) }, { contact: tinyContact(9) }]
    oracle.addAll([other, one])
    expect(oracle.peers).toEqual([one, other])
    expect(oracle.remove(one)).toBe(true)
    expect(oracle.remove(one)).toBe(false)
    expect([oracle.has(one), oracle.has(other), oracle.size]).toEqual([false, true, 1])
  })
})
