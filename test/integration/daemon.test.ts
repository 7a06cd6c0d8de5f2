import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contactsOf, Daemons, kad, type RunningDaemon, spawnKad, until } from '../support/kad.ts'

const KAD = resolve(import.meta.dirname, '../../dist/bin/kad.js')
const daemons = new Daemons()
let one: RunningDaemon
let two: RunningDaemon
let three: RunningDaemon

beforeAll(async () => {
  one = await daemons.start('one', { args: ['--api', '127.0.0.1:0'] })
  two = await daemons.start('two', { bootstrap: [one.address] })
  three = await daemons.start('three', { bootstrap: [one.address] })
  for (const daemon of [one, two, three]) {
    await until('all know one another', async () => (await contactsOf(daemon)) === 2)
  }
}, 60_000)

afterAll(() => daemons.close())

describe('three daemons', () => {
  it('give on one what was put on another, as it was: text, nothing, all bytes, the largest value', async () => {
    const values = {
      text: Buffer.from('hello'),
      empty: Buffer.alloc(0),
      bytes: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      largest: randomBytes(65_536),
    }
    for (const [name, value] of Object.entries(values)) {
      const put = await kad(['put', name, '--api', one.api], value)
      expect(put).toMatchObject({ code: 0 })
      expect(put.stdout.toString()).toContain(`/kv/${name}\nheld by 3 of 3 peers`)
      const got = await kad(['get', name, '--api', two.api])
      expect(got.code).toBe(0)
      expect(got.stdout.equals(value)).toBe(true)
    }
  })

  it('find an immutable value under its digest, from a file and into a file', async () => {
    const [source, copy] = [await daemons.path('source'), await daemons.path('copy')]
    await writeFile(source, 'content')
    const put = await kad(['put', '--immutable', '--file', source, '--json', '--api', one.api])
    const { key } = JSON.parse(put.stdout.toString()) as { key: string }
    // echo -n content | sha256sum
    expect(key).toBe('/sha256/ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73')
    expect((await kad(['get', key, '--out', copy, '--api', three.api])).code).toBe(0)
    expect(await readFile(copy, 'utf8')).toBe('content')
  })

  it('refuse a value over the limit, and name the limit', async () => {
    const put = await kad(['put', 'big', '--api', one.api], randomBytes(65_537))
    expect(put.code).toBe(2)
    expect(put.stderr).toContain('the value has 65537 bytes, the limit is 65536 bytes')
  })

  it('say with exit code 3 that a key is missing', async () => {
    const got = await kad(['get', 'missing', '--api', two.api])
    expect(got.code).toBe(3)
    expect(got.stdout.length).toBe(0)
    expect(got.stderr).toContain('/kv/missing is not found: no peer that was asked holds it (2 ans')
  })

  it('delete, and refuse a writer that comes late', async () => {
    await kad(['put', 'gone', 'v', '--api', one.api])
    expect((await kad(['delete', 'gone', '--api', two.api])).code).toBe(0)
    expect((await kad(['get', 'gone', '--api', three.api])).code).toBe(3)
    const put = (args: string[]) =>
      kad(['put', '--mutable', 'page', 'v', '--api', one.api, ...args])
    expect((await put([])).code).toBe(0)
    expect((await put(['--if-sequence', '1'])).code).toBe(0)
    const late = await put(['--if-sequence', '1'])
    expect(late.code).toBe(5)
    expect(late.stderr).toContain('version 1 was expected, version 2 is held')
  })

  it('announce and find providers and peers', async () => {
    const cid = 'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n'
    expect((await kad(['provide', cid, '--api', one.api])).code).toBe(0)
    const providers = await kad(['providers', cid, '--json', '--api', three.api])
    expect(JSON.parse(providers.stdout.toString())).toMatchObject({ id: one.id })
    const found = await kad(['find', two.id, '--json', '--api', three.api])
    expect(JSON.parse(found.stdout.toString())).toMatchObject({ id: two.id })
    const none = await kad([
      'providers',
      'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn',
      '--api',
      one.api,
    ])
    expect(none.code).toBe(3)
  })

  it('show a lookup as it happens, the table, the peers and the status', async () => {
    const lookup = await kad(['lookup', 'greeting', '--trace', '--json', '--api', one.api])
    const events = lookup.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(events.slice(0, -1)).toContainEqual(
      expect.objectContaining({ type: 'answered', hop: 1 }),
    )
    expect(events.at(-1)).toMatchObject({ complete: true, requests: 2 })
    const table = await kad(['table', '--api', one.api])
    expect(table.stdout.toString()).toMatch(/█+·+ +[12]\/20/)
    const peers = await kad(['peers', '--json', '--api', one.api])
    expect(JSON.parse(peers.stdout.toString())).toHaveLength(2)
    const status = await kad(['status', '--api', one.api])
    expect(status.code).toBe(0)
    expect(status.stdout.toString()).toContain(one.id)
  })

  it('serve a command that joins by itself, without a daemon', async () => {
    const bootstrap = ['--bootstrap', two.address]
    expect((await kad(['put', 'visitor', 'was here', ...bootstrap])).code).toBe(0)
    const got = await kad(['get', 'visitor', ...bootstrap])
    expect(got.stdout.toString()).toBe('was here')
    const lookup = await kad(['lookup', 'visitor', '--json', ...bootstrap])
    expect(JSON.parse(lookup.stdout.toString())).toMatchObject({ complete: true })
  })

  it('answer JSON over TCP with the token only, and keep keys, token and socket private', async () => {
    const url = `http://${one.apis[1]}/kadmium.v1.Kadmium/Status`
    const call = (token: string) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: '{}',
      })
    const token = (await readFile(join(one.data, 'token'), 'utf8')).trim()
    expect(await (await call(token)).json()).toMatchObject({ id: one.id, healthy: true })
    expect((await call('wrong')).status).toBe(401)
    expect((await fetch(`http://${one.apis[1]}/healthz`)).status).toBe(200)
    expect((await fetch(`http://${one.apis[1]}/readyz`)).status).toBe(200)
    for (const name of ['key', 'token', 'kad.sock']) {
      expect((await stat(join(one.data, name))).mode & 0o777).toBe(0o600)
    }
  })

  it('let no second daemon into a data directory', async () => {
    const second = await kad(['daemon', '--data', one.data, '--listen', '/ip4/127.0.0.1/tcp/0'])
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`another daemon (process ${one.pid}) uses`)
  })

  it('keep a value when its writer is killed; which comes back as the same peer, by its saved contacts', async () => {
    await kad(['put', 'greeting', 'hello', '--api', one.api])
    const before = await readFile(join(one.data, 'key'))
    await until('the contacts are saved', async () => (await contactsOf(one)) === 2)
    await one.end('SIGKILL')
    const meanwhile = await kad(['get', 'greeting', '--api', three.api])
    expect(meanwhile.stdout.toString()).toBe('hello')
    const { id } = one
    one = await daemons.start('one')
    expect(one.id).toBe(id)
    expect(await readFile(join(one.data, 'key'))).toEqual(before)
    await until('it has rejoined', async () => (await contactsOf(one)) === 2)
    const held = await kad(['status', '--json', '--api', one.api])
    const { records } = JSON.parse(held.stdout.toString()) as { records: number }
    expect(records).toBeGreaterThan(0)
    expect((await kad(['get', 'greeting', '--api', one.api])).stdout.toString()).toBe('hello')
  })

  it('stop cleanly on SIGTERM', async () => {
    expect(await three.end('SIGTERM')).toBe(0)
  })
})

