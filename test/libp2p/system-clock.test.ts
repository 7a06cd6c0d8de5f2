import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SystemClock } from '../../src/libp2p/system-clock.ts'
import { seededRandom } from '../support/tiny.ts'

let clock: SystemClock

beforeEach(() => {
  vi.useFakeTimers()
  clock = new SystemClock()
})

afterEach(() => {
  clock.close()
  const left = vi.isFakeTimers() ? vi.getTimerCount() : 0
  vi.useRealTimers()
  if (left > 0) throw new Error(`${left} timers are left`)
})

describe('the system’s clock', () => {
  it('fires every alarm at its time and in order, but for those taken back, by one timer', () => {
    const random = seededRandom(7)
    const start = clock.now()
    const fired: number[] = []
    const wanted: number[] = []
    for (let i = 0; i < 1_000; i++) {
      const afterMs = random.below(5_000)
      const cancel = clock.setAlarm(start + afterMs, () => {
        expect(clock.now()).toBeGreaterThanOrEqual(start + afterMs)
        expect(clock.now()).toBeLessThan(start + afterMs + 2)
        fired.push(afterMs)
      })
      if (random.below(3) === 0) cancel()
      else wanted.push(afterMs)
      expect(vi.getTimerCount()).toBe(1)
    }
    vi.advanceTimersByTime(6_000)
    expect(fired).toEqual(wanted.sort((a, b) => a - b))
  })

  it('never fires within the call, also when the time has passed', () => {
    const fire = vi.fn<() => void>()
    clock.setAlarm(clock.now() - 100, fire)
    expect(fire).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(fire).toHaveBeenCalledOnce()
  })

  it('waits longer than a timer of the system can', () => {
    const fire = vi.fn<() => void>()
    const days30 = 30 * 24 * 3_600_000
    clock.setAlarm(clock.now() + days30, fire)
    vi.advanceTimersByTime(days30 - 1)
    expect(fire).not.toHaveBeenCalled()
    vi.advanceTimersByTime(2)
    expect(fire).toHaveBeenCalledOnce()
  })

  it('takes its timer back, too, when an alarm has set another and taken it back', () => {
    clock.setAlarm(clock.now() + 10, () => {
      clock.setAlarm(clock.now() + 10, () => expect.unreachable('it was taken back'))()
    })
    vi.advanceTimersByTime(11)
    clock.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('fires after what arrived while the process was busy has been read', async () => {
    vi.useRealTimers()
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [far] = (await once(server, 'connection')) as [Socket]
    const order: string[] = []
    near.once('data', () => order.push('an answer'))
    const fired = new Promise<void>((resolve) => {
      clock.setAlarm(clock.now() + 1, () => {
        order.push('an alarm')
        resolve()
      })
    })
    far.write('an answer')
    const busyUntil = performance.now() + 20
    while (performance.now() < busyUntil);
    await fired
    expect(order).toEqual(['an answer', 'an alarm'])
    near.destroy()
    far.destroy()
    server.close()
  })

  it('goes on when an alarm throws', () => {
    const fire = vi.fn<() => void>()
    clock.setAlarm(clock.now() + 10, () => {
      throw new Error('a broken invariant')
    })
    clock.setAlarm(clock.now() + 10, fire)
    expect(() => vi.advanceTimersByTime(11)).toThrow('a broken invariant')
    vi.advanceTimersByTime(2)
    expect(fire).toHaveBeenCalledOnce()
  })
})
