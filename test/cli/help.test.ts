import type { Command } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { SCENARIOS } from '../../simulations/scenarios.ts'
import { createProgram, main, withoutHelpOfNothing } from '../../src/cli/main.ts'

const program = createProgram(() => {})
const commands = [program, ...allBelow(program)]

describe('the help of', () => {
  it.each(commands.slice(1).map((command) => [pathOf(command), command] as const))(
    '%s tells what it does and how it is called, by an example',
    (path, command) => {
      expect(command.summary()).toMatch(/^[^A-Z].*[^.]$/)
      expect(command.description()).toMatch(/^[A-Z].*\.$/)
      const examples = examplesIn(helpOf(command))
      expect(examples.length).toBeGreaterThan(0)
      expect(examples.some((example) => ` ${example} `.includes(` ${path} `))).toBe(true)
    },
  )

  it('every command gives examples of commands and options that there are', () => {
    const faults = commands.flatMap((command) =>
      examplesIn(helpOf(command)).flatMap((example) => faultsOf(example)),
    )
    expect(faults).toEqual([])
  })

  it('would be found out with an example of what there is not', () => {
    expect(faultsOf('kad gett x')).toEqual(['no command: kad gett x'])
    expect(faultsOf('date | kad put clock --til 1h')).toEqual(['kad put has no --til'])
    expect(faultsOf('date | kad put clock --ttl 1h')).toEqual([])
  })

  it('kad simulate names every scenario', () => {
    const simulate = program.commands.find((command) => command.name() === 'simulate')
    const names = SCENARIOS.map(({ name }) => name)
    expect(simulate?.registeredArguments[0]?.argChoices).toEqual(names)
  })

  it('kad names the commands and the exit codes', () => {
    const help = helpOf(program)
    for (const command of program.commands) expect(help).toContain(`  ${command.name()}`)
    expect(help).toMatch(/Exit codes: 0 done, .* 130 interrupted/)
  })
})

describe('what is mistyped', () => {
  it.each([
    [['gett', 'x'], 'get'],
    [['stauts'], 'status'],
    [['put', 'a', 'b', '--immutible'], '--immutable'],
    [['get', 'a', '--jsn'], '--json'],
    [['daemon', '--boostrap', '/ip4/127.0.0.1/tcp/1'], '--bootstrap'],
    [['config', 'shwo'], 'show'],
    [['config', 'show', '--dat', 'x'], '--data'],
  ])('%j is answered with %s', async (argv, meant) => {
    const { said, code } = await failing(argv)
    expect(said).toContain(`(Did you mean ${meant}?)`)
    expect(code).toMatch(/^commander\.unknown/)
  })

  it('is not answered with the help of kad, though help is asked for', async () => {
    const { said, code } = await failing(withoutHelpOfNothing(program, ['gett', '--help']))
    expect(said).toContain('(Did you mean get?)')
    expect(code).toBe('commander.unknownCommand')
    const helpOfNothing = await failing(withoutHelpOfNothing(program, ['help', 'gett']))
    expect(helpOfNothing.said).toContain('(Did you mean get?)')
    expect(withoutHelpOfNothing(program, ['help', 'get'])).toEqual(['help', 'get'])
    const argv = ['get', '--help']
    expect(withoutHelpOfNothing(program, argv)).toEqual(argv)
    expect(withoutHelpOfNothing(program, ['--help'])).toEqual(['--help'])
  })

  it('as a scenario or a parameter of one is answered with the one meant', async () => {
    expect((await failing(['simulate', 'chrun'])).said).toContain("did you mean 'churn'?")
    const sweep = await failing(['simulate', 'lookup', '--sweep', 'alhpa=3'])
    expect(sweep.said).toContain("there is no option 'alhpa'; did you mean 'alpha'?")
  })

  it('as a time is answered with how it is written', async () => {
    expect((await failing(['put', 'a', 'b', '--ttl', '0s'])).said).toContain('90s, 5m, 2h or 1d')
    expect((await failing(['get', 'a', '--timeout', '5'])).said).toContain('90s, 5m, 2h or 1d')
  })

  it('as a value is answered with those that there are', async () => {
    expect((await failing(['completion', 'csh'])).said).toContain('bash, zsh, fish')
    expect((await failing(['daemon', '--mode', 'sever'])).said).toContain('server, client, auto')
  })
})

function allBelow(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allBelow(child)])
}

function pathOf(command: Command): string {
  const { parent } = command
  return parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`
}

/** The whole help, as `--help` prints it. */
function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) })
  command.outputHelp()
  return text
}

/** The lines of a help that can be typed. */
function examplesIn(help: string): string[] {
  const [, ...parts] = help.split(/^(?:Examples?|Start here):\n/m)
  return parts.flatMap((part) =>
    part
      .split('\n')
      .filter((line) => /^ {2}\S/.test(line) && /\bkad\b/.test(line))
      .map((line) => line.trim()),
  )
}

/** What an example has that the command line has not. */
function faultsOf(example: string): string[] {
  const words = example
    .replace(/^.*?\bkad /, '')
    .split(/ {2,}| #|[)>]/)[0]
    ?.split(' ')
    .filter((word) => word !== '')
  let command = program
  let word: string | undefined
  for (word of words ?? []) {
    const next = command.commands.find((child) => child.name() === word)
    if (next === undefined) break
    command = next
  }
  if (command === program) return [`no command: ${example}`]
  return (words ?? [])
    .filter((each) => each.startsWith('--') && each !== '--help')
    .map((each) => each.split('=')[0] ?? '')
    .filter((option) => !command.options.some(({ long }) => long === option))
    .map((option) => `${pathOf(command)} has no ${option}`)
}

/** What a command line says that fails. */
async function failing(argv: readonly string[]): Promise<{ said: string; code: string }> {
  const fresh = createProgram(() => {})
  let said = ''
  for (const command of [fresh, ...allBelow(fresh)]) {
    command.configureOutput({ writeErr: (part) => (said += part) })
  }
  try {
    await fresh.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    return { said: `${said}${String(error)}`, code }
  }
  throw new Error(`${argv.join(' ')} did not fail`)
}

describe('wrong usage with --json', () => {
  it.each([
    [['get', '--json'], "missing required argument 'key'"],
    [['gett', 'x', '--json'], "unknown command 'gett' (Did you mean get?)"],
    [['get', 'x', '--jsno', '--json'], "unknown option '--jsno' (Did you mean --json?)"],
    [['daemon', '--k', 'none', '--json'], "'none' is no whole number of at least 1."],
  ])('%j is an error as all others are', async (argv, what) => {
    const written: string[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
    expect(await main(argv)).toBe(2)
    expect(written).toHaveLength(1)
    const { error } = JSON.parse(written[0] ?? '') as { error: Record<string, unknown> }
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', details: {} })
    expect(error.message).toContain(what)
  })
})
