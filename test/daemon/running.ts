import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Config } from '../../src/daemon/config.ts'
import { type Daemon, startDaemon } from '../../src/daemon/daemon.ts'
import { Peer } from '../../src/daemon/peer.ts'

/** What a page said. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Daemons and peers of this process, for the tests of one file; ended together. */
export class Running {
  readonly #stops: (() => Promise<void>)[] = []

  /** A daemon on loopback with a data directory of its own. One in a process: its metrics are global. */
  async daemon(flags: Partial<Config> = {}, noToken = false): Promise<Daemon> {
    const folder = await mkdtemp(join(tmpdir(), 'kadmium-test-'))
    this.#stops.push(() => rm(folder, { recursive: true, force: true }))
    const daemon = await startDaemon({
      data: join(folder, 'data'),
      flags: { listen: ['/ip4/127.0.0.1/tcp/0'], api: '127.0.0.1:0', ...flags },
      environment: {},
      noToken,
      log: pino({ level: 'silent' }),
    })
    this.#stops.push(() => daemon.stop())
    return daemon
  }

  /** A peer without a data directory, which has joined through the given addresses. */
  async peer(bootstrap: readonly string[] = []): Promise<Peer> {
    const peer = await Peer.start({ listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap })
    this.#stops.push(() => peer.stop())
    if (bootstrap.length > 0) await peer.join()
    return peer
  }

  async end(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop()
  }
}

/** Reads a page of a daemon's API: at a unix path or host:port. */
export function read(
  where: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const [host, port] = where.split(':')
  const target = where.startsWith('/') ? { socketPath: where } : { host, port }
  return new Promise((resolve, reject) => {
    request({ ...target, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
      .on('error', reject)
      .end()
  })
}

/** The figures of a page of metrics: by name and labels, as in `up{job="kad"}`. */
export function figuresOf(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}
