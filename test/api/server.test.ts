import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, stat } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { connect as http2Connect } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createGrpcWebTransport } from '@connectrpc/connect-web'
import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import type { ApiAddress } from '../../src/api/address.ts'
import { connectKadmium } from '../../src/api/client.ts'
import { Kadmium } from '../../src/api/gen/kadmium/v1/kadmium_pb.ts'
import { ApiServer } from '../../src/api/server.ts'
import { FakePeer } from './fake-peer.ts'
import { errorOf, errorOfStream, ForeignClient, loadProto, responseOf } from './foreign-client.ts'
import { postJson, Servers } from './servers.ts'

const definition = loadProto('kadmium/v1/kadmium.proto')
const servers = new Servers()

afterEach(() => servers.close())

describe('the unix socket', () => {
  it('serves its owner, by gRPC and by JSON', async () => {
    const address = await serveSocket()
    const foreign = servers.use(new ForeignClient(address, 'kadmium.v1.Kadmium', definition))
    expect(responseOf(await foreign.call('Status', {}))).toMatchObject({ healthy: true })
    expect(await connectKadmium(address).status({})).toMatchObject({ healthy: true })
  })

  it('has mode 0600, whatever the umask', async () => {
    const umask = process.umask(0)
    try {
      const { path } = await serveSocket()
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(process.umask(0)).toBe(0)
    } finally {
      process.umask(umask)
    }
  })

  it.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'refuses another user (only root on Linux can try: skipped for others)',
    async () => {
      const { path } = await serveSocket()
      expect(await connectAs(0, path)).toBe('connected')
      expect(await connectAs(65_534, path)).toBe('EACCES')
    },
  )

  it('takes the place of a socket that a killed daemon left behind', async () => {
    const address = await serveSocket()
    await ApiServer.listen({ peer: new FakePeer(), address }).then((server) => servers.use(server))
    expect(await connectKadmium(address).status({})).toMatchObject({ healthy: true })
  })
})

describe('a TCP address', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org'])(
    'that other machines may reach (%s) is not served without a token',
    async (host) => {
      const address = { type: 'tcp', host, port: 0 } as const
      const listening = ApiServer.listen({ peer: new FakePeer(), address })
      await expect(listening).rejects.toThrow(`open to other machines and needs a token`)
      await expect(listening).rejects.toHaveProperty('code', 'ERR_INVALID_OPTION')
    },
  )

  it('without a token is for callers who name this machine: no page of another name gets through', async () => {
    const { address } = await servers.serve(new FakePeer())
    expect(await statusWithHost(address, 'evil.example')).toBe(403)
    expect(await statusWithHost(address, 'localhost.evil.example')).toBe(403)
    expect(await statusWithHost(address, 'localhost:80')).toBe(200)
  })

  it('in use is said to be so', async () => {
    const { address } = await servers.serve(new FakePeer())
    const listening = ApiServer.listen({ peer: new FakePeer(), address })
    await expect(listening).rejects.toThrow('it is in use')
  })
})

describe('a token', () => {
  it('lets those in who bear it, by every protocol', async () => {
    const { address, url, refused } = await serveWithToken()
    const foreign = servers.use(
      new ForeignClient(address, 'kadmium.v1.Kadmium', definition, { token: 's3cret' }),
    )
    expect(responseOf(await foreign.call('Status', {}))).toMatchObject({ healthy: true })
    const headers = { authorization: 'Bearer s3cret' }
    const web = createClient(Kadmium, createGrpcWebTransport({ baseUrl: url }))
    expect(await web.status({}, { headers })).toMatchObject({ healthy: true })
    const json = await postJson(url, 'kadmium.v1.Kadmium/Status', {}, { token: 's3cret' })
    expect(json.status).toBe(200)
    expect(refused()).toBe(0)
  })

  it.each([undefined, '', 'wrong!', 's3cret!', 'S3CRET'])(
    'that is wrong (%s) gets UNAUTHENTICATED by every protocol, and each attempt is counted',
    async (token) => {
      const { address, url, refused } = await serveWithToken()
      const given = token === undefined ? {} : { token }
      const foreign = servers.use(
        new ForeignClient(address, 'kadmium.v1.Kadmium', definition, given),
      )
      expect(errorOf(await foreign.call('Status', {})).code).toBe(status.UNAUTHENTICATED)
      const lookup = foreign.stream('Lookup', { key: 'greeting' })
      expect((await errorOfStream(lookup)).code).toBe(status.UNAUTHENTICATED)
      const web = createClient(Kadmium, createGrpcWebTransport({ baseUrl: url }))
      const headers: Record<string, string> =
        token === undefined ? {} : { authorization: `Bearer ${token}` }
      await expect(web.status({}, { headers })).rejects.toThrow('no valid token')
      expect((await postJson(url, 'kadmium.v1.Kadmium/Status', {}, given)).status).toBe(401)
      expect((await postJson(url, 'kv.KV/Get', { key: 'greeting' }, given)).status).toBe(401)
      expect(refused()).toBe(5)
    },
  )
})

