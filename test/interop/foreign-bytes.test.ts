import { describe, expect, it } from 'vitest'
import { keyFromDigest, toHex } from '../../src/core/key.ts'
import { ContactBook } from '../../src/libp2p/contacts.ts'
import { sha256 } from '../../src/libp2p/system.ts'
import { decodeAnswer, decodeRequest } from '../../src/wire/message-decoder.ts'
import { fromHex, plainContext, utf8 } from '../support/wire.ts'

const key = utf8('/ipns/a')
const target = keyFromDigest(sha256(key))
const KEY = '0a072f69706e732f61'
const VALUE = '12036f6b61'

describe('bytes of rust-libp2p', () => {
  // It says publisher (666) and remaining seconds (777) with a record, and a cluster level with every message.
  const record = `${KEY} ${VALUE} 2a00 d22902 1220 c8300a`

  it('are a GET_VALUE that was answered with a record that lives for 10 s', () => {
    const bytes = fromHex(`0801 1a${lengthOf(record)} ${record} 5009`)
    const { outcome, kadmium } = decodeAnswer(
      bytes,
      { type: 'get-value', key, target },
      plainContext,
    )
    expect(kadmium).toBe(false)
    expect(outcome).toMatchObject({
      ok: true,
      response: { type: 'get-value', record: { key, value: utf8('oka'), ttlMs: 10_000 } },
    })
  })

  it('are a PUT_VALUE that was stored: key and record come back', () => {
    const echo = `${KEY} ${VALUE} 2a00`
    const bytes = fromHex(`12 07 2f69706e732f61 1a${lengthOf(echo)} ${echo} 5009`)
    const request = {
      type: 'put-value',
      key,
      target,
      record: { key, value: utf8('oka') },
    } as const
    expect(decodeAnswer(bytes, request, plainContext).outcome).toMatchObject({ ok: true })
  })

  it('are a FIND_NODE with a cluster level', () => {
    const { request, kadmium } = decodeRequest(
      fromHex('0804 12072f69706e732f61 500a'),
      plainContext,
    )
    expect(request).toMatchObject({ type: 'find-node', key })
    expect(kadmium).toBe(false)
  })
})

describe('bytes of go-libp2p', () => {
  it('are an answer with peers, their connections, and one address that nobody knows', () => {
    const id = '0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d'
    const peer = `0a26 ${id} 12080 47f000001060fa1 1204 ffff0301 1801`.replaceAll(' ', '')
    const bytes = fromHex(`0804 42${lengthOf(peer)} ${peer} 5001`)
    const contacts = new ContactBook(sha256)
    const { outcome } = decodeAnswer(
      bytes,
      { type: 'find-node', key, target },
      {
        hash: sha256,
        contactOf: (message, start, end) => contacts.contactOf(message, start, end),
      },
    )
    if (!outcome.ok || outcome.response.type !== 'find-node') throw new Error('not read')
    const [contact] = outcome.response.closer
    expect(contact?.id).toMatch(/^12D3KooW/)
    // The worked example of the IPFS Kademlia specification.
    expect(contact && toHex(contact.key)).toBe('e43d28f0996557c0d5571d75c62a57a59d7ac1d3')
    expect(contact?.addresses).toEqual([fromHex('047f000001060fa1')])
  })
})

function lengthOf(hex: string): string {
  return (hex.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')
}
