import { beforeEach, describe, expect, it } from 'vitest'
import { Contact } from '../../src/core/contact.ts'
import { keyFromDigest } from '../../src/core/key.ts'
import { PROBES_MAX, PROVIDER_KEY_BYTES_MAX } from '../../src/core/limits.ts'
import type { RpcOutcome, RpcRequest } from '../../src/core/message.ts'
import { at, ids } from '../support/holders.ts'
import { sha256Key, signedValue } from '../support/values.ts'
import { sha256, VirtualNetwork, type VirtualPeer } from '../support/virtual-network.ts'

let network: VirtualNetwork
let peers: readonly VirtualPeer[]

beforeEach(async () => {
  network = new VirtualNetwork()
  peers = await network.spawnMany(12, { k: 4 })
})

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** What the first peer answers to the second. */
async function answer(request: RpcRequest): Promise<RpcOutcome> {
  const [asked, asker] = [at(peers, 0).node, at(peers, 1).node.self]
  return network.clock.until(new Promise((resolve) => asked.answer(asker, request, resolve)))
}

function find(key: Uint8Array): RpcRequest {
  return { type: 'find-node', key, target: keyFromDigest(sha256(key)) }
}

function put(key: Uint8Array, value: Uint8Array, recordKey = key): RpcRequest {
  const target = keyFromDigest(sha256(key))
  return { type: 'put-value', key, target, record: { key: recordKey, value } }
}

function closerOf(outcome: RpcOutcome): string[] {
  return outcome.ok && 'closer' in outcome.response ? ids(outcome.response.closer ?? []) : []
}

describe('FIND_NODE', () => {
  it('for the peer that is asked names it, and others besides: newcomers join by it', async () => {
    const named = closerOf(await answer(find(at(peers, 0).node.self.idBytes)))
    expect(named[0]).toBe('peer-0')
    expect(named.length).toBeGreaterThan(4)
  })

  it('never names the one that asks, though he asks for himself', async () => {
    const named = closerOf(await answer(find(at(peers, 1).node.self.idBytes)))
    expect(named).not.toContain('peer-1')
    expect(named.length).toBeGreaterThanOrEqual(4)
  })

  it('takes any bytes for a key, a record’s too, but not none and not many', async () => {
    expect(closerOf(await answer(find(bytes('/kv/record')))).length).toBeGreaterThan(0)
    expect(closerOf(await answer(find(Uint8Array.of(0)))).length).toBeGreaterThan(0)
    for (const length of [0, 1_025]) {
      expect(await answer(find(new Uint8Array(length)))).toMatchObject({
        ok: false,
        failure: { type: 'refused' },
      })
    }
  })
})

describe('PUT_VALUE', () => {
  it.each([
    ['of another key', () => put(bytes('/kv/a'), bytes('v'), bytes('/kv/b'))],
    ['of a key without a namespace', () => put(bytes('a'), bytes('v'))],
    ['of an unknown namespace', () => put(bytes('/other/a'), bytes('v'))],
    ['of a key that its bytes do not prove', () => put(sha256Key(bytes('a')), bytes('b'))],
  ])('of a record %s is refused, and nothing is kept', async (_what, request) => {
    expect(await answer(request())).toMatchObject({ ok: false, failure: { type: 'refused' } })
    expect(at(peers, 0).node.records.size).toBe(0)
  })

  it('of an older value never takes the place of a newer one, in whatever order they come', async () => {
    const key = bytes('/kv/a')
    const versions = [3, 1, 5, 2, 4, 5]
    const outcomes = await Promise.all(
      versions.map((version) =>
        answer(put(key, signedValue(key, 'writer', { value: `${version}`, version }))),
      ),
    )
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true, false, false, true])
    const held = at(peers, 0).node.records.get(key, network.clock.wallClock())
    expect(Buffer.from(held?.record.value ?? []).toString()).toContain('5')
  })
})

describe('provider requests', () => {
  it('with a key that is no multihash by its length are refused', async () => {
    const key = new Uint8Array(PROVIDER_KEY_BYTES_MAX + 1)
    const target = keyFromDigest(sha256(key))
    const providers = [at(peers, 1).node.self]
    for (const request of [
      { type: 'get-providers', key, target },
      { type: 'add-provider', key, target, providers },
    ] as const) {
      expect(await answer(request)).toMatchObject({ ok: false, failure: { type: 'refused' } })
    }
  })

  it('are answered for keys of any hash', async () => {
    for (const prefix of ['1220', '1340', '1e20', 'b220']) {
      const key = Uint8Array.from([...Buffer.from(prefix, 'hex'), ...new Uint8Array(64)])
      const target = keyFromDigest(sha256(key))
      const providers = [at(peers, 1).node.self]
      expect(await answer({ type: 'add-provider', key, target, providers })).toMatchObject({
        ok: true,
      })
      const got = await answer({ type: 'get-providers', key, target })
      expect(got.ok && 'providers' in got.response && ids(got.response.providers)).toEqual([
        'peer-1',
      ])
    }
  })
})

describe('strangers that show up', () => {
  it('are asked a bounded number at once, and none enters without an answer', async () => {
    const { node } = at(peers, 0)
    const before = node.table.size
    network.delivered.clear()
    const known = network.clock.alarms
    for (let i = 0; i < 500; i++) {
      const idBytes = bytes(`stranger ${i}`)
      node.seen(
        new Contact({
          id: `stranger ${i}`,
          idBytes,
          key: keyFromDigest(sha256(idBytes)),
          addresses: node.self.addresses,
        }),
      )
    }
    // Each request under way is a deadline and a delivery.
    expect(network.clock.alarms - known).toBeLessThanOrEqual(2 * PROBES_MAX)
    await network.clock.pass(60_000)
    expect(node.table.size).toBe(before)
  })
})
