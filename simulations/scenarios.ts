import type { Scenario } from './scenario.ts'
import { churn } from './scenarios/churn.ts'
import { crash } from './scenarios/crash.ts'
import { hotkey } from './scenarios/hotkey.ts'
import { join } from './scenarios/join.ts'
import { lookup } from './scenarios/lookup.ts'
import { partition } from './scenarios/partition.ts'
import { replicate } from './scenarios/replicate.ts'
import { soak } from './scenarios/soak.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

/** Those that real peers can play: they need nothing that only a simulated network has. */
export const FULL_STACK_SCENARIOS: readonly Scenario<SimulatedNetwork>[] = [lookup, churn]

/** All scenarios, in the order in which they are told of. */
export const SCENARIOS: readonly Scenario[] = [
  lookup,
  churn,
  crash,
  partition,
  join,
  hotkey,
  replicate,
  soak,
]
