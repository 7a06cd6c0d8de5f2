import type { Connection, Peer } from '@libp2p/interface'
import { beforeEach, describe, expect, it } from 'vitest'
import { IdleConnections } from '../../src/libp2p/idle-connections.ts'
import { CONNECTION_IDLE_MS } from '../../src/libp2p/limits.ts'
import { tinyContact } from '../support/tiny.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** What is used of a connection. */
class FakeConnection {
  status = 'open'
  streams: unknown[] = []
  remotePeer = undefined
  refuses = false

  async close(): Promise<void> {
    if (this.refuses) throw new Error('the other side does not close')
    this.status = 'closed'
  }

  abort(): void {
    this.status = 'aborted'
  }
}

describe('connections that the DHT opened', () => {
  let clock: VirtualClock
  let tags: Map<string, { value: number }>
  let needed: boolean
  let storeError: Error | undefined
  let idle: IdleConnections

  beforeEach(() => {
    clock = new VirtualClock()
    tags = new Map()
    needed = false
    storeError = undefined
    idle = new IdleConnections({
      clock,
      peerStore: {
        get: async () => {
          if (storeError !== undefined) throw storeError
          return { tags } as Peer
        },
      },
      isNeeded: () => needed,
    })
  })

  const open = (): FakeConnection => {
    const connection = new FakeConnection()
    idle.opened(connection as unknown as Connection, tinyContact(1))
    return connection
  }

  it('are closed when no stream has been on them for long, and not before', async () => {
    const connection = open()
    await clock.pass(CONNECTION_IDLE_MS - 1)
    expect(connection.status).toBe('open')
    await clock.pass(30_001)
    expect(connection.status).toBe('closed')
  })

  it('stay as long as there is a stream, whoever’s it is', async () => {
    const connection = open()
    connection.streams = ['of another protocol']
    await clock.pass(10 * CONNECTION_IDLE_MS)
    expect(connection.status).toBe('open')
    connection.streams = []
    await clock.pass(CONNECTION_IDLE_MS - 60_000)
    expect(connection.status).toBe('open')
    await clock.pass(2 * 60_000)
    expect(connection.status).toBe('closed')
  })

  it('stay to the neighbours of the own key', async () => {
    needed = true
    const connection = open()
    await clock.pass(10 * CONNECTION_IDLE_MS)
    expect(connection.status).toBe('open')
    needed = false
    await clock.pass(CONNECTION_IDLE_MS + 60_000)
    expect(connection.status).toBe('closed')
  })

  it('stay to peers that somebody has tagged', async () => {
    tags.set('keep-alive', { value: 1 })
    const connection = open()
    await clock.pass(10 * CONNECTION_IDLE_MS)
    expect(connection.status).toBe('open')
    tags.clear()
    await clock.pass(CONNECTION_IDLE_MS + 60_000)
    expect(connection.status).toBe('closed')
  })

  it('stay as long as the peer store does not say who is tagged, and go if it knows nobody', async () => {
    storeError = new Error('the disk is gone')
    const connection = open()
    await clock.pass(2 * CONNECTION_IDLE_MS)
    expect(connection.status).toBe('open')
    storeError.name = 'NotFoundError'
    await clock.pass(CONNECTION_IDLE_MS + 60_000)
    expect(connection.status).toBe('closed')
  })

  it('are aborted when the other side does not let them close', async () => {
    const connection = open()
    connection.refuses = true
    await clock.pass(CONNECTION_IDLE_MS + 60_000)
    expect(connection.status).toBe('aborted')
  })

  it('need no more looks when they are gone, or the peer has stopped', async () => {
    open().status = 'closed'
    await clock.pass(60_000)
    expect(clock.alarms).toBe(0)
    open()
    idle.stop()
    expect(clock.alarms).toBe(0)
  })
})
