import { describe, expect, it } from 'vitest'
import type { Contact } from '../../src/core/contact.ts'
import {
  WATCH_GRACE_MS,
  WATCH_IDLE_ANSWERS_MAX,
  WATCH_IDLE_PAUSE_MS,
  WATCH_POLL_INTERVAL_MS,
  WATCH_WAIT_MS,
} from '../../src/core/limits.ts'
import type { RpcRequest, WatchCursor } from '../../src/core/message.ts'
import type { ValueRecord } from '../../src/core/record.ts'
import { Watch, type WatchJudge, type WatchStep } from '../../src/core/watch.ts'
import { tinyContact } from '../support/tiny.ts'

const KEY = Uint8Array.of(1)
const TARGET = Uint8Array.of(0)
// By their distance from the target: a is the nearest.
const [A, B, C, D] = [1, 2, 4, 8].map((byte) => tinyContact(byte)) as [
  Contact,
  Contact,
  Contact,
  Contact,
]
const EPOCH = 77

/** A value whose version is its first byte; version 0 is no valid one. */
function value(version: number): ValueRecord {
  return { key: KEY, value: Uint8Array.of(version) }
}

function versionOf({ value }: ValueRecord): number {
  return value[0] ?? 0
}

const JUDGE: WatchJudge = {
  judge: (record) =>
    versionOf(record) === 0
      ? undefined
      : {
          valid: true,
          expiresAt: undefined,
          version: versionOf(record),
          writer: 'w',
          deleted: false,
        },
  compare: (a, b) => versionOf(a) - versionOf(b),
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it does not hold: ${what}`)
}

/** A watch, and the world as a test plays it. */
class Play {
  now = 0
  readonly watch: Watch
  /** What the reader was told: versions, and gaps as `gap reason missed`. */
  readonly told: (number | string)[] = []
  /** Requests under way, by peer. */
  readonly asked = new Map<string, RpcRequest>()
  finds = 0
  wakesAt = 0
  readonly #serials = new Map<string, number>()

  constructor(given: { countsByOne?: boolean; isReplica?: boolean; replicas?: number } = {}) {
    const { countsByOne = false, isReplica = false, replicas = 2 } = given
    this.watch = new Watch({
      key: KEY,
      target: TARGET,
      selfKey: Uint8Array.of(255),
      replicas,
      judge: JUDGE,
      countsByOne,
      timeoutMs: 5_000,
      isReplica: () => isReplica,
    })
    this.step()
  }

  /** Does what the watch wants until it waits. */
  step(): void {
    for (let i = 0; i < 1_000; i++) {
      const step: WatchStep = this.watch.next(this.now)
      switch (step.type) {
        case 'tell':
          this.told.push(
            step.notice.type === 'value'
              ? step.notice.verdict.version
              : `gap ${step.notice.reason} ${step.notice.missed ?? '?'}`,
          )
          break
        case 'send':
          must(!this.asked.has(step.to.id), 'one request to a peer at a time')
          this.asked.set(step.to.id, step.request)
          break
        case 'drop':
          this.asked.delete(step.contact.id)
          break
        case 'find':
          this.finds += 1
          break
        default:
          must(step.until > this.now, 'waits for a time to come')
          this.wakesAt = step.until
          return
      }
    }
    throw new Error('the watch does not come to rest')
  }

  pass(ms: number): void {
    this.now += ms
    this.step()
  }

  found(closest: readonly Contact[], record?: ValueRecord): void {
    this.watch.onFound({ closest, record, from: closest[0] }, this.now)
    this.step()
  }

  /** The peer answers its request; a first answer counts as one. */
  answer(
    from: Contact,
    versions: readonly number[],
    more: { missed?: number; closer?: readonly Contact[]; epoch?: number } = {},
  ): void {
    must(this.asked.delete(from.id), 'was asked')
    const serial = (this.#serials.get(from.id) ?? 0) + versions.length
    this.#serials.set(from.id, serial)
    const cursor: WatchCursor = { epoch: more.epoch ?? EPOCH, serial }
    const { missed = 0, closer = [] } = more
    const records = versions.map(value)
    this.watch.onResponse(from, { type: 'watch', cursor, records, missed, closer }, this.now)
    this.step()
  }

  fail(from: Contact): void {
    must(this.asked.delete(from.id), 'was asked')
    this.watch.onFailure(from, this.now)
    this.step()
  }
}

/** A watch that has begun with version 5, and has A and B in step. */
function begun(given: ConstructorParameters<typeof Play>[0] = {}): Play {
  const play = new Play(given)
  play.found([A, B, C], value(5))
  play.answer(A, [5])
  play.answer(B, [5])
  must(play.told.join() === '5', 'tells what stands')
  return play
}

describe('Watch', () => {
  it('surveys, then listens to the nearest, and tells what stands when they have answered', () => {
    const play = new Play()
    expect(play.finds).toBe(1)
    play.found([A, B, C], value(4))
    expect([...play.asked.keys()]).toEqual([A.id, B.id])
    play.answer(A, [5])
    expect(play.told).toEqual([])
    play.answer(B, [4])
    expect(play.told).toEqual([5])
    expect(play.asked.get(A.id)).toMatchObject({ cursor: { epoch: EPOCH }, waitMs: WATCH_WAIT_MS })
    expect(play.wakesAt).toBe(WATCH_POLL_INTERVAL_MS)
  })

  it('begins without a replica that does not answer', () => {
    const play = new Play()
    play.found([A, B], value(4))
    play.answer(A, [4])
    play.pass(WATCH_GRACE_MS)
    expect(play.told).toEqual([4])
  })

  it('tells each value once, whoever brings it, and nothing older', () => {
    const play = begun()
    play.answer(A, [6, 7])
    play.answer(B, [6])
    play.answer(B, [7, 8])
    play.answer(A, [8])
    expect(play.told).toEqual([5, 6, 7, 8])
  })

  it('needs no gap for a version that counts by one, and tells how many a jump leaves out', () => {
    const play = begun({ countsByOne: true })
    play.answer(A, [6])
    play.answer(A, [9])
    expect(play.told).toEqual([5, 6, 'gap sequence 2', 9])
  })

  it('holds back what a replica brings that lost count, for one in step may bring the rest', () => {
    const play = begun()
    play.answer(A, [9], { missed: 3 })
    expect(play.told).toEqual([5])
    play.answer(B, [6, 7, 8, 9])
    expect(play.told).toEqual([5, 6, 7, 8, 9])
    play.answer(A, [10]) // in step again
    expect(play.told).toEqual([5, 6, 7, 8, 9, 10])
  })

  it('says the gap when nobody brought the rest in time', () => {
    const play = begun()
    play.answer(A, [9], { missed: 3 })
    play.pass(WATCH_GRACE_MS)
    expect(play.told).toEqual([5, 'gap overrun 3', 9])
    play.answer(A, [10])
    expect(play.told).toEqual([5, 'gap overrun 3', 9, 10])
  })

  it('says a gap when all replicas were lost between, and only then', () => {
    const play = begun()
    play.fail(A)
    play.answer(B, [6])
    expect(play.told).toEqual([5, 6])
    play.fail(B)
    play.found([C, D], value(8))
    play.answer(C, [8])
    play.answer(D, [8])
    expect(play.told).toEqual([5, 6, 'gap unwatched ?', 8])
    play.answer(C, [9])
    expect(play.told.slice(4)).toEqual([9])
  })

  it('needs no gap after a loss if nothing newer is found', () => {
    const play = begun()
    play.fail(A)
    play.fail(B)
    play.found([C, D], value(5))
    play.answer(C, [5])
    play.answer(D, [])
    play.answer(C, [6])
    expect(play.told).toEqual([5, 6])
  })

  it('takes a replica that forgot the count as one that is new', () => {
    const play = new Play({ replicas: 1 })
    play.found([A], value(5))
    play.answer(A, [5])
    play.answer(A, [9], { epoch: EPOCH + 1 })
    expect(play.told).toEqual([5, 'gap unwatched ?', 9])
  })

  it('moves to nearer replicas that an answer names, and lets the farthest go when they are in step', () => {
    const play = new Play()
    play.found([B, C, D], value(5))
    play.answer(B, [5])
    play.answer(C, [5])
    play.answer(B, [], { closer: [A] })
    expect([...play.asked.keys()].sort()).toEqual([A.id, B.id, C.id])
    play.answer(A, [5])
    expect([...play.asked.keys()].sort()).toEqual([A.id, B.id])
    play.answer(B, [6])
    play.answer(A, [6])
    expect(play.told).toEqual([5, 6])
  })

  it('looks for another replica when one is lost', () => {
    const play = begun()
    play.fail(A)
    expect([...play.asked.keys()].sort()).toEqual([B.id, C.id])
    expect(play.finds).toBe(1)
    play.pass(play.wakesAt - play.now)
    expect(play.finds).toBe(2)
  })

  it('pauses between surveys that find nobody, ever longer', () => {
    const play = new Play()
    const pauses: number[] = []
    for (let i = 0; i < 7; i++) {
      play.watch.onFound(undefined, play.now)
      play.step()
      while (play.finds === i + 1) play.pass(play.wakesAt - play.now)
      pauses.push(play.now)
    }
    const differences = pauses.map((at, i) => at - (pauses[i - 1] ?? 0))
    expect(differences).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  })

  it('reads the key anew at a long interval', () => {
    const play = begun()
    play.pass(WATCH_POLL_INTERVAL_MS)
    expect(play.finds).toBe(2)
    play.found([A, B, C], value(7))
    expect(play.told).toEqual([5])
    play.pass(WATCH_GRACE_MS) // those in step should have brought it
    expect(play.told).toEqual([5, 'gap unwatched ?', 7])
  })

  it('takes the own store for a replica if it is one', () => {
    const play = begun({ isReplica: true })
    play.watch.onLocal(value(6), play.now)
    play.step()
    expect(play.told).toEqual([5, 6])
    play.fail(A)
    play.fail(B)
    play.watch.onLocal(value(7), play.now)
    play.step()
    expect(play.told).toEqual([5, 6, 7])
  })

  it('drops a replica that brings what is no valid value', () => {
    const play = begun()
    play.answer(A, [0])
    expect([...play.asked.keys()].sort()).toEqual([B.id, C.id])
    expect(play.told).toEqual([5])
  })

  it('pauses for a replica that answers at once and brings nothing', () => {
    const play = begun()
    for (let i = 0; i <= WATCH_IDLE_ANSWERS_MAX; i++) play.answer(A, [5])
    expect(play.asked.has(A.id)).toBe(false)
    play.pass(WATCH_IDLE_PAUSE_MS)
    expect(play.asked.has(A.id)).toBe(true)
  })
})
