// A program beside a daemon: puts, gets, and watches through its API.
//
//     npx kad daemon --data ./one
//     node test/examples/client.ts ./one/kad.sock

import { connectKadmium, errorCode } from 'kadmium/client'

const api = process.argv[2] ?? './kad.sock'
const kad = connectKadmium(api) // over TCP: connectKadmium('127.0.0.1:4780', { token })

try {
  await kad.get({ key: 'weather' })
} catch (error) {
  if (errorCode(error) !== 'ERR_NOT_FOUND') throw error
  console.log('nobody has told the weather yet')
}

await kad.put({ key: 'weather', value: new TextEncoder().encode('sun') })

for await (const { event } of kad.watch({ key: 'weather', timeoutMs: 10_000 })) {
  if (event.case !== 'value') continue
  const weather = new TextDecoder().decode(event.value.value)
  console.log(`the weather: ${weather}`)
  if (weather === 'rain') break
  await kad.put({ key: 'weather', value: new TextEncoder().encode('rain') })
}
