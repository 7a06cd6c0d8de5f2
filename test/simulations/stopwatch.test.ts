import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'

const STOPWATCH = new URL('../../simulations/stopwatch.ts', import.meta.url).href

describe('the bytes of live objects', () => {
  // As a sweep does: a run on each core, in a thread of its own. Flags of V8 are the process's.
  it('can be had in several threads at once', async () => {
    const code = `const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(STOPWATCH)}).then(({ liveBytes }) => {
        let bytes = 0
        for (let i = 0; i < 30; i++) bytes = liveBytes()
        parentPort.postMessage(bytes)
      })`
    const counts = Array.from({ length: 4 }, async () => {
      const [bytes] = (await once(new Worker(code, { eval: true }), 'message')) as [number]
      return bytes
    })
    for (const bytes of await Promise.all(counts)) expect(bytes).toBeGreaterThan(0)
  })
})