describe('the limits', () => {
  it('refuse a body over 2 MiB with RESOURCE_EXHAUSTED, and say so', async () => {
    const { address, url } = await servers.serve(new FakePeer())
    const foreign = servers.use(new ForeignClient(address, 'kadmium.v1.Kadmium', definition))
    const value = Buffer.alloc((2 << 20) + 1)
    const error = errorOf(await foreign.call('Put', { key: 'greeting', value }))
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED)
    expect(error.details).toContain('2097152')
    const big = { key: 'greeting', value: value.toString('base64') }
    const answer = await postJson(url, 'kadmium.v1.Kadmium/Put', big)
    expect(answer.status).toBe(429)
    expect(await answer.json()).toMatchObject({ code: 'resource_exhausted' })
    const small = { key: 'greeting', value: Buffer.alloc(1 << 20) }
    expect(responseOf(await foreign.call('Put', small))).toMatchObject({ key: '/kv/greeting' })
  })

  it('refuse one call more than may be under way with RESOURCE_EXHAUSTED and a reason, until one ends', async () => {
    const peer = new FakePeer()
    const { address, url } = await servers.serve(peer, { callsMax: 2 })
    const foreign = servers.use(new ForeignClient(address, 'kadmium.v1.Kadmium', definition))
    const calls = ['a', 'b'].map((key) => foreign.stream('Lookup', { key }).on('error', () => {}))
    await peer.until(() => peer.begun.length === 2)
    const error = errorOf(await foreign.call('Status', {}))
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED)
    expect(error.details).toContain('2 calls are under way')
    expect(error.metadata.get('kadmium-code')).toEqual(['ERR_BUSY'])
    const answer = await postJson(url, 'kadmium.v1.Kadmium/Status', {})
    expect(answer.status).toBe(429)
    calls[0]?.cancel()
    await peer.until(() => peer.ended.length === 1)
    for (let turn = 0; turn < 5; turn++) {
      expect(responseOf(await foreign.call('Status', {}))).toMatchObject({ healthy: true })
    }
    calls[1]?.cancel()
  })

  it('do not count those whom the token turns away', async () => {
    const { url } = await servers.serve(new FakePeer(), { callsMax: 1, token: 's3cret' })
    for (let turn = 0; turn < 3; turn++) {
      expect((await postJson(url, 'kadmium.v1.Kadmium/Status', {})).status).toBe(401)
    }
    const allowed = await postJson(url, 'kadmium.v1.Kadmium/Status', {}, { token: 's3cret' })
    expect(allowed.status).toBe(200)
  })
})

describe('a connection', () => {
  it('whose request does not arrive is closed, so that nobody holds one without a token', async () => {
    const { address } = await servers.serve(new FakePeer(), {
      token: 's3cret',
      requestTimeoutMs: 100,
    })
    const socket = servers.use(new Slow(address))
    expect(await socket.send('POST /kadmium.v1.Kadmium/Status HTTP/1.1\r\nhost: ')).toContain('408')
  })

  it('whose request arrives in pieces, but in time, is served', async () => {
    const { address } = await servers.serve(new FakePeer(), { requestTimeoutMs: 20_000 })
    const socket = servers.use(new Slow(address))
    const answer = socket.send(
      'P',
      'OST /kadmium.v1.Kadmium/Status HTTP/1.1\r\nconnection: close\r\n',
    )
    socket.write('host: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}')
    expect(await answer).toContain('200 OK')
  })
})

