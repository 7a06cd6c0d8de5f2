import { vi } from 'vitest'
import type { SimPeer } from '../../simulations/engine/sim-peer.ts'
import { resolveSimulation } from '../../simulations/options.ts'
import { makeSimulator } from '../../simulations/run.ts'
import { runNetworkContract } from '../contract/network-contract.ts'
import { defined } from '../support/endpoint.ts'

for (const network of ['virtual', 'wire'] as const) {
  runNetworkContract({
    name: `the simulator's ${network} network`,
    create: async () => {
      const options = resolveSimulation({ network, latency: 'constant:20' }, {})
      const sim = makeSimulator(options)
      const [own, other, nobody] = [sim.create(), sim.create(), sim.create()]
      await sim.start(own)
      await sim.start(other)
      return {
        network: own,
        clock: own,
        peer: other.contact,
        answerBy: (answer) => {
          vi.spyOn(nodeOf(other), 'answer').mockImplementation((_from, request, reply) =>
            answer(request, reply),
          )
        },
        unreachable: nobody.contact,
        malformed: undefined,
        until: (promise) => sim.until(promise),
        close: async () => {
          await sim.until(Promise.all([nodeOf(own).stop(), nodeOf(other).stop()]))
        },
      }
    },
  })
}

function nodeOf({ node }: SimPeer) {
  return defined(node)
}