describe('kad', () => {
  it('says which daemon it misses, and what to do', async () => {
    const got = await kad(['get', 'x', '--api', await daemons.path('nothing.sock')])
    expect(got.code).toBe(4)
    expect(got.stderr).toContain("start one with 'kad daemon'")
  })

  it('gives up at Ctrl-C, or when its time is over, while a peer keeps it waiting', async () => {
    // Takes connections and says nothing, as a peer behind a broken network does.
    const silent = createServer((socket) => sockets.push(socket))
    const sockets: Socket[] = []
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo // it listens on TCP
    const address = `/ip4/127.0.0.1/tcp/${port}/p2p/12D3KooWBc1kq5cKij63Q8p3r7ZRsLhghZM548AtAJUENcCxH6hv`
    try {
      const args = ['get', 'x', '--bootstrap', address]
      const late = await kad([...args, '--timeout', '1s'])
      expect(late.stderr).toContain('the time was over before a peer had answered')
      expect(late.code).toBe(1)

      const connected = once(silent, 'connection')
      const interrupted = spawnKad(args)
      await connected
      const exit = once(interrupted, 'exit')
      interrupted.kill('SIGINT')
      expect(await exit).toEqual([130, null])
    } finally {
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
  })

  it('says in one line that the port is taken', async () => {
    const other = await daemons.start('other')
    const listen = other.address.replace(/\/p2p\/.*$/, '')
    const data = await daemons.path('late')
    const ran = await kad(['daemon', '--data', data, '--listen', listen])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toBe(
      `kad: cannot listen at ${listen}: another program listens there; choose another address with --listen\n`,
    )
  })

  it('guesses what a mistyped command means', async () => {
    const ran = await kad(['gett', 'x'])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('Did you mean get?')
  })

  it('ends a demo that is interrupted while it starts peers, and leaves none running', async () => {
    const demo = spawn(process.execPath, [KAD, 'demo', '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: demo.stdout })[Symbol.asyncIterator]()
    const first = JSON.parse(String((await lines.next()).value)) as { pid: number }
    demo.kill('SIGINT') // the second is starting
    const [code] = (await once(demo, 'exit')) as [number]
    expect(code).toBe(130)
    expect(() => process.kill(first.pid, 0)).toThrow('ESRCH')
  }, 60_000)

  it('runs the demo to its end', async () => {
    // As one has set them who uses a daemon of one's own: the demo's peers are not that one.
    const settings = { KADMIUM_API: '127.0.0.1:1', KADMIUM_K: 'none' }
    const ran = await kad(['demo'], undefined, settings)
    expect(ran.stderr).toBe('')
    expect(ran.code).toBe(0)
    expect(ran.stdout.toString()).toContain("carol got 'hello, distributed world' all the same")
  }, 60_000)

  it('leaves the peers of the demo running, and names one that does', async () => {
    const demo = spawnKad(['demo', '--keep', '--json'])
    try {
      let line = ''
      for await (line of createInterface({ input: demo.stderr })) if (line !== '') break
      const [, words = ''] = /Try: kad (.*)$/.exec(line) ?? []
      const tried = await kad(words.split(' '))
      expect(tried.stderr).toBe('')
      expect(tried.stdout.toString()).toBe('hello, distributed world')
    } finally {
      const exit = once(demo, 'exit')
      demo.kill('SIGINT')
      await exit
    }
    expect(demo.exitCode).toBe(0)
  }, 60_000)
})