describe('a connection of gRPC', () => {
  it('is closed when no call has been under way for long, and not while one is', async () => {
    const peer = new FakePeer()
    const { url } = await servers.serve(peer, { idleTimeoutMs: 50 })
    const session = http2Connect(url)
    const idle = http2Connect(url)
    const call = session.request({
      ':method': 'POST',
      ':path': '/kadmium.v1.Kadmium/Watch',
      'content-type': 'application/grpc+proto',
    })
    call.on('error', () => {}).resume()
    call.end(Buffer.alloc(5))
    await peer.until(() => peer.begun.length === 1)
    await once(idle, 'close')
    expect(session.closed).toBe(false)
    call.close()
    await once(session, 'close')
    expect(peer.ended).toHaveLength(1)
  })
})

describe('a page of another origin', () => {
  it('can neither call nor ask whether it may', async () => {
    const { url } = await servers.serve(new FakePeer())
    const origin = 'https://evil.example'
    const put = `${url}/kadmium.v1.Kadmium/Put`
    const body = JSON.stringify({ key: 'greeting', value: 'aGk=' })
    // What a page may send without asking: a form, or plain text.
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const headers = { origin, 'content-type': type }
      expect((await fetch(put, { method: 'POST', headers, body })).status).toBe(415)
    }
    const asked = { origin, 'access-control-request-method': 'POST' }
    const preflight = await fetch(put, { method: 'OPTIONS', headers: asked })
    expect(preflight.ok).toBe(false)
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
  })
})

async function serveSocket(): Promise<ApiAddress & { type: 'unix' }> {
  const folder = await servers.folder()
  // Others can look into the folder, so that nothing but the socket's own mode keeps them out.
  await chmod(folder, 0o755)
  const address = { type: 'unix', path: join(folder, 'kad.sock') } as const
  servers.use(await ApiServer.listen({ peer: new FakePeer(), address }))
  return address
}

async function serveWithToken() {
  let count = 0
  const onUnauthenticated = (): void => {
    count++
  }
  const { address, url } = await servers.serve(new FakePeer(), {
    token: 's3cret',
    onUnauthenticated,
  })
  return { address, url, refused: () => count }
}

/** A connection whose bytes are sent by hand. */
class Slow {
  readonly #socket: Socket

  constructor(address: ApiAddress) {
    if (address.type !== 'tcp') throw new Error('it listens on TCP')
    this.#socket = connect(address.port, address.host)
  }

  /** Writes pieces, each in a packet of its own, and gives what comes until the other side closes. */
  send(...pieces: readonly string[]): Promise<string> {
    this.#socket.setNoDelay(true)
    for (const piece of pieces) this.write(piece)
    const answer: Buffer[] = []
    return new Promise((end, fail) => {
      this.#socket.on('data', (chunk: Buffer) => answer.push(chunk))
      this.#socket.on('error', fail).on('close', () => end(Buffer.concat(answer).toString()))
    })
  }

  write(piece: string): void {
    this.#socket.write(piece)
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** What a process of another user meets that connects to a socket: `connected`, or the error's code. */
async function connectAs(uid: number, path: string): Promise<string> {
  const program = `
    const socket = require('node:net').connect(${JSON.stringify(path)})
    socket.on('connect', () => { console.log('connected'); socket.destroy() })
    socket.on('error', (error) => console.log(error.code))`
  const child = spawn('/proc/self/exe', ['-e', program], { uid, cwd: '/', stdio: 'pipe' })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  await once(child, 'close')
  return Buffer.concat(output).toString().trim()
}

/** The HTTP status of a call that names another host than it reached, which fetch does not let one do. */
async function statusWithHost(address: ApiAddress, host: string): Promise<number | undefined> {
  if (address.type !== 'tcp') throw new Error('it listens on TCP')
  const call = request({
    host: address.host,
    port: address.port,
    method: 'POST',
    path: '/kadmium.v1.Kadmium/Status',
    headers: { host, 'content-type': 'application/json' },
  })
  const answered = new Promise<IncomingMessage>((end, fail) =>
    call.on('response', end).on('error', fail),
  )
  call.end('{}')
  const response = await answered
  response.resume()
  return response.statusCode
}
