import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { kad } from '../support/kad.ts'

const root = resolve(import.meta.dirname, '../..')
const readme = readFileSync(resolve(root, 'README.md'), 'utf8')

/** What the design promises of each command, whether the README tells it or not. */
const PROMISED: Readonly<Record<string, string>> = {
  demo: '--keep',
  daemon:
    '--listen --bootstrap --data --api --mode --prefix --k --alpha --config --no-token --sync-writes --json',
  put: '--file --immutable --mutable --ttl --quorum --json --api --bootstrap --timeout',
  get: '--out --verbose --json --api --bootstrap --timeout',
  watch: '--json --api --timeout',
  delete: '--json --api --timeout',
  provide: '--json --api --timeout',
  providers: '--json --api --timeout',
  find: '--json --api --timeout',
  lookup: '--trace --json --api --bootstrap --timeout',
  status: '--json --api --timeout',
  peers: '--json --api --timeout',
  table: '--json --api --timeout',
  simulate: '--json',
}

/** A command line that is shown to a reader. */
interface Shown {
  readonly text: string
  readonly command: string
  readonly options: readonly string[]
}

const helps = new Map<string, string>()

beforeAll(async () => {
  const names = new Set([
    ...Object.keys(PROMISED),
    ...shownCommands().map(({ command }) => command),
  ])
  for (const name of names) {
    const help = (await kad([name, '--help'])).stdout.toString()
    // Asked of a command that it does not know, it shows the help of all.
    if (help.startsWith(`Usage: kad ${name} `))
      helps.set(name, help + (await helpBelow(name, help)))
  }
}, 60_000)

describe('the command line', () => {
  it.each(Object.entries(PROMISED))(
    'has %s with all its options, and an example',
    (name, options) => {
      const known = optionsOf(name)
      expect(options.split(' ').filter((option) => !known.has(option))).toEqual([])
      expect(known).toContain('--help')
      expect(helps.get(name)).toMatch(/^Examples?:\n +kad /m)
    },
  )
})

describe('the README', () => {
  it('shows commands, as is to be seen by this test', () => {
    expect(shownCommands().length).toBeGreaterThan(20)
    expect(new Set(shownCommands().map(({ command }) => command)).size).toBeGreaterThan(10)
  })

  it('shows commands and options that there are', () => {
    const wrong = shownCommands().flatMap(({ text, command, options }) => {
      if (!helps.has(command)) return [`${text}: there is no ${command}`]
      const known = optionsOf(command)
      return options.filter((option) => !known.has(option)).map((option) => `${text}: no ${option}`)
    })
    expect(wrong).toEqual([])
  })

  it('shows as many arguments as its commands take', () => {
    const wrong = shownCommands().flatMap(({ text, command }) => {
      const places = /^kad \S+((?: (?:<[^>]+>|\[[^\]]+\]))+)$/.exec(text)?.[1]
      if (places === undefined) return []
      const usage = /^Usage: kad \S+ \[options\](.*)$/m.exec(helps.get(command) ?? '')?.[1] ?? ''
      return count(places) === count(usage) ? [] : [`${text}, but:${usage}`]
    })
    expect(wrong).toEqual([])
  })

  it('shows the examples that it names as they are in their files', () => {
    const folder = resolve(root, 'test/examples')
    const changed = readdirSync(folder).filter((name) => {
      // Without the comment at the head, which tells what the README tells around it.
      const program = readFileSync(resolve(folder, name), 'utf8').replace(/^(\/\/.*\n)+\n/, '')
      return readme.includes(`\`${name}\``) && !readme.includes(program)
    })
    expect(changed).toEqual([])
  })

  it('names npm scripts that there are', () => {
    const named = [...readme.matchAll(/npm (?:run )?(test|(?<=run )[\w:]+)/g)].map(
      ([, name]) => name,
    )
    expect(named).toContain('demo')
    expect(named.filter((name) => name === undefined || !(name in manifest.scripts))).toEqual([])
  })

  it('links to files that there are', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path ?? '')
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter((path) => !existsSync(resolve(root, path)))).toEqual([])
  })
})

/** The help of the commands of a command, of which `kad config show` is one. */
async function helpBelow(name: string, help: string): Promise<string> {
  const below = /^Commands:\n([\s\S]*?)\n\n/m.exec(help)?.[1] ?? ''
  const names = [...below.matchAll(/^ {2}(\w+)/gm)].map(([, found = '']) => found)
  const ran = await Promise.all(names.map((found) => kad([name, found, '--help'])))
  return ran.map(({ stdout }) => stdout.toString()).join('')
}

/** Commands in the README: in code spans, in `sh` blocks, and in tables, where the options stand in the second column. */
function shownCommands(): Shown[] {
  const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, text = '']) =>
    text.replaceAll('\\\n', ' ').split('\n'),
  )
  const prose = readme.replaceAll(/```[\s\S]*?```/g, '')
  const rows = prose.split('\n').filter((line) => line.startsWith('| `kad '))
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text)
  const lines = [...blocks, ...spans].map((line) => line.replace(/ +#.*$/, ''))
  return [...lines.flatMap(shownIn), ...rows.flatMap(shownInRow)]
}

function shownIn(line: string): Shown[] {
  const match = /^(?:npx )?(kad (\w+).*)$/.exec(line.trim())
  const [, text = '', command] = match ?? []
  return command === undefined ? [] : [{ text, command, options: optionsIn(text) }]
}

function shownInRow(row: string): Shown[] {
  const [, first = '', second = ''] = row.split(/(?<!\\)\|/)
  const commands = [...first.matchAll(/`kad (\w+)[^`]*`/g)].map(([, name = '']) => name)
  // A row of several commands tells what belongs to one of them; then it is enough that one has the option.
  const options = optionsIn([...second.matchAll(/`[^`]+`/g)].join(' '))
  if (commands.length === 1) return commands.map((command) => ({ text: row, command, options }))
  return options.flatMap((option) => {
    const owner = commands.find((command) => optionsOf(command).has(option)) ?? commands[0] ?? ''
    return [{ text: row, command: owner, options: [option] }]
  })
}

function optionsOf(command: string): Set<string> {
  return new Set(optionsIn(helps.get(command) ?? ''))
}

function optionsIn(text: string): string[] {
  return [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option)
}

function count(places: string): number {
  return [...places.matchAll(/<[^>]+>|\[[^\]]+\]/g)].length
}
