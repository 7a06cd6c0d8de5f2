import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import type { Operation, Step } from '../../src/core/operation.ts'
import type { Cancel, Ports } from '../../src/core/ports.ts'
import { Drive, type DriveEnd } from '../../src/node/driver.ts'
import { tinyContact } from '../support/tiny.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const REQUEST: RpcRequest = { type: 'ping' }
const a = tinyContact(1)
const b = tinyContact(2)

/** An operation that does what a list of steps says, and notes what it hears. */
class Scripted implements Operation<string> {
  readonly heard: string[] = []
  readonly steps: Step<string>[]

  constructor(steps: Step<string>[]) {
    this.steps = steps
  }

  next(now: number): Step<string> {
    this.heard.push(`next ${now}`)
    const step = this.steps[0]
    if (step === undefined) throw new Error('asked for more steps than the script has')
    if (step.type === 'send' || (step.type === 'wait' && step.until <= now)) this.steps.shift()
    return step.type === 'wait' && step.until <= now ? this.next(now) : step
  }

  onResponse(from: Contact): void {
    this.heard.push(`response of ${from.id}`)
    this.steps.shift()
  }

  onFailure(from: Contact): void {
    this.heard.push(`failure of ${from.id}`)
    this.steps.shift()
  }
}

function send(to: Contact): Step<string> {
  return { type: 'send', to, request: REQUEST, deadline: 1_000 }
}

function setUp(
  steps: Step<string>[],
  left: readonly Contact[] = [],
): {
  clock: VirtualClock
  operation: Scripted
  drive: Drive<string>
  sent: Contact[]
  cancelled: Contact[]
  settle: (to: Contact, outcome: RpcOutcome) => void
  ends: DriveEnd<string>[]
  order: string[]
  cancels: Cancel[]
} {
  const clock = new VirtualClock()
  const operation = new Scripted(steps)
  const sent: Contact[] = []
  const cancelled: Contact[] = []
  const open = new Map<Contact, (outcome: RpcOutcome) => void>()
  const ends: DriveEnd<string>[] = []
  const order: string[] = []
  const cancels: Cancel[] = []
  const ports = {
    clock,
    network: {
      send: (to, _request, _deadline, settle) => {
        sent.push(to)
        open.set(to, settle)
        return () => cancelled.push(to)
      },
    },
  } as Pick<Ports, 'clock' | 'network'> as Ports // the driver uses no others
  const drive = new Drive({
    kind: 'find-node',
    operation,
    ports,
    hooks: {
      sent: (to) => order.push(`sent ${to.id}`),
      settled: (to, _request, outcome, { sentAt, now }) =>
        order.push(`settled ${to.id} ${outcome.ok} after ${now - sentAt}`),
      leaves: (to, cancel) => {
        if (left.includes(to)) cancels.push(cancel)
        return left.includes(to)
      },
      settledAfterEnd: (to, outcome, { sentAt, now }) =>
        order.push(`settled ${to.id} ${outcome.ok} after ${now - sentAt}, after the end`),
    },
    ended: (end) => ends.push(end),
  })
  return {
    clock,
    operation,
    drive,
    sent,
    cancelled,
    settle: (to, outcome) => open.get(to)?.(outcome),
    ends,
    order,
    cancels,
  }
}

const PONG: RpcOutcome = { ok: true, response: { type: 'ping' } }

describe('Drive', () => {
  it('sends all that is wanted at once, then waits', () => {
    const { drive, sent, ends } = setUp([
      send(a),
      send(b),
      { type: 'wait', until: Number.POSITIVE_INFINITY },
    ])
    drive.start()
    expect(sent).toEqual([a, b])
    expect(ends).toEqual([])
  })

  it('tells the hooks first and the operation then, and ends once', async () => {
    const { clock, drive, operation, settle, ends, order } = setUp([
      send(a),
      { type: 'wait', until: Number.POSITIVE_INFINITY },
      { type: 'done', result: 'found' },
    ])
    drive.start()
    await clock.pass(7)
    settle(a, PONG)
    expect(order).toEqual(['sent peer-00000001', 'settled peer-00000001 true after 7'])
    expect(operation.heard).toContain('response of peer-00000001')
    expect(ends).toEqual([{ type: 'done', result: 'found' }])
    drive.abort('too late')
    expect(ends).toHaveLength(1)
  })

  it('takes in all answers that have come when the alarm is due, before it asks for the next step', async () => {
    const { clock, drive, operation, settle, ends } = setUp([
      send(a),
      send(b),
      { type: 'wait', until: 250 },
      { type: 'wait', until: 250 },
      { type: 'done', result: 'found' },
    ])
    // As after a pause of the process: both have arrived when it is time for the alarm.
    clock.setAlarm(250, () => settle(a, PONG))
    clock.setAlarm(250, () => settle(b, PONG))
    drive.start()
    await clock.pass(250)
    expect(operation.heard.slice(-3)).toEqual([
      'response of peer-00000001',
      'response of peer-00000010',
      'next 250',
    ])
    expect(ends).toEqual([{ type: 'done', result: 'found' }])
  })

  it('wakes the operation at the time it asked for, with the time as it is then', async () => {
    const { clock, drive, operation, ends } = setUp([
      { type: 'wait', until: 250 },
      { type: 'done', result: 'timed out' },
    ])
    drive.start()
    await clock.pass(249)
    expect(ends).toEqual([])
    await clock.pass(1)
    expect(operation.heard).toEqual(['next 0', 'next 250', 'next 250'])
    expect(ends).toEqual([{ type: 'done', result: 'timed out' }])
  })

  it('takes back what is under way when the operation is done, and leaves no alarm', () => {
    const { clock, drive, cancelled, settle } = setUp([
      send(a),
      send(b),
      { type: 'wait', until: 500 },
      { type: 'done', result: 'enough' },
    ])
    drive.start()
    settle(a, PONG)
    expect(cancelled).toEqual([b])
    expect(clock.alarms).toBe(0)
  })

  it('leaves under way what its peer wants to hear of, and how to take that back', async () => {
    const steps = (): Step<string>[] => [
      send(a),
      send(b),
      { type: 'wait', until: 500 },
      { type: 'done', result: 'enough' },
    ]
    const { clock, drive, operation, cancelled, settle, ends, order } = setUp(steps(), [b])
    drive.start()
    settle(a, PONG)
    drive.abort('too late')
    expect([ends, cancelled]).toEqual([[{ type: 'done', result: 'enough' }], []])
    await clock.pass(30)
    settle(b, PONG)
    expect(order.at(-1)).toBe('settled peer-00000010 true after 30, after the end')
    expect(operation.heard).not.toContain('response of peer-00000010')

    const other = setUp(steps(), [b])
    other.drive.start()
    other.settle(a, PONG)
    for (const cancel of other.cancels) cancel()
    expect(other.cancelled).toEqual([b])
  })

  it('ends with the reason when it is aborted, and hears nothing afterwards', () => {
    const { clock, drive, operation, cancelled, settle, ends } = setUp([
      send(a),
      { type: 'wait', until: 500 },
    ])
    drive.start()
    drive.abort('enough of it')
    settle(a, PONG)
    expect(ends).toEqual([{ type: 'aborted', reason: 'enough of it' }])
    expect(cancelled).toEqual([a])
    expect(operation.heard).not.toContain('response of peer-00000001')
    expect(clock.alarms).toBe(0)
  })

  it('stops the program when an operation waits for the past: it would loop for ever', () => {
    const { drive, operation } = setUp([])
    operation.next = () => ({ type: 'wait', until: 0 })
    expect(() => drive.start()).toThrow('broken invariant: waiting until 0')
  })
})
