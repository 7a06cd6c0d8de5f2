import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { startPeer, stopPeers } from '../support/peers.ts'

const script = fileURLToPath(new URL('../support/start-and-stop.ts', import.meta.url))

describe('a service of libp2p', () => {
  it('leaves nothing behind when it stops: no handler, stream, connection or timer, and the process ends', async () => {
    // Should the process not end by itself, the timeout kills it, and that is an error.
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 25_000 })
    expect(JSON.parse(stdout)).toEqual({
      served: [true, true],
      streams: [expect.any(Number), expect.any(Number)],
      connections: [1, 1],
      timersBefore: true,
      servedAfter: [[], []],
      connectionsAfter: [0, 0],
      left: [],
      warnings: [],
    })
  })

  it('starts again after it has stopped, and stops twice without harm', async () => {
    const alice = await startPeer()
    const bob = await startPeer({ bootstrap: [alice.address] })
    const value = Uint8Array.of(1, 2, 3)
    for (let round = 0; round < 2; round++) {
      await bob.dht.join()
      const { stored } = await bob.dht.put(`/kv/${round}`, value)
      expect(stored.map(({ id }) => id)).toContain(alice.dht.node.self.id)
      expect((await bob.dht.get(`/kv/${round}`)).value).toEqual(value)
      await bob.libp2p.stop()
      await bob.libp2p.stop()
      expect(bob.dht.isStarted()).toBe(false)
      expect(() => bob.dht.node).toThrow('the peer is not running')
      await bob.libp2p.start()
    }
    await stopPeers([bob, alice])
  })

  it('stops while it is joining, and while an operation waits', async () => {
    const alice = await startPeer()
    const bob = await startPeer({ bootstrap: [alice.address] })
    const putting = bob.dht.put('/kv/a', Uint8Array.of(1)).then(
      () => 'stored',
      ({ code }: { code: string }) => code,
    )
    await stopPeers([bob])
    expect(['stored', 'ERR_CLOSED', 'ERR_NO_PEERS']).toContain(await putting)
    await stopPeers([alice])
  })

  it('keeps a contact that has only disconnected', async () => {
    const alice = await startPeer()
    const bob = await startPeer({ bootstrap: [alice.address] })
    await bob.dht.join()
    await bob.libp2p.hangUp(alice.libp2p.peerId)
    expect(bob.libp2p.getConnections()).toHaveLength(0)
    expect(bob.dht.node.table.has(alice.dht.node.self.key)).toBe(true)
    // It is dialled again when it is needed.
    const { closest } = await bob.dht.findNode('anything')
    expect(closest.map(({ id }) => id)).toContain(alice.dht.node.self.id)
    await stopPeers([bob, alice])
  })
})
