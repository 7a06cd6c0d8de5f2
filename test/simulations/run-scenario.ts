// Runs a scenario and prints its report as JSON: `node run-scenario.ts lookup peers=100 seed=7`.

import { renderJson } from '../../simulations/report/json.ts'
import { runScenario } from '../../simulations/run.ts'

const [scenario = '', ...options] = process.argv.slice(2)
const given = Object.fromEntries(
  options.map((option) => {
    const [name = '', value = ''] = option.split('=')
    return [name, value] as const
  }),
)
process.stdout.write(renderJson(await runScenario(scenario, given)))
