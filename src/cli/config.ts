import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { defaultDataDirectory } from '../api/default-address.ts'
import type { ConfigOrigin } from '../daemon/config.ts'
import { EXIT } from './exit-codes.ts'
import { Output, table } from './output.ts'
import { flagsOf, type SettingOptions, withSettingOptions } from './settings.ts'

interface ShowOptions extends SettingOptions {
  readonly json?: boolean
}

/** `kad config`. */
export function configCommand(exit: (code: number) => void): Command {
  const show = new Command('show')
    .summary('each setting, and where it comes from')
    .description(
      'Shows the settings that a daemon started here and now would have, and where each comes from: a flag given here as for kad daemon, else the environment, else the configuration file, else the default.',
    )
  withSettingOptions(show)
    .option('--json', 'one JSON document on stdout')
    .addHelpText(
      'after',
      `
Examples:
  kad config show
  KADMIUM_K=8 kad config show --json
  kad config show --data ./peer2 --api 127.0.0.1:4780`,
    )
    .action(async (options: ShowOptions) => {
      exit(await showConfig(options))
    })
  return new Command('config')
    .summary('the settings of a daemon')
    .description('Shows the settings of a daemon.')
    .addHelpText('after', '\nExample:\n  kad config show')
    .addCommand(show)
}

/** What is shown of a setting. */
interface Shown {
  readonly value: unknown
  readonly source: ConfigOrigin['source']
  readonly place: string
}

async function showConfig(options: ShowOptions): Promise<number> {
  // It alone checks settings, so that what is shown is what a daemon takes.
  const { configPath, resolveConfig } = await import('../daemon/config.ts')
  const data = dataOf(options)
  const path = resolve(options.config ?? configPath(String(data.value)))
  const { config, origins } = resolveConfig({
    flags: flagsOf(options),
    environment: process.env,
    data: String(data.value),
    file: options.config,
  })
  const names = Object.keys(config) as (keyof typeof config)[] // its own names
  const settings: Record<string, Shown> = { data }
  for (const name of names) settings[name] = { value: config[name], ...origins[name] }
  const isThere = existsSync(path)
  const output = new Output({ json: options.json ?? false })
  output.result({ file: { path, exists: isThere }, settings }, () => {
    const rows = Object.entries(settings).map(([name, { value, source, place }]) => [
      name,
      textOf(value),
      source === 'environment' || source === 'flag' ? `${source} ${place}` : place,
    ])
    const file = `${path}${isThere ? '' : ' (there is none)'}`
    return `${table([['setting', 'value', 'from'], ...rows])}\n\nfile: ${file}`
  })
  return EXIT.ok
}

function dataOf({ data }: ShowOptions): Shown {
  if (data !== undefined) return { value: resolve(data), source: 'flag', place: '--data' }
  const value = resolve(defaultDataDirectory())
  const { KADMIUM_HOME } = process.env
  return KADMIUM_HOME === undefined || KADMIUM_HOME === ''
    ? { value, source: 'default', place: 'default' }
    : { value, source: 'environment', place: 'KADMIUM_HOME' }
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '(none)' : value.join(', ')
  return value === '' ? '(none)' : String(value)
}
