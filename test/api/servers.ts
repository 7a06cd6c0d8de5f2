import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiAddress, apiAddressToText } from '../../src/api/address.ts'
import type { ApiPeer } from '../../src/api/peer.ts'
import { ApiServer, type ApiServerInit } from '../../src/api/server.ts'

/** Servers and what uses them, ended together. */
export class Servers {
  readonly #closing: (() => unknown)[] = []

  /** Serves a peer at a free port of loopback. */
  async serve(
    peer: ApiPeer,
    options: Partial<ApiServerInit> = {},
  ): Promise<{ server: ApiServer; address: ApiAddress; url: string }> {
    const address = { type: 'tcp', host: '127.0.0.1', port: 0 } as const
    const server = await ApiServer.listen({ peer, address, ...options })
    this.#closing.push(() => server.close())
    return { server, address: server.address, url: `http://${apiAddressToText(server.address)}` }
  }

  /** A new folder. */
  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'kadmium-api-'))
    this.#closing.push(() => rm(path, { recursive: true, force: true }))
    return path
  }

  /** Closes something with the servers, before them. */
  use<Closable extends { close(): unknown }>(closable: Closable): Closable {
    this.#closing.push(() => closable.close())
    return closable
  }

  /** Closes all, the youngest first. */
  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close()
  }
}

/** Calls as curl does: JSON over HTTP/1.1. */
export function postJson(
  url: string,
  method: string,
  body: unknown,
  options: { readonly token?: string; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const { token, signal } = options
  return fetch(`${url}/${method}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  })
}
