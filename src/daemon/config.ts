import { join } from 'node:path'
import { parseApiAddress } from '../api/address.ts'
import { KadmiumError } from '../core/errors.ts'
import { checkEnvironment, environmentName, readConfigFile } from './config-sources.ts'

/** The settings of a daemon. */
export interface Config {
  /** Multiaddrs to listen at. */
  readonly listen: readonly string[]
  /** Multiaddrs with peer ids to join through. */
  readonly bootstrap: readonly string[]
  /** Where the API is served besides the unix socket of the data directory: host:port, or a unix path; '' is nowhere. */
  readonly api: string
  /** `auto`: a server while others can reach it. Unless it is set: `auto` with the prefix `ipfs`, `server` otherwise. */
  readonly mode: 'server' | 'client' | 'auto'
  /**
   * The protocol is `/<prefix>/kad/1.0.0`: peers of other prefixes are another network. `ipfs` and `ipfs/lan` are those of
   * IPFS, whose peers keep `/pk/` and `/ipns/` records only.
   */
  readonly prefix: string
  readonly k: number
  /** Unless it is set: 10 with the prefixes of IPFS, 3 otherwise. */
  readonly alpha: number
  /** Whether each write is forced to the disk itself, so that it survives a power cut. */
  readonly syncWrites: boolean
  /** What the log leaves out is below it. */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}

/** Where a setting comes from, the strongest first. */
export type ConfigSource = 'flag' | 'environment' | 'file' | 'default'

/** A setting's source, and its very place: the flag, the variable or the file; `default` for a default. */
export interface ConfigOrigin {
  readonly source: ConfigSource
  readonly place: string
}

/** The settings in force, and where each comes from. */
export interface ResolvedConfig {
  readonly config: Config
  readonly origins: { readonly [Name in keyof Config]: ConfigOrigin }
}

/** Where settings are looked for. */
export interface ConfigInit {
  readonly flags: Partial<Config>
  readonly environment: NodeJS.ProcessEnv
  readonly data: string
  /** Another file than `config.json` in the data directory; it must be there. */
  readonly file?: string | undefined
}

/** The port that a daemon listens at unless told otherwise. */
export const DEFAULT_PORT = 4701

/** The configuration file of a data directory. */
export function configPath(dataDirectory: string): string {
  return join(dataDirectory, 'config.json')
}

/**
 * The settings in force: flags win over the environment (`KADMIUM_LISTEN`, …), that over `config.json`, that over the
 * defaults. A setting or variable that nobody knows is an error, for it is a mistyped one.
 *
 * @throws KadmiumError `ERR_INVALID_OPTION` that names the setting, its source, and what is wrong.
 */
export function resolveConfig(init: ConfigInit): ResolvedConfig {
  const path = init.file ?? configPath(init.data)
  const file = readConfigFile(path, { names: NAMES, isRequired: init.file !== undefined })
  checkEnvironment(init.environment, NAMES)
  const config: Record<string, unknown> = {}
  const origins: Record<string, ConfigOrigin> = {}
  const take = (name: keyof Config, value: unknown, origin: ConfigOrigin): void => {
    config[name] = value
    origins[name] = origin
  }
  for (const name of NAMES) {
    const variable = environmentName(name)
    const text = init.environment[variable]
    const flag = `--${dashed(name)}`
    if (init.flags[name] !== undefined) {
      take(name, checked(name, init.flags[name], flag), { source: 'flag', place: flag })
    } else if (text !== undefined && text !== '') {
      const value = checked(name, fromText(name, text), variable)
      take(name, value, { source: 'environment', place: variable })
    } else if (file[name] !== undefined) {
      take(name, checked(name, file[name], path), { source: 'file', place: path })
    } else {
      take(name, DEFAULTS[name], { source: 'default', place: 'default' })
    }
  }
  const ofNetwork = NETWORK_DEFAULTS.get(String(config.prefix)) ?? {}
  for (const [name, value] of Object.entries(ofNetwork)) {
    if (origins[name]?.source === 'default') config[name] = value
  }
  // Every name was given a checked value.
  return { config, origins } as unknown as ResolvedConfig
}

const DEFAULTS: Config = {
  listen: [`/ip4/0.0.0.0/tcp/${DEFAULT_PORT}`],
  bootstrap: [],
  api: '',
  mode: 'server',
  prefix: 'kadmium',
  k: 20,
  alpha: 3,
  syncWrites: false,
  logLevel: 'info',
}

/**
 * What the rules of a network (network-rules.ts) have otherwise: many peers of the public network of IPFS cannot be reached,
 * and must not serve.
 */
const NETWORK_DEFAULTS: ReadonlyMap<string, Partial<Config>> = new Map([
  ['ipfs', { mode: 'auto', alpha: 10 }],
  ['ipfs/lan', { alpha: 10 }],
])

const NAMES = Object.keys(DEFAULTS) as (keyof Config)[] // the keys of a literal

/** What a value of each setting must be, in words, and whether one is. */
const RULES: {
  readonly [Name in keyof Config]: readonly [wanted: string, holds: (value: unknown) => boolean]
} = {
  listen: ['a list of multiaddrs such as /ip4/127.0.0.1/tcp/4701', isAddressList],
  bootstrap: ['a list of multiaddrs such as /ip4/127.0.0.1/tcp/4701/p2p/12D3Koo…', isAddressList],
  api: ['an address such as 127.0.0.1:4780, or a path', isApiAddress],
  mode: oneOf('server', 'client', 'auto'),
  prefix: [
    'a name of letters, digits, dots and dashes such as kadmium, ipfs or ipfs/lan',
    isPrefix,
  ],
  k: whole(1, 100),
  alpha: whole(1, 32),
  syncWrites: ['true or false', (value) => typeof value === 'boolean'],
  logLevel: oneOf('debug', 'info', 'warn', 'error'),
}

function checked(name: keyof Config, value: unknown, place: string): unknown {
  const [wanted, holds] = RULES[name]
  if (holds(value)) return value
  throw new KadmiumError(
    'ERR_INVALID_OPTION',
    `${place}: \`${name}\` must be ${wanted}, got ${JSON.stringify(value)}`,
    { details: { option: name } },
  )
}

/** What a text of the environment means; what is not of the setting's type stays the text, and is refused as such. */
function fromText(name: keyof Config, text: string): unknown {
  const sample: unknown = DEFAULTS[name]
  if (Array.isArray(sample)) return text.split(',').map((item) => item.trim())
  if (typeof sample === 'number') return /^\d+$/.test(text) ? Number(text) : text
  if (typeof sample === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return text
}

function isAddressList(value: unknown): boolean {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'string' && item.startsWith('/'))
  )
}

function isApiAddress(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    if (value !== '') parseApiAddress(value)
    return true
  } catch {
    return false // the caller says what one looks like
  }
}

function isPrefix(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value.length <= 64 &&
    /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/i.test(value)
  )
}

function whole(min: number, max: number): readonly [string, (value: unknown) => boolean] {
  return [
    `a whole number in ${min}…${max}`,
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max,
  ]
}

function oneOf(...choices: string[]): readonly [string, (value: unknown) => boolean] {
  const [last, ...rest] = choices.map((choice) => `'${choice}'`).reverse()
  return [
    `${rest.reverse().join(', ')} or ${last}`,
    (value) => typeof value === 'string' && choices.includes(value),
  ]
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
