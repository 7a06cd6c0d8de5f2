import { randomUUID } from 'node:crypto'
import { afterAll, expect, it } from 'vitest'
import { parseApiAddress } from '../../src/api/address.ts'
import { connectKadmium } from '../../src/api/client.ts'
import { Kind } from '../../src/api/gen/kadmium/v1/kadmium_pb.ts'
import { Daemons, type RunningDaemon, until } from '../support/kad.ts'

const daemons = new Daemons()
afterAll(() => daemons.close())

const client = (daemon: RunningDaemon) => connectKadmium(parseApiAddress(daemon.api))

/** How long a daemon may take to stop: 5 s to hand over, and what the process takes to end on a busy machine. */
const LEAVE_MS = 15_000

it('a daemon that is told to stop hands what it holds to its successor, in time', async () => {
  // Of four others a full bucket and those who wait for a place in it hold all: each daemon knows each, whatever the ids.
  const args = ['--k', '2']
  const first = await daemons.start('first', { args })
  const others = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => daemons.start(name, { args, bootstrap: [first.address] })),
  )
  const living = new Map([first, ...others].map((daemon) => [daemon.id, daemon]))
  // Who has just joined may know those alone that are about to leave: whoever looks about meets more.
  const meetOthers = async (daemon: RunningDaemon): Promise<number> => {
    for await (const _ of client(daemon).lookup({ key: randomUUID() }));
    const { buckets } = await client(daemon).table({})
    const known = buckets.map(({ peers, replacements }) => peers.length + replacements)
    return known.reduce((sum, count) => sum + count, 0)
  }
  await until('all know all others', async () => {
    const counts = await Promise.all([...living.values()].map(meetOthers))
    return counts.every((count) => count === others.length)
  })
  const value = new TextEncoder().encode('handed on')
  const put = await client(first).put({ kind: Kind.IMMUTABLE, value })
  // The writer keeps a copy as its owner: without it only holders have the value.
  await first.end('SIGKILL')
  living.delete(first.id)
  const isGiven = async (by: RunningDaemon): Promise<boolean> => {
    const { value: found } = await client(by)
      .get({ key: put.key, quorum: 1 })
      .catch(() => ({ value: undefined }))
    return found !== undefined && Buffer.compare(found, value) === 0
  }
  const holders = put.stored.filter((id) => living.has(id))
  expect(holders.length).toBeGreaterThan(0)
  for (const id of holders) {
    const startedAt = performance.now()
    expect(await living.get(id)?.end('SIGTERM')).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(LEAVE_MS)
    living.delete(id)
  }
  // None of those to whom it was put is left.
  expect([...living.keys()].filter((id) => put.stored.includes(id))).toEqual([])
  for (const daemon of living.values()) expect(await isGiven(daemon)).toBe(true)
}, 90_000)
