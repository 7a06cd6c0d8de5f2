import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { RemotePeer } from '../../src/api/remote-peer.ts'
import { KadmiumError } from '../../src/core/errors.ts'
import { FakePeer } from './fake-peer.ts'
import { Servers } from './servers.ts'

const servers = new Servers()

afterEach(() => servers.close())

describe('a peer behind an API', () => {
  it('puts, gets and tells how it is, as the peer itself does', async () => {
    const peer = new FakePeer()
    const { address } = await servers.serve(peer)
    const remote = new RemotePeer(address)
    const value = new TextEncoder().encode('hello')
    const put = await remote.put({ key: 'greeting', value, kind: 'by-key' })
    expect(put).toMatchObject({ key: '/kv/greeting', target: 20, version: 1 })
    expect((await remote.get('greeting', {})).value).toEqual(value)
    const [here, there] = await Promise.all([peer.status(), remote.status()])
    expect(there).toMatchObject({ id: here.id, key: here.key, contacts: here.contacts, k: here.k })
    expect(await remote.table()).toMatchObject(await peer.table())
  })

  it('that wants a token says which, and where it stands', async () => {
    const { address } = await servers.serve(new FakePeer(), { token: 's3cret' })
    await expect(new RemotePeer(address).status()).rejects.toThrow(
      /wants its token: set KADMIUM_TOKEN to the contents of the file 'token'/,
    )
    await expect(new RemotePeer(address, { token: 'other' }).status()).rejects.toThrow(
      /does not take this token: set KADMIUM_TOKEN to the contents of the file 'token'/,
    )
    const allowed = new RemotePeer(address, { token: 's3cret' })
    expect(await allowed.status()).toMatchObject({ mode: 'server' })
  })

  it('that is not there is told from one that has no peers', async () => {
    const path = join(await servers.folder(), 'kad.sock')
    const nobody = new RemotePeer({ type: 'unix', path })
    await expect(nobody.status()).rejects.toMatchObject({ code: 'ERR_NOT_STARTED' })
    const peer = new FakePeer()
    peer.failure = new KadmiumError('ERR_NO_PEERS', 'nobody answers')
    const { address, server } = await servers.serve(peer)
    const remote = new RemotePeer(address)
    await expect(remote.get('a', {})).rejects.toMatchObject({ code: 'ERR_NO_PEERS' })
    await server.close()
    await expect(remote.get('a', {})).rejects.toMatchObject({ code: 'ERR_NOT_STARTED' })
  })

  it('gives the events of a watch until the loop is left, and then ends it', async () => {
    const peer = new FakePeer()
    const { address } = await servers.serve(peer)
    for await (const event of new RemotePeer(address).watch('/kv/a', {})) {
      expect(event).toEqual({ type: 'gap', key: '/kv/a', missed: undefined, reason: 'unwatched' })
      await peer.until(() => peer.begun.length === 1)
      break
    }
    await peer.until(() => peer.ended.length === 1)
  })

  it('whose watch is aborted rejects with the reason of the one who aborted', async () => {
    const peer = new FakePeer()
    const { address } = await servers.serve(peer)
    const ending = new AbortController()
    const watch = new RemotePeer(address).watch('/kv/a', { signal: ending.signal })
    await watch.next()
    const rest = watch.next()
    await peer.until(() => peer.begun.length === 1)
    const reason = new Error('enough')
    ending.abort(reason)
    await expect(rest).rejects.toBe(reason)
    await peer.until(() => peer.ended.length === 1)
  })
})
