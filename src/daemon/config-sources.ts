import { readFileSync } from 'node:fs'
import leven from 'leven'
import { KadmiumError } from '../core/errors.ts'

/** Variables of the command line itself; see README.md. They are no settings of the daemon. */
const OTHER_VARIABLES: readonly string[] = ['KADMIUM_HOME', 'KADMIUM_TOKEN', 'KADMIUM_DEBUG']

/**
 * What Kubernetes puts into the environment of every container beside a service named `kadmium`, and Docker's links did
 * before. Nobody typed it, so it is no mistake.
 */
const SERVICE_LINK =
  /^KADMIUM_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?|NAME|ENV_\w+)$/

/** The variable of a setting: `KADMIUM_SYNC_WRITES` of `syncWrites`. */
export function environmentName(setting: string): string {
  return `KADMIUM_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/**
 * Checks that every variable that begins like ours is one of ours.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` that names the nearest one.
 */
export function checkEnvironment(
  environment: NodeJS.ProcessEnv,
  settings: readonly string[],
): void {
  const known = [...settings.map(environmentName), ...OTHER_VARIABLES]
  for (const name of Object.keys(environment)) {
    if (!name.toUpperCase().startsWith('KADMIUM_')) continue
    if (known.includes(name) || SERVICE_LINK.test(name)) continue
    throw unknown(`the environment has an unknown variable '${name}'`, name, known)
  }
}

/**
 * The settings of a configuration file, unchecked but for their names; none if it is not there and need not be.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` for one that is missing, no JSON object, or has a setting that nobody knows.
 */
export function readConfigFile(
  path: string,
  given: { readonly names: readonly string[]; readonly isRequired: boolean },
): Readonly<Record<string, unknown>> {
  const text = readText(path, given.isRequired)
  if (text === undefined) return {}
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw invalid(`${path} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid(`${path} must hold a JSON object of settings`)
  }
  for (const name of Object.keys(parsed)) {
    if (given.names.includes(name)) continue
    throw unknown(`${path} has an unknown setting '${name}'`, name, given.names)
  }
  return parsed as Record<string, unknown> // an object, as was checked
}

function readText(path: string, isRequired: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isMissing && !isRequired) return undefined
    const why = isMissing ? 'there is no such file' : String(error)
    throw invalid(`cannot read the configuration ${path}: ${why}`)
  }
}

/** Suggests the known name that differs least, if it differs little; else names them all. */
function unknown(fault: string, name: string, known: readonly string[]): KadmiumError {
  const ranked = known
    .map((candidate) => ({
      candidate,
      steps: leven(name.toLowerCase(), candidate.toLowerCase(), { maxDistance: STEPS_MAX + 1 }),
    }))
    .sort((a, b) => a.steps - b.steps)
  const [best] = ranked
  return invalid(
    best !== undefined && best.steps <= STEPS_MAX
      ? `${fault}; did you mean '${best.candidate}'?`
      : `${fault}; known are ${known.join(', ')}`,
  )
}

/** A name that differs in more letters than this is another word. */
const STEPS_MAX = 3

function invalid(message: string): KadmiumError {
  return new KadmiumError('ERR_INVALID_OPTION', message)
}
