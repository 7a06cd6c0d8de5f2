// A TypeScript program on the installed package. It is type-checked and not run: a line below `@ts-expect-error` is wrong, and
// the compiler must say so, which it would not if a type had been lost on the way and were `any`.

import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { yamux } from '@libp2p/yamux'
import {
  type ErrorCode,
  KadmiumError,
  type KadmiumOptions,
  type KadmiumService,
  kadmium,
  LevelDbStorage,
  type UserGetResult,
  type Validator,
} from 'kadmium'
import { connectKadmium, errorCode, type KadmiumClient } from 'kadmium/client'
import { type KadDHT, kadDHT } from 'kadmium/kad-dht'
import { noise } from 'kadmium/noise'
import { tcp } from 'kadmium/tcp'
import { createLibp2p, type Libp2p } from 'libp2p'

const options: KadmiumOptions = { k: 20, bootstrap: ['/ip4/127.0.0.1/tcp/4701'], mode: 'auto' }
// @ts-expect-error: an option is named wrongly.
export const misnamed: KadmiumOptions = { kk: 20 }

const node = await createLibp2p({
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: {
    identify: identify(),
    dht: kadmium({ ...options, storage: await LevelDbStorage.open('./store') }),
  },
})
export const typed: Libp2p<{ dht: KadmiumService }> = node

const got: UserGetResult = await node.services.dht.get('/kv/greeting', { timeoutMs: 1_000 })
export const bytes: Uint8Array = got.value
// @ts-expect-error: a value is bytes.
export const text: string = got.value
// @ts-expect-error: what is put is bytes.
await node.services.dht.put('/kv/greeting', 'hello')

for await (const event of node.services.dht.watch('/kv/greeting')) {
  if (event.type === 'gap') console.log(event.missed)
  // @ts-expect-error: a gap has no value, and only a gap has a count.
  else console.log(event.missed)
}

try {
  await node.services.dht.get('/kv/greeting')
} catch (error) {
  if (!(error instanceof KadmiumError)) throw error
  const code: ErrorCode = error.code
  // @ts-expect-error: there is no such code.
  if (code === 'ERR_NO_SUCH') console.log(error.message)
}

export const validator: Validator = {
  immutable: true,
  // @ts-expect-error: a verdict says why.
  validate: () => ({ valid: false }),
  select: () => 0,
}

const client: KadmiumClient = connectKadmium('127.0.0.1:4780', { token: 's3cret' })
const { contacts, networkSize } = await client.status({})
export const sum: number = contacts + networkSize
// @ts-expect-error: there is no such field.
await client.get({ name: 'greeting' })
for await (const { event } of client.lookup({ key: 'greeting', trace: true })) {
  if (event.case === 'step') console.log(event.value.peer.toUpperCase())
  // @ts-expect-error: there is no such event.
  if (event.case === 'stop') break
}
export const code: ErrorCode | undefined = errorCode(new Error('no'))

const dropIn = await createLibp2p({
  services: { identify: identify(), ping: ping(), dht: kadDHT({ protocol: '/x/kad/1.0.0' }) },
})
export const same: KadDHT = dropIn.services.dht
for await (const event of same.get(new Uint8Array(1))) {
  if (event.name === 'VALUE') console.log(event.value.length)
}
