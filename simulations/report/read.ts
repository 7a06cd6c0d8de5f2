import { KadmiumError } from '../../src/core/errors.ts'
import type { SimulationReport } from './report.ts'

/**
 * Reads a report.json.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` if it is none.
 */
export function readReport(path: string, text: string): SimulationReport {
  let report: unknown
  try {
    report = JSON.parse(text)
  } catch (error) {
    throw new KadmiumError('ERR_INVALID_OPTION', `${path} is no JSON`, { cause: error })
  }
  if (!isReport(report)) {
    throw new KadmiumError('ERR_INVALID_OPTION', `${path} is no report of kad simulate`)
  }
  return report
}

function isReport(value: unknown): value is SimulationReport {
  return (
    typeof value === 'object' &&
    value !== null &&
    'scenario' in value &&
    typeof value.scenario === 'string' &&
    'options' in value &&
    typeof value.options === 'object' &&
    'digest' in value &&
    typeof value.digest === 'string'
  )
}
