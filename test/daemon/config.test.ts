import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { resolveOptions } from '../../src/core/options.ts'
import { type Config, configPath, resolveConfig } from '../../src/daemon/config.ts'
import { protocolOf, rulesOf } from '../../src/libp2p/network-rules.ts'
import { figuresOf, Running, read } from './running.ts'

const running = new Running()
const folder = mkdtempSync(join(tmpdir(), 'kadmium-test-'))
afterAll(async () => {
  await running.end()
  rmSync(folder, { recursive: true, force: true })
})

describe('a setting', () => {
  it('is taken from its flag, else the environment, else the file, else the default', () => {
    const file = { k: 5, alpha: 6, prefix: 'filed' }
    const environment = { KADMIUM_K: '7', KADMIUM_ALPHA: '8' }
    const { config, origins } = resolved({ file, environment, flags: { k: 9 } })
    expect(config).toMatchObject({ k: 9, alpha: 8, prefix: 'filed', mode: 'server' })
    expect(origins.k).toEqual({ source: 'flag', place: '--k' })
    expect(origins.alpha).toEqual({ source: 'environment', place: 'KADMIUM_ALPHA' })
    expect(origins.prefix).toEqual({ source: 'file', place: configPath(folder) })
    expect(origins.mode).toEqual({ source: 'default', place: 'default' })
  })

  it.each<[name: keyof Config, text: string, value: unknown]>([
    [
      'listen',
      '/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2',
      ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'],
    ],
    ['api', '127.0.0.1:4780', '127.0.0.1:4780'],
    ['api', '/run/kad.sock', '/run/kad.sock'],
    ['mode', 'auto', 'auto'],
    ['prefix', 'ipfs/lan', 'ipfs/lan'],
    ['syncWrites', 'true', true],
    ['syncWrites', 'false', false],
    ['logLevel', 'debug', 'debug'],
  ])('%s may stand in the environment as %s', (name, text, value) => {
    const variable = `KADMIUM_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`
    expect(resolved({ environment: { [variable]: text } }).config[name]).toEqual(value)
    expect(resolved({ environment: { [variable]: '' } }).origins[name].source).toBe('default')
    expect(resolved({ file: { [name]: value } }).config[name]).toEqual(value)
  })

  it.each([
    ['KADMIUM_K', '0', 'KADMIUM_K: `k` must be a whole number in 1…100, got 0'],
    ['KADMIUM_K', '0x10', 'got "0x10"'],
    ['KADMIUM_K', 'many', 'got "many"'],
    ['KADMIUM_ALPHA', '33', '1…32'],
    ['KADMIUM_MODE', 'sever', "'server', 'client' or 'auto'"],
    ['KADMIUM_SYNC_WRITES', 'yes', 'true or false'],
    ['KADMIUM_LISTEN', '4701', 'a list of multiaddrs'],
    ['KADMIUM_API', 'everywhere', 'an address such as 127.0.0.1:4780'],
    ['KADMIUM_PREFIX', '/kadmium', 'a name of letters'],
    ['KADMIUM_LOG_LEVEL', 'loud', "'debug', 'info', 'warn' or 'error'"],
  ])('is refused with what it must be, for %s=%s', (variable, text, message) => {
    expect(() => resolved({ environment: { [variable]: text } })).toThrow(message)
  })

  it.each(['kadmium', 'ipfs', 'ipfs/lan'])(
    'mode and alpha are by default what the rules of the network say: %s',
    (prefix) => {
      const { mode, defaults } = rulesOf(protocolOf(prefix), {})
      const { alpha } = resolveOptions(defaults)
      expect(resolved({ flags: { prefix } }).config).toMatchObject({ mode, alpha })
      const set = { mode: 'client', alpha: 5 } as const
      expect(resolved({ flags: { prefix }, file: set }).config).toMatchObject(set)
    },
  )

  it('of the wrong type in the file is refused, and the file named', () => {
    expect(() => resolved({ file: { k: '20' } })).toThrow(`${configPath(folder)}: \`k\` must be`)
    expect(() => resolved({ file: { listen: '/ip4/127.0.0.1/tcp/1' } })).toThrow('a list of')
    expect(() => resolved({ file: { k: null } })).toThrow('got null')
  })
})

