import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import type { Operation, Step } from '../../src/core/operation.ts'
import type { Ports } from '../../src/core/ports.ts'
import { OperationRunner } from '../../src/node/operation-runner.ts'
import { tinyContact } from '../support/tiny.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const PING: RpcRequest = { type: 'ping' }
const PONG: RpcOutcome = { ok: true, response: { type: 'ping' } }

/** Asks one peer, and is done before it has answered. */
class AskAndGo implements Operation<string> {
  readonly #to: Contact
  #isSent = false

  constructor(to: Contact) {
    this.#to = to
  }

  next(): Step<string> {
    if (this.#isSent) return { type: 'done', result: 'done' }
    this.#isSent = true
    return { type: 'send', to: this.#to, request: PING, deadline: 1_000 }
  }

  onResponse(): void {
    throw new Error('heard an answer after the end')
  }

  onFailure(): void {
    throw new Error('heard a failure after the end')
  }
}

/** A runner whose peer doubts everybody but these. */
function setUp(trusted: readonly Contact[] = []): {
  runner: OperationRunner
  clock: VirtualClock
  ask: (to: Contact) => Promise<string>
  settle: (to: Contact, outcome: RpcOutcome, rttMs?: number) => void
  cancelled: Contact[]
  learnt: string[]
} {
  const clock = new VirtualClock()
  const cancelled: Contact[] = []
  const learnt: string[] = []
  const open = new Map<Contact, (outcome: RpcOutcome, rttMs?: number) => void>()
  const ports = {
    clock,
    network: {
      send: (to, _request, _deadline, settle) => {
        open.set(to, settle)
        return () => cancelled.push(to)
      },
    },
  } as Pick<Ports, 'clock' | 'network'> as Ports // the runner uses no others
  const hooks = {
    answered: (from: Contact, rttMs: number) => learnt.push(`${from.id} answered after ${rttMs}`),
    failed: (to: Contact, { type }: { type: string }, sentAt: number, now: number) =>
      learnt.push(`${to.id}: ${type}, sent at ${sentAt}, at ${now}`),
    isDoubted: (to: Contact) => !trusted.includes(to),
  }
  const runner = new OperationRunner(ports, hooks, 1_000)
  return {
    runner,
    clock,
    ask: (to) => runner.run('find-node', undefined, new AskAndGo(to)),
    settle: (to, outcome, rttMs) => open.get(to)?.(outcome, rttMs),
    cancelled,
    learnt,
  }
}

const a = tinyContact(1)
const b = tinyContact(2)

describe('OperationRunner: requests under way at the end of their operation', () => {
  it('takes them back', async () => {
    const { ask, cancelled } = setUp([a])
    await ask(a)
    expect(cancelled).toEqual([a])
  })

  it('leaves those to peers whose last request failed, and learns what becomes of them', async () => {
    const { ask, settle, clock, cancelled, learnt } = setUp()
    await ask(a)
    await ask(b)
    await clock.pass(30)
    settle(a, PONG)
    settle(b, { ok: false, failure: { type: 'timeout' } })
    expect(cancelled).toEqual([])
    expect(learnt).toEqual([`${a.id} answered after 30`, `${b.id}: timeout, sent at 0, at 30`])
  })

  it('learns the round trip without the time that the connection took', async () => {
    const { ask, settle, clock, learnt } = setUp()
    await ask(a)
    await clock.pass(30)
    settle(a, PONG, 7)
    expect(learnt).toEqual([`${a.id} answered after 7`])
  })

  it('leaves one to each such peer at a time', async () => {
    const { ask, settle, cancelled } = setUp()
    await ask(a)
    await ask(a)
    expect(cancelled).toEqual([a])
    settle(a, PONG) // of the second, which is over: nobody hears of it
    await ask(a)
    expect(cancelled).toEqual([a, a])
  })

  it('leaves no more than 64, and none when the peer stops', async () => {
    const { runner, ask, cancelled } = setUp()
    const peers = Array.from({ length: 66 }, (_, i) => tinyContact(i + 1))
    for (const peer of peers) await ask(peer)
    expect(cancelled).toEqual(peers.slice(64))
    runner.close()
    expect(new Set(cancelled)).toEqual(new Set(peers))
    expect(cancelled).toHaveLength(66)
  })
})
