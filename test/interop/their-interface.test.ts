import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import * as theirs from '@libp2p/kad-dht'
import { describe, expect, it } from 'vitest'
import * as ours from '../../src/kad-dht.ts'

/** `true` if the two are the same, else what stands in one of them only. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : Exclude<B, A>) : Exclude<A, B>

/** A type that takes another's values. */
type Takes<To, From> = From extends To ? true : false

const root = resolve(import.meta.dirname, '../..')
const DECLARED = 'node_modules/@libp2p/kad-dht/dist/src/index.d.ts'

describe('the interface of @libp2p/kad-dht', () => {
  it('has no name, of a value or of a type, that ours has not', async () => {
    const declarations = await readFile(resolve(root, DECLARED), 'utf8')
    const types = [
      ...declarations.matchAll(/^export (?:declare )?(?:interface|type|enum) (\w+)/gm),
    ].map(([, name]) => name)
    expect(types.length).toBeGreaterThan(25)
    const entry = await readFile(resolve(root, 'src/kad-dht.ts'), 'utf8')
    const exported = new Set(entry.match(/\b\w+\b/g))
    expect(types.filter((name) => name !== undefined && !exported.has(name))).toEqual([])
    expect(Object.keys(ours)).toEqual(expect.arrayContaining(Object.keys(theirs)))
  })

  it('has the same options, events and calls, and mappers and records that do the same', () => {
    // The compiler compares: what stands in one of them only would be no `true`.
    const options: Same<keyof theirs.KadDHTInit, keyof ours.KadDHTInit> = true
    const calls: Same<keyof theirs.SingleKadDHT, keyof ours.SingleKadDHT> = true
    const events: Same<theirs.QueryEvent['name'], ours.QueryEvent['name']> = true
    const fields: Same<keyof theirs.PeerResponseEvent, keyof ours.PeerResponseEvent> = true
    const sent: Same<keyof theirs.SendQueryEvent, keyof ours.SendQueryEvent> = true
    const path: Same<keyof theirs.DisjointPath, keyof ours.DisjointPath> = true
    const record: Takes<theirs.DHTRecord, ours.DHTRecord> = true
    const serialized: Takes<theirs.Record, ours.Record> = true
    const validators: Same<theirs.Validators, ours.Validators> = true
    const mapper: Same<theirs.PeerInfoMapper, ours.PeerInfoMapper> = true
    const mode: Same<
      ReturnType<theirs.KadDHT['getMode']>,
      ReturnType<ours.KadDHT['getMode']>
    > = true
    const same = [options, calls, events, fields, sent, path, record, serialized]
    expect([...same, validators, mapper, mode]).not.toContain(false)
  })

  it('has types that do not mix with ours where the README says so', () => {
    // Their kinds of messages are a string enum, which takes no text.
    const messages: Takes<theirs.MessageType, ours.MessageType> = false
    const dht: Takes<theirs.KadDHT, ours.KadDHT> = false
    // Their selectors may answer with a promise.
    const selectors: Takes<ours.Selectors, theirs.Selectors> = false
    const ownSelectors: Takes<theirs.Selectors, ours.Selectors> = true
    expect([messages, dht, selectors, ownSelectors]).toEqual([false, false, false, true])
  })

  it('has enums whose numbers and names are those of ours', () => {
    expect(ours.EventTypes).toEqual({ ...theirs.EventTypes })
    const names = Object.entries(theirs.MessageType).filter(
      ([, value]) => typeof value === 'string',
    )
    expect(ours.MessageType).toEqual(Object.fromEntries(names))
  })

  it('has records that are the same bytes', () => {
    const parts = [Uint8Array.of(1, 2), new Uint8Array(300), new Date(1_700_000_000_123)] as const
    const record = new ours.Record(...parts)
    const bytes = record.serialize()
    expect(Buffer.compare(bytes, new theirs.Record(...parts).serialize())).toBe(0)
    expect(ours.Record.deserialize(bytes)).toEqual(record)
    expect(ours.Record.fromDeserialized(record.prepareSerialize())).toEqual(record)
    expect(theirs.Record.deserialize(bytes).timeReceived).toEqual(record.timeReceived)
    expect(() => ours.Record.deserialize(Uint8Array.of(10, 9))).toThrow(/a field of 9 bytes/)
    expect(() => new ours.Record('key' as never, bytes, new Date())).toThrow(/Uint8Array/)
  })
})
