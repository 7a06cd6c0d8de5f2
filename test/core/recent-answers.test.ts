import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ANSWER_RECENT_MS } from '../../src/core/limits.ts'
import { RecentAnswers } from '../../src/core/recent-answers.ts'

const HALF_MS = ANSWER_RECENT_MS / 2

describe('RecentAnswers', () => {
  it('knows who has answered lately, until it has failed', () => {
    const answers = new RecentAnswers()
    answers.answered('a', 100)
    answers.answered('b', 100)
    expect([answers.has('a', 100), answers.has('nobody', 100)]).toEqual([true, false])
    answers.forget('a')
    expect([answers.has('a', 101), answers.has('b', 101)]).toEqual([false, true])
    expect(answers.has('b', 100 + HALF_MS)).toBe(true)
    answers.forget('b')
    expect(answers.has('b', 100 + HALF_MS)).toBe(false)
  })

  it('never calls an answer recent that is older than that, and always one half as old', () => {
    const gap = fc.integer({ min: 0, max: 2 * ANSWER_RECENT_MS })
    const step = fc.record({ gap, id: fc.integer({ min: 0, max: 3 }), isAnswer: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const answers = new RecentAnswers()
        const answeredAt = new Map<number, number>()
        let now = 0
        for (const { gap: passed, id, isAnswer } of steps) {
          now += passed
          if (isAnswer) {
            answers.answered(String(id), now)
            answeredAt.set(id, now)
          }
          for (let other = 0; other <= 3; other++) {
            const age = now - (answeredAt.get(other) ?? -Infinity)
            const isRecent = answers.has(String(other), now)
            const may = age <= HALF_MS ? [true] : age > ANSWER_RECENT_MS ? [false] : [true, false]
            expect(may).toContain(isRecent)
          }
        }
      }),
    )
  })

  it('remembers no more than so many, whoever answers', () => {
    const answers = new RecentAnswers()
    for (let i = 0; i < 20_000; i++) answers.answered(String(i), 1)
    const remembered = Array.from({ length: 20_000 }, (_, i) => answers.has(String(i), 1))
    expect(remembered.filter(Boolean)).toHaveLength(4_096)
  })
})