describe('what nobody knows', () => {
  it.each([
    ['bootstraps', "did you mean 'bootstrap'?"],
    ['sync_writes', "did you mean 'syncWrites'?"],
    ['replication', 'known are listen, bootstrap, api'],
    ['__proto__', 'known are'],
  ])('is an error in the file: %s', (name, hint) => {
    const text = `{"${name}": 1}`
    expect(() => resolved({ file: text })).toThrow(`unknown setting '${name}'`)
    expect(() => resolved({ file: text })).toThrow(hint)
  })

  it.each([
    ['KADMIUM_BOOTSTRAPS', "did you mean 'KADMIUM_BOOTSTRAP'?"],
    ['KADMIUM_SYNCWRITES', "did you mean 'KADMIUM_SYNC_WRITES'?"],
    ['KADMIUM_listen', "did you mean 'KADMIUM_LISTEN'?"],
    ['KADMIUM_TOKENS', "did you mean 'KADMIUM_TOKEN'?"],
    ['KADMIUM_REPLICATION_EVERY', 'known are KADMIUM_LISTEN'],
  ])('is an error in the environment: %s', (name, hint) => {
    expect(() => resolved({ environment: { [name]: '1' } })).toThrow(hint)
  })

  it('is no error where others put it: the variables of the command line, of Kubernetes, of anybody', () => {
    const environment = {
      KADMIUM_HOME: '/x',
      KADMIUM_TOKEN: 'x',
      KADMIUM_DEBUG: '1',
      KADMIUM_SERVICE_HOST: '10.0.0.1',
      KADMIUM_SERVICE_PORT_API: '4780',
      KADMIUM_PORT: 'tcp://10.0.0.1:4701',
      KADMIUM_PORT_4701_TCP_ADDR: '10.0.0.1',
      OTHER_K: '1',
      KADMIUMK: '1',
    }
    expect(resolved({ environment }).config.k).toBe(20)
  })
})

describe('the file', () => {
  it('need not be there, unless it was named', () => {
    const empty = join(folder, 'empty')
    const given = { flags: {}, environment: {}, data: empty }
    expect(resolveConfig(given).config.k).toBe(20)
    expect(() => resolveConfig({ ...given, file: join(empty, 'mine.json') })).toThrow(
      'there is no such file',
    )
  })

  it.each([
    ['{', 'is no JSON'],
    ['[]', 'must hold a JSON object'],
    ['null', 'must hold a JSON object'],
  ])('is an object: not %s', (text, message) => {
    expect(() => resolved({ file: text })).toThrow(message)
  })
})

describe('a daemon', () => {
  it('does as its settings say, wherever they stand', async () => {
    const daemon = await running.daemon({ k: 7, api: '127.0.0.1:0' }, true)
    const [, tcp = ''] = daemon.apis
    const call = await fetch(`http://${tcp}/kadmium.v1.Kadmium/Status`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(await call.json()).toMatchObject({ k: 7, alpha: 3 })
    // Without a token calls need none, and the metrics are no secret either.
    const page = await read(tcp, '/metrics')
    expect(page.status).toBe(200)
    expect(figuresOf(page.body).get('kadmium_api_calls_total{method="status"}')).toBe(1)
    // But not for a page elsewhere whose name was made to point here.
    expect((await read(tcp, '/metrics', { host: 'evil.example' })).status).toBe(403)
  })

  it('serves a further unix socket, but never takes over one that another program serves', async () => {
    const path = join(folder, 'further.sock')
    const other = createServer().listen(path)
    await new Promise((resolve) => other.once('listening', resolve))
    await expect(running.daemon({ api: path })).rejects.toThrow('another program serves')
    await new Promise((resolve) => other.close(resolve))
    const daemon = await running.daemon({ api: path })
    expect(daemon.apis[1]).toBe(path)
    expect((await read(path, '/metrics')).status).toBe(200)
  })
})

function resolved(given: {
  readonly file?: object | string
  readonly environment?: NodeJS.ProcessEnv
  readonly flags?: Partial<Config>
}): ReturnType<typeof resolveConfig> {
  const { file = {}, environment = {}, flags = {} } = given
  writeFileSync(configPath(folder), typeof file === 'string' ? file : JSON.stringify(file))
  return resolveConfig({ flags, environment, data: folder })
}
