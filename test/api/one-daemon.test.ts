import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createGrpcWebTransport } from '@connectrpc/connect-web'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseApiAddress } from '../../src/api/address.ts'
import { Kadmium } from '../../src/api/gen/kadmium/v1/kadmium_pb.ts'
import { type Daemon, startDaemon } from '../../src/daemon/daemon.ts'
import { CHROMIUM, openPage, startBrowser } from '../dashboard/browser.ts'
import { until } from '../support/kad.ts'
import { ForeignClient, loadProto, responseOf } from './foreign-client.ts'
import { postJson, Servers } from './servers.ts'

/** Puts and gets a text as one kind of caller does. */
interface Caller {
  put(key: string, text: string): Promise<void>
  get(key: string): Promise<string>
}

const definition = loadProto('kadmium/v1/kadmium.proto')
const servers = new Servers()
let daemon: Daemon
let api: string
let token: string

beforeAll(async () => {
  daemon = await start('one', ['127.0.0.1:0'], [])
  const other = await start('two', [], daemon.addresses)
  const otherApi = servers.use(
    new ForeignClient(parseApiAddress(other.apis[0] ?? ''), 'kadmium.v1.Kadmium', definition),
  )
  await until('they know one another', async () => {
    return Number(responseOf(await otherApi.call('Status', {})).contacts) > 0
  })
  api = daemon.apis[1] ?? ''
  token = (await readFile(join(daemon.data, 'token'), 'utf8')).trim()
})

afterAll(() => servers.close())

describe('one daemon', () => {
  it('is put to and read by curl, a gRPC client and gRPC-Web, and each reads what the others wrote', async () => {
    const callers = { curl: curl(), grpc: grpc(), grpcWeb: grpcWeb() }
    for (const [name, caller] of Object.entries(callers)) await caller.put(name, `by ${name}`)
    for (const reader of Object.values(callers)) {
      for (const name of Object.keys(callers)) expect(await reader.get(name)).toBe(`by ${name}`)
    }
  })

  it('tells a watcher over gRPC-Web of what stands and of what others put', async () => {
    const seen: string[] = []
    const ending = new AbortController()
    await curl().put('watched', 'first')
    const call = { headers: { authorization: `Bearer ${token}` }, signal: ending.signal }
    for await (const { event } of webClient().watch({ key: 'watched' }, call)) {
      if (event.case !== 'value') continue
      seen.push(new TextDecoder().decode(event.value.value))
      if (seen.length === 1) await grpc().put('watched', 'second')
      if (seen.length === 2) break
    }
    ending.abort()
    expect(seen).toEqual(['first', 'second'])
  })

  it.skipIf(CHROMIUM === undefined)(
    'is put to and read by its page in a browser too (skipped without Chromium: set CHROME_PATH)',
    async () => {
      // 404: `npm run build` has not made the page.
      expect((await fetch(`http://${api}/`)).status).toBe(200)
      const browser = servers.use(await startBrowser())
      const { page, complaints } = await openPage(browser, daemon.dashboard ?? '')
      await page.waitForSelector('.self')
      await page.click('#tab-put')
      await page.fill('#put-key', 'page')
      await page.keyboard.press('Tab')
      await page.keyboard.type('by the page')
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      await page
        .locator('#panel-put [aria-live]')
        .getByText(/under \/kv\/page/)
        .waitFor()
      expect(await curl().get('page')).toBe('by the page')

      await grpc().put('page', 'by grpc')
      await page.click('#tab-get')
      await page.fill('#get-key', 'page')
      await page.keyboard.press('Enter')
      const value = page.locator('#panel-get [aria-live] pre')
      await value.waitFor()
      expect(await value.textContent()).toBe('by grpc')
      expect(complaints).toEqual([])
    },
  )
})

async function start(name: string, apis: string[], bootstrap: readonly string[]): Promise<Daemon> {
  const started = await startDaemon({
    data: join(await servers.folder(), name),
    flags: {
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [...bootstrap],
      ...(apis[0] === undefined ? {} : { api: apis[0] }),
    },
    environment: {},
    log: pino({ level: 'silent' }),
  })
  servers.use({ close: () => started.stop() })
  return started
}

function curl(): Caller {
  const post = async (method: string, body: unknown): Promise<{ value?: string }> => {
    const answer = await postJson(`http://${api}`, `kadmium.v1.Kadmium/${method}`, body, { token })
    expect(answer.status).toBe(200)
    return (await answer.json()) as { value?: string } // as kadmium.proto says
  }
  return {
    put: async (key, text) => {
      await post('Put', { key, value: Buffer.from(text).toString('base64') })
    },
    get: async (key) => Buffer.from((await post('Get', { key })).value ?? '', 'base64').toString(),
  }
}

function grpc(): Caller {
  const address = parseApiAddress(api)
  const client = servers.use(
    new ForeignClient(address, 'kadmium.v1.Kadmium', definition, { token }),
  )
  return {
    put: async (key, text) => {
      responseOf(await client.call('Put', { key, value: Buffer.from(text) }))
    },
    get: async (key) => String(responseOf(await client.call('Get', { key })).value),
  }
}

function grpcWeb(): Caller {
  const client = webClient()
  const headers = { authorization: `Bearer ${token}` }
  return {
    put: async (key, text) => {
      await client.put({ key, value: new TextEncoder().encode(text) }, { headers })
    },
    get: async (key) => new TextDecoder().decode((await client.get({ key }, { headers })).value),
  }
}

function webClient() {
  return createClient(Kadmium, createGrpcWebTransport({ baseUrl: `http://${api}` }))
}
