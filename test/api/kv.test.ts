import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { apiAddressToText } from '../../src/api/address.ts'
import { KadmiumError } from '../../src/core/errors.ts'
import { FakePeer } from './fake-peer.ts'
import { loadProtoText } from './foreign-client.ts'
import { postJson, Servers } from './servers.ts'

// As tutorials of gRPC key-value stores write it: four fields, and no value in the answer.
const TUTORIAL = `
  syntax = "proto3";
  package kv;
  service KV {
    rpc Set (KVRequest) returns (KVResponse);
    rpc Get (KVRequest) returns (KVResponse);
  }
  message KVRequest {
    string key = 1;
    string value = 2;
  }
  message KVResponse {
    bool success = 1;
  }
`

const WITH_VALUE = TUTORIAL.replace('bool success = 1;', 'bool success = 1; string value = 2;')

const LOADING = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true }

const servers = new Servers()

afterEach(() => servers.close())

describe('kv.KV', () => {
  it('serves a client that was made from the file of a tutorial', async () => {
    const { peer, client } = await serve(TUTORIAL)
    expect(await call(client, 'Set', { key: 'greeting', value: 'hello' })).toEqual({
      success: true,
    })
    expect(new TextDecoder().decode(peer.values.get('/kv/greeting'))).toBe('hello')
    expect(await call(client, 'Get', { key: 'greeting' })).toEqual({ success: true })
    expect(await call(client, 'Get', { key: 'missing' })).toEqual({ success: false })
  })

  it('gives the value to a client that asks for one field more', async () => {
    const { client } = await serve(WITH_VALUE)
    for (const value of [
      'hello',
      '',
      'žluťoučký kůň 🐎',
      '\uFEFFwith a mark',
      'x'.repeat(65_536),
    ]) {
      const set = await call(client, 'Set', { key: 'greeting', value })
      expect(set).toEqual({ success: true, value })
      const got = await call(client, 'Get', { key: 'greeting' })
      expect(got).toEqual({ success: true, value })
    }
    expect(await call(client, 'Get', { key: 'missing' })).toEqual({ success: false, value: '' })
  })

  it('takes full keys too, and says what is wrong with others', async () => {
    const { peer, client } = await serve(TUTORIAL)
    await call(client, 'Set', { key: '/kv/a', value: 'full' })
    expect(peer.values.has('/kv/a')).toBe(true)
    await expect(call(client, 'Set', { key: '/nowhere/a', value: '' })).rejects.toThrow(
      'INVALID_ARGUMENT',
    )
  })

  it('does not bend bytes that are no text into one', async () => {
    const { peer, client } = await serve(WITH_VALUE)
    peer.values.set('/kv/bytes', Uint8Array.of(0xff, 0xfe))
    await expect(call(client, 'Get', { key: 'bytes' })).rejects.toThrow(
      'FAILED_PRECONDITION: the value of bytes is no text',
    )
  })

  it('tells a missing value from a peer that could not look', async () => {
    const { peer, client, url } = await serve(TUTORIAL)
    peer.failure = new KadmiumError('ERR_NO_PEERS', 'nobody answers')
    await expect(call(client, 'Get', { key: 'greeting' })).rejects.toThrow('UNAVAILABLE')
    expect((await postJson(url, 'kv.KV/Get', { key: 'greeting' })).status).toBe(503)
  })
})

type Method = (
  request: object,
  callback: (error: Error | null, response: unknown) => void,
) => unknown

type Client = Readonly<Record<'Set' | 'Get', Method>>

async function serve(proto: string) {
  const peer = new FakePeer()
  const { address, url } = await servers.serve(peer)
  // What follows is the code of the tutorials, but for its types.
  const { kv } = loadPackageDefinition(loadProtoText(proto, LOADING)) as unknown as {
    kv: { KV: new (where: string, how: object) => Client & { close(): void } }
  }
  const client = new kv.KV(apiAddressToText(address), credentials.createInsecure())
  servers.use(client)
  return { peer, client, url }
}

function call(client: Client, method: 'Set' | 'Get', request: object): Promise<unknown> {
  return new Promise((end, fail) => {
    client[method](request, (error, response) => (error === null ? end(response) : fail(error)))
  })
}
