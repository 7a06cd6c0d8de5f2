import { readFileSync } from 'node:fs'
import leven from 'leven'
import { KadmiumError } from '../core/errors.ts'

/** The settings of a daemon. */
export interface Config {
  /** Multiaddrs to listen at. */
  readonly listen: readonly string[]
  /** Multiaddrs with peer ids to join through. */
  readonly bootstrap: readonly string[]
  /** Where the API is served besides the unix socket: host:port; '' is nowhere. */
  readonly api: string
  /** `auto`: a server while others can reach it. Unless it is set: `auto` with the prefix `ipfs`, `server` otherwise. */
  readonly mode: 'server' | 'client' | 'auto'
  /**
   * The protocol is `/<prefix>/kad/1.0.0`: peers of other prefixes are another network. `ipfs` and `ipfs/lan` are those of
   * IPFS, whose peers keep `/pk/` and `/ipns/` records only.
   */
  readonly prefix: string
  readonly k: number
  readonly alpha: number
  /** Whether each write is forced to the disk itself, so that it survives a power cut. */
  readonly syncWrites: boolean
}

/** Where a setting comes from. */
export type ConfigSource = 'flag' | 'environment' | 'file' | 'default'

/** A setting and where it comes from. */
export type ConfigSources = { readonly [Name in keyof Config]: ConfigSource }

/** The port that a daemon listens at unless told otherwise. */
export const DEFAULT_PORT = 4701

const DEFAULTS: Config = {
  listen: [`/ip4/0.0.0.0/tcp/${DEFAULT_PORT}`],
  bootstrap: [],
  api: '',
  mode: 'server',
  prefix: 'kadmium',
  k: 20,
  alpha: 3,
  syncWrites: false,
}

/**
 * The settings in force: flags win over the environment (`KADMIUM_LISTEN`, …), that over `config.json`, that over the defaults.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` that names the setting, its source, and what is wrong.
 */
export function resolveConfig(init: {
  readonly flags: Partial<Config>
  readonly environment: NodeJS.ProcessEnv
  readonly file: string | undefined
}): { readonly config: Config; readonly sources: ConfigSources } {
  const file = init.file === undefined ? {} : readConfigFile(init.file)
  const config: Record<string, unknown> = {}
  const sources: Record<string, ConfigSource> = {}
  for (const name of NAMES) {
    const environment = init.environment[environmentName(name)]
    if (init.flags[name] !== undefined) {
      config[name] = checked(name, init.flags[name], `--${dashed(name)}`)
      sources[name] = 'flag'
    } else if (environment !== undefined && environment !== '') {
      config[name] = checked(name, fromText(name, environment), environmentName(name))
      sources[name] = 'environment'
    } else if (file[name] !== undefined) {
      config[name] = checked(name, file[name], init.file ?? '')
      sources[name] = 'file'
    } else {
      config[name] = DEFAULTS[name]
      sources[name] = 'default'
    }
  }
  // Every name was given a checked value.
  return { config: config as unknown as Config, sources: sources as unknown as ConfigSources }
}

const NAMES = Object.keys(DEFAULTS) as (keyof Config)[] // the keys of a literal

function readConfigFile(path: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw error
  }
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
    if (!NAMES.includes(name as keyof Config)) {
      const nearest = closestName(name)
      const hint = nearest === undefined ? '' : `; did you mean '${nearest}'?`
      throw invalid(`${path} has an unknown setting '${name}'${hint}`)
    }
  }
  return parsed as Record<string, unknown> // an object, as was checked
}

function checked(name: keyof Config, value: unknown, source: string): unknown {
  const fault = faultOf(name, value)
  if (fault === undefined) return value
  throw invalid(`${source}: \`${name}\` must be ${fault}, got ${JSON.stringify(value)}`)
}

function faultOf(name: keyof Config, value: unknown): string | undefined {
  switch (name) {
    case 'listen':
    case 'bootstrap':
      return Array.isArray(value) &&
        value.every((item) => typeof item === 'string' && item[0] === '/')
        ? undefined
        : 'a list of multiaddrs such as /ip4/127.0.0.1/tcp/4701'
    case 'api':
      return typeof value === 'string' ? undefined : 'an address such as 127.0.0.1:4780'
    case 'mode':
      return ['server', 'client', 'auto'].includes(value as string)
        ? undefined
        : "'server', 'client' or 'auto'"
    case 'prefix':
      return typeof value === 'string' &&
        value.length <= 64 &&
        /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/i.test(value)
        ? undefined
        : 'a name of letters, digits, dots and dashes such as kadmium, ipfs or ipfs/lan'
    case 'k':
      return isWhole(value, 1, 100) ? undefined : 'a whole number in 1…100'
    case 'alpha':
      return isWhole(value, 1, 32) ? undefined : 'a whole number in 1…32'
    default:
      return typeof value === 'boolean' ? undefined : 'true or false'
  }
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function fromText(name: keyof Config, text: string): unknown {
  const sample: unknown = DEFAULTS[name]
  if (Array.isArray(sample)) return text.split(',').map((item) => item.trim())
  if (typeof sample === 'number') return Number(text)
  if (typeof sample === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return text
}

function environmentName(name: string): string {
  return `KADMIUM_${dashed(name).replaceAll('-', '_').toUpperCase()}`
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** The known name that differs least, if it differs little. */
function closestName(name: string): string | undefined {
  const ranked = NAMES.map((known) => ({ known, steps: leven(name, known) }))
  const best = ranked.reduce((a, b) => (b.steps < a.steps ? b : a))
  return best.steps <= 3 ? best.known : undefined
}

function invalid(message: string): KadmiumError {
  return new KadmiumError('ERR_INVALID_OPTION', message)
}
