import { describe, expect, it } from 'vitest'
import { EventQueue, eventOrder, type SimEvent } from '../../../simulations/engine/event-queue.ts'
import { SeededRandom } from '../../../simulations/engine/random.ts'
import type { SimulationOptions } from '../../../simulations/options.ts'
import { makeSimulator, optionsOf } from '../../../simulations/run.ts'
import { defined } from '../../support/endpoint.ts'

/** An event that notes when it was. */
class Noted implements SimEvent {
  isCancelled = false
  readonly #note: () => void

  constructor(note: () => void) {
    this.#note = note
  }

  fire(): boolean {
    this.#note()
    return false
  }
}

describe('the event queue', () => {
  it('gives events by time, then by who scheduled them, then by their count, without the cancelled', () => {
    const random = new SeededRandom(3, 'queue')
    const queue = new EventQueue()
    const entries = Array.from({ length: 20_000 }, (_, count) => {
      const [time, order] = [random.below(500), eventOrder(random.below(50), count)]
      const event = new Noted(() => undefined)
      queue.push(time, order, event)
      return { time, order, event }
    })
    for (const { event } of entries.filter(() => random.chance(0.6))) {
      event.isCancelled = true
      queue.cancelled()
    }
    const expected = entries
      .filter(({ event }) => !event.isCancelled)
      .sort((a, b) => a.time - b.time || a.order - b.order)
    for (const { event, time } of expected) {
      expect(queue.nextTime()).toBe(time)
      expect(queue.pop()).toBe(event)
    }
    expect(queue.pop()).toBeUndefined()
    expect(queue.nextTime()).toBe(Infinity)
  })
})

describe('seeded randomness', () => {
  it('is the same for a seed and a purpose, and another for any other', () => {
    const draws = (...name: [number, ...(string | number)[]]): number[] => {
      const random = new SeededRandom(...name)
      return Array.from({ length: 8 }, () => random.uint32())
    }
    expect(draws(7, 'peer', 12)).toEqual(draws(7, 'peer', 12))
    const others = [
      draws(8, 'peer', 12),
      draws(7, 'peer', 13),
      draws(7, 'loss'),
      draws(7, 'peer', 1, 2),
    ]
    for (const other of others) expect(other).not.toEqual(draws(7, 'peer', 12))
  })

  it('is uniform: every byte as often as the others', () => {
    const counts = new Array<number>(256).fill(0)
    for (const byte of new SeededRandom(1, 'bytes').bytes(256_000))
      counts[byte] = (counts[byte] ?? 0) + 1
    const chiSquared = counts.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0)
    expect(chiSquared).toBeGreaterThan(160) // 255 degrees of freedom: 0.1 % on either side
    expect(chiSquared).toBeLessThan(375)
  })
})

describe('faults', () => {
  function networkOf(options: Partial<SimulationOptions> = {}) {
    const sim = makeSimulator(optionsOf('churn', { latency: 'constant:20', ...options }))
    const [one, other] = sim.startWarm(30)
    return { sim, one: defined(one), other: defined(other) }
  }

  it('a model that draws more leaves the streams of others as they were', async () => {
    const worlds = ['constant:20', 'uniform:5-40'].map((latency) => networkOf({ latency }).sim)
    const [ids, others] = worlds.map(({ peers }) => peers.map(({ contact }) => contact.key))
    expect(others).toEqual(ids)
    const [draws, same] = worlds.map(({ peers }) => peers.map(({ random }) => random.uint32()))
    expect(same).toEqual(draws)
  })

  it('a crash loses what was not yet durable, and nothing that was', async () => {
    const { sim, one } = networkOf()
    const text = (what: string): Uint8Array => new TextEncoder().encode(what)
    const written: string[] = []
    const write = (what: string): void =>
      one.storage.write([{ key: text(`x/${what}`), value: text(what) }], () => written.push(what))
    write('durable')
    await sim.run(sim.now + 5)
    one.diskSlowness = 100
    write('under way')
    await sim.run(sim.now + 50)
    sim.kill(one)
    await sim.run(sim.now + 500)
    expect(written).toEqual(['durable'])
    const kept = await one.storage.load(text('x/'))
    expect(kept.map(([key]) => new TextDecoder().decode(key))).toEqual(['x/durable'])
    await sim.start(one)
    sim.kill(one, { disk: 'lost' })
    expect(one.storage.size).toBe(0)
  })

  it('nothing that a crashed peer had asked for happens to the one that comes after it', async () => {
    const { sim, one, other } = networkOf()
    const heard: string[] = []
    one.setAlarm(one.now() + 100, () => heard.push('alarm'))
    one.send(other.contact, { type: 'ping' }, one.now() + 1_000, () => heard.push('answer'))
    sim.kill(one)
    await sim.start(one)
    one.setAlarm(one.now() + 100, () => heard.push('new alarm'))
    await sim.run(sim.now + 2_000)
    expect(heard).toEqual(['new alarm'])
  })

  it('a skewed clock shows another time, and a fast one reaches an alarm earlier', async () => {
    const { sim, one, other } = networkOf()
    one.skewMs = 60_000
    expect(one.wallClock() - other.wallClock()).toBe(60_000)
    one.clockRate = 1.1
    let firedAt = 0
    one.setAlarm(one.now() + 1_100, () => {
      firedAt = sim.now
    })
    await sim.run(sim.now + 2_000)
    expect(firedAt).toBeCloseTo(1_000)
  })

  it.each([0.2, 0.5])('a loss of %d is that of requests and answers alike', async (loss) => {
    const { sim, one, other } = networkOf({ loss, replication: false })
    const pings = 4_000
    let answered = 0
    for (let i = 0; i < pings; i++) {
      one.send(other.contact, { type: 'ping' }, one.now() + 500, ({ ok }) => {
        if (ok) answered += 1
      })
    }
    await sim.run(sim.now + 1_000)
    expect(answered / pings).toBeCloseTo((1 - loss) ** 2, 1)
    expect(sim.network.counters.requestsUnderWay).toBe(0)
    expect(sim.network.counters.messagesUnderWay).toBe(0)
  })
})
