import { fromBinary } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ErrorInfoSchema } from '../../src/api/gen/google/rpc/error_details_pb.ts'
import { RemotePeer } from '../../src/api/remote-peer.ts'
import { toConnectError, toKadmiumError } from '../../src/api/status.ts'
import { type ErrorCode, KadmiumError } from '../../src/core/errors.ts'
import { FakePeer } from './fake-peer.ts'
import { errorOf, ForeignClient, loadProto } from './foreign-client.ts'
import { postJson, Servers } from './servers.ts'

const STATUS: Readonly<Record<ErrorCode, status>> = {
  ERR_INVALID_OPTION: status.INVALID_ARGUMENT,
  ERR_INVALID_KEY: status.INVALID_ARGUMENT,
  ERR_INVALID_RECORD: status.INVALID_ARGUMENT,
  ERR_VALUE_TOO_LARGE: status.INVALID_ARGUMENT,
  ERR_STALE_WRITE: status.FAILED_PRECONDITION,
  ERR_NOT_FOUND: status.NOT_FOUND,
  ERR_QUORUM: status.UNAVAILABLE,
  ERR_NO_PEERS: status.UNAVAILABLE,
  ERR_NOT_STARTED: status.UNAVAILABLE,
  ERR_CLOSED: status.UNAVAILABLE,
  ERR_STORE_FULL: status.RESOURCE_EXHAUSTED,
  ERR_BUSY: status.RESOURCE_EXHAUSTED,
  ERR_STORAGE: status.INTERNAL,
  ERR_TIMEOUT: status.DEADLINE_EXCEEDED,
}

const servers = new Servers()

afterEach(() => servers.close())

describe('an error of the peer', () => {
  it('reaches a gRPC client with its status, its code and its text, whichever it is', async () => {
    const { peer, foreign } = await serve()
    for (const [code, expected] of Object.entries(STATUS)) {
      peer.failure = new KadmiumError(code as ErrorCode, `text of ${code}`) // a key of STATUS
      const error = errorOf(await foreign.call('Get', { key: 'greeting' }))
      expect([code, error.code, error.details]).toEqual([code, expected, `text of ${code}`])
      expect(error.metadata.get('kadmium-code')).toEqual([code])
    }
  })

  it('carries its facts in the detail that gRPC knows everywhere', async () => {
    const { peer, foreign } = await serve()
    const details = { size: 65_537, limit: 65_536, option: 'value' }
    peer.failure = new KadmiumError('ERR_VALUE_TOO_LARGE', 'too large', { details })
    const error = errorOf(await foreign.call('Get', { key: 'greeting' }))
    const [bytes] = error.metadata.get('grpc-status-details-bin')
    // google.rpc.Status has its details in field 3, each an Any: the bytes of ours stand in it.
    const info = fromBinary(ErrorInfoSchema, anyValueIn(Buffer.from(bytes ?? '')))
    expect(info).toMatchObject({
      reason: 'ERR_VALUE_TOO_LARGE',
      domain: 'kadmium',
      metadata: { size: '65537', limit: '65536', option: 'value' },
    })
  })

  it('is the same to a program that calls through the typed client, facts and all', async () => {
    const { peer, address } = await serve()
    const details = { size: 65_537, isTotal: true, option: 'value', peers: ['a', 'b'] }
    peer.failure = new KadmiumError('ERR_VALUE_TOO_LARGE', 'too large', { details })
    const call = new RemotePeer(address).get('greeting', {})
    await expect(call).rejects.toMatchObject({
      name: 'KadmiumError',
      code: 'ERR_VALUE_TOO_LARGE',
      message: 'too large',
      details,
    })
  })

  it('is a status and a JSON object to curl', async () => {
    const { peer, url } = await serve()
    peer.failure = new KadmiumError('ERR_NOT_FOUND', 'nobody holds it')
    const answer = await postJson(url, 'kadmium.v1.Kadmium/Get', { key: 'greeting' })
    expect(answer.status).toBe(404)
    expect(answer.headers.get('kadmium-code')).toBe('ERR_NOT_FOUND')
    expect(await answer.json()).toMatchObject({
      code: 'not_found',
      message: 'nobody holds it',
      details: [{ type: 'google.rpc.ErrorInfo', debug: { reason: 'ERR_NOT_FOUND' } }],
    })
  })

  it('that nobody foresaw is INTERNAL and bears no code', async () => {
    const { peer, foreign } = await serve()
    peer.failure = new TypeError('x is not a function')
    const error = errorOf(await foreign.call('Get', { key: 'greeting' }))
    expect(error.code).toBe(status.INTERNAL)
    expect(error.metadata.get('kadmium-code')).toEqual([])
  })

  it('survives the way there and back, and an error of others is left alone', () => {
    const error = new KadmiumError('ERR_QUORUM', 'two of five', { details: { stored: 2 } })
    expect(toKadmiumError(toConnectError(error))?.code).toBe('ERR_QUORUM')
    expect(toKadmiumError(new ConnectError('no', Code.NotFound))).toBeUndefined()
    expect(toKadmiumError(new Error('no'))).toBeUndefined()
  })
})

async function serve() {
  const peer = new FakePeer()
  const { address, url } = await servers.serve(peer)
  const definition = loadProto('kadmium/v1/kadmium.proto')
  const foreign = servers.use(new ForeignClient(address, 'kadmium.v1.Kadmium', definition))
  return { peer, address, url, foreign }
}

/** The `value` of the first Any in a google.rpc.Status, read by hand: lengths below 128 only, which ours are. */
function anyValueIn(statusBytes: Buffer): Buffer {
  const fieldsOf = (bytes: Buffer): Map<number, Buffer> => {
    const fields = new Map<number, Buffer>()
    for (let at = 0; at < bytes.length; ) {
      const tag = bytes[at] ?? 0
      const next = bytes[at + 1] ?? 0
      const isText = (tag & 7) === 2
      if (isText) fields.set(tag >> 3, bytes.subarray(at + 2, at + 2 + next))
      at += isText ? 2 + next : 2
    }
    return fields
  }
  const any = fieldsOf(statusBytes).get(3)
  return fieldsOf(any ?? Buffer.alloc(0)).get(2) ?? Buffer.alloc(0)
}
