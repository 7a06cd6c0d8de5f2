import { afterAll, describe, expect, it } from 'vitest'
import { killAmidPuts } from '../support/durability.ts'
import { Daemons } from '../support/kad.ts'

const daemons = new Daemons()
afterAll(() => daemons.close())

describe('a daemon that is killed amid puts', () => {
  it('has every value after its restart that it had acknowledged, as a writer’s peer and as a holder', async () => {
    const rounds = await killAmidPuts(daemons, { kills: 2, puts: 100 })
    expect(rounds.flatMap(({ lost }) => lost)).toEqual([])
    // The kill came amid: something was promised of either sort, and not everything.
    expect(rounds.every(({ own, held }) => own + held < 100)).toBe(true)
    expect(rounds.some(({ own }) => own > 0)).toBe(true)
    expect(rounds.some(({ held }) => held > 0)).toBe(true)
  })
})
