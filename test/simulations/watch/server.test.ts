import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { PageServer } from '../../../simulations/watch/server.ts'
import { ask, bearerOf, FILES } from './pages.ts'

const servers: PageServer[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

describe('the server of a watch', () => {
  it('gives the page to all of this computer, and frames to those with the token', async () => {
    const server = await listen(() => 'all')
    expect(await textOf(server.url, '/')).toBe('the page')
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: 'Bearer ' }]) {
      const refused = await ask(server.url, '/frames', headers)
      expect(refused.statusCode).toBe(401)
      refused.resume()
    }
    const page = await ask(server.url, '/frames', bearerOf(server.url))
    expect(page.statusCode).toBe(200)
    expect(page.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    expect(server.pages).toBe(1)
  })

  it('answers nobody who came by another name', async () => {
    const server = await listen(() => 'all')
    const { port } = server
    const given = bearerOf(server.url)
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:${port}0`,
    ]) {
      for (const path of ['/', '/frames']) {
        const refused = await ask(server.url, path, { ...given, host })
        expect(refused.statusCode).toBe(403)
        refused.resume()
      }
    }
    const named = await ask(server.url, '/', { host: `localhost:${port}` })
    expect(named.statusCode).toBe(200)
    named.resume()
  })

  it('tells a late page everything first, and then what changes', async () => {
    const server = await listen(() => 'all')
    server.tell('a change before')
    const lines = linesOf(await ask(server.url, '/frames', bearerOf(server.url)))
    expect(await lines()).toBe('all')
    server.tell('a change')
    expect(await lines()).toBe('a change')
    server.tellWhole()
    expect(await lines()).toBe('all')
  })

  it('tells a page that came before the beginning everything as soon as there is something', async () => {
    let whole: string | undefined
    const server = await listen(() => whole)
    const lines = linesOf(await ask(server.url, '/frames', bearerOf(server.url)))
    await server.firstPage
    whole = 'all'
    server.tell('a change that means nothing to it')
    server.tell('a change')
    expect(await lines()).toBe('all')
    expect(await lines()).toBe('a change')
  })

  it('keeps nothing for a page that does not read, and tells it everything when it does', async () => {
    const server = await listen(() => 'all')
    const page = await ask(server.url, '/frames', bearerOf(server.url))
    const line = 'x'.repeat(2 ** 20)
    const told = 400
    for (let i = 0; i < told; i++) {
      server.tell(line)
      await new Promise(setImmediate)
    }
    const read: string[] = []
    const reader = createInterface({ input: page })
    const caughtUp = Promise.withResolvers<void>()
    reader.on('line', (text) => {
      read.push(text.length > 10 ? 'change' : text)
      if (read.length > 1 && text === 'all') caughtUp.resolve()
    })
    await caughtUp.promise
    expect(read.filter((text) => text === 'change').length).toBeLessThan(told / 4)
    expect(read.at(-1)).toBe('all')
  })

  it('forgets a page that has gone', async () => {
    const server = await listen(() => 'all')
    const page = await ask(server.url, '/frames', bearerOf(server.url))
    expect(server.pages).toBe(1)
    page.destroy()
    await expect.poll(() => server.pages).toBe(0)
  })

  it('serves a few pages at once and no crowd', async () => {
    const server = await listen(() => 'all')
    const open = () => ask(server.url, '/frames', bearerOf(server.url))
    const pages = await Promise.all(Array.from({ length: 16 }, open))
    expect(pages.map(({ statusCode }) => statusCode)).toEqual(Array(16).fill(200))
    const refused = await open()
    expect(refused.statusCode).toBe(503)
    refused.resume()
  })

  it('ends every stream when it closes, also one that nobody reads', async () => {
    const server = await listen(() => 'all')
    const reading = await ask(server.url, '/frames', bearerOf(server.url))
    const idle = await ask(server.url, '/frames', bearerOf(server.url))
    reading.resume()
    idle.on('error', () => undefined) // it is broken off
    for (let i = 0; i < 40; i++) server.tell('x'.repeat(2 ** 20))
    await Promise.all([server.close(), once(reading, 'close')])
    await expect(ask(server.url, '/')).rejects.toThrow('ECONNREFUSED')
  })
})

async function listen(whole: () => string | undefined): Promise<PageServer> {
  const server = await PageServer.listen({ token: 'a-token', files: FILES, whole })
  servers.push(server)
  return server
}

async function textOf(url: string, path: string): Promise<string> {
  const response = await ask(url, path)
  return Buffer.concat(await response.toArray()).toString()
}

/** The lines of a stream, one for each call. */
function linesOf(stream: NodeJS.ReadableStream): () => Promise<string | undefined> {
  const lines = createInterface({ input: stream })[Symbol.asyncIterator]()
  return async () => (await lines.next()).value
}
