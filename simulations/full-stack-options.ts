import { KadmiumError } from '../src/core/errors.ts'
import type { OptionName, SimulationOptions } from './options.ts'
import { FULL_STACK_SCENARIOS } from './scenarios.ts'

/**
 * What real peers have where nothing else is said: no latency but the machine's, tables of their own making, and as many of
 * them, for as long, as one waits for; they come and go the faster.
 */
export const FULL_STACK_DEFAULTS: Partial<SimulationOptions> = {
  latency: 'constant:0',
  start: 'cold',
  peers: 200,
  hours: 0.1,
  session: 10,
}

/** Hundreds, not thousands: each has its keys, timers, and connections to a hundred others. */
const PEERS_MAX = 1_000

/** Options that real peers know in one way only, and why. */
const FIXED: readonly (readonly [OptionName, SimulationOptions[OptionName], string])[] = [
  ['latency', 'constant:0', 'their messages take what this machine takes'],
  ['loss', 0, 'their transport loses nothing'],
  ['duplication', 0, 'their transport doubles nothing'],
  ['slow', 0, 'all run on this machine, at its speed'],
]

/**
 * Says no to what cannot be had with `--network libp2p`, for an option without effect would give a figure that means something
 * else than it says.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` that says what can be had.
 */
export function checkFullStack(scenario: string, options: SimulationOptions): void {
  const names = FULL_STACK_SCENARIOS.map(({ name }) => name)
  if (!names.includes(scenario)) {
    throw invalid('network', `real peers play ${names.join(' and ')}, not ${scenario}`)
  }
  for (const [name, only, why] of FIXED) {
    if (options[name] !== only) {
      throw invalid(name, `must be ${only} among real peers: ${why}; got ${options[name]}`)
    }
  }
  if (options.peers > PEERS_MAX) {
    throw invalid('peers', `must be at most ${PEERS_MAX} among real peers, got ${options.peers}`)
  }
  if (options.churn.startsWith('trace:')) {
    throw invalid('churn', 'a trace begins at time 0, and real peers take their time to join')
  }
}

function invalid(option: OptionName, reason: string): KadmiumError {
  const message = `\`${option}\` with \`network\` libp2p: ${reason}`
  return new KadmiumError('ERR_INVALID_OPTION', message, { details: { option } })
}
