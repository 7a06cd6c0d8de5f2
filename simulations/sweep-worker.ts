import { parentPort, workerData } from 'node:worker_threads'
import { runScenario } from './run.ts'
import type { SweepJob } from './sweep.ts'

// One run of a sweep, in a thread of its own.
const { scenario, given } = workerData as SweepJob // from sweep.ts
parentPort?.postMessage(await runScenario(scenario, given))
