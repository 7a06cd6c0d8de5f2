import { Command } from 'commander'
import { VERSION } from '../api/version.ts'
import { completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import { daemonCommand } from './daemon.ts'
import { dashboardCommand } from './dashboard.ts'
import { deleteCommand } from './delete.ts'
import { demoCommand } from './demo.ts'
import { errorReport } from './error-report.ts'
import { EXIT } from './exit-codes.ts'
import { getCommand } from './get.ts'
import { lookupCommand } from './lookup.ts'
import { peersCommand, tableCommand } from './peers.ts'
import { findCommand, provideCommand, providersCommand } from './providers.ts'
import { putCommand } from './put.ts'
import { simulateCommand } from './simulate.ts'
import { statusCommand } from './status.ts'
import { watchCommand } from './watch.ts'

/** Makes a command; `exit` takes the exit code of what it did. */
type CommandFactory = (exit: (code: number) => void) => Command

const COMMANDS: readonly CommandFactory[] = [
  demoCommand,
  daemonCommand,
  dashboardCommand,
  putCommand,
  getCommand,
  deleteCommand,
  watchCommand,
  lookupCommand,
  findCommand,
  provideCommand,
  providersCommand,
  statusCommand,
  peersCommand,
  tableCommand,
  configCommand,
  simulateCommand,
]

/** Runs one command of the `kad` executable and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok
  const isJson = argv.includes('--json')
  const program = createProgram((exitCode) => {
    code = exitCode
  })
  if (isJson) silence(program)
  try {
    if (argv.length === 0) {
      program.outputHelp()
      return EXIT.usage
    }
    await program.parseAsync(withoutHelpOfNothing(program, argv), { from: 'user' })
    return code
  } catch (error) {
    const { text, exitCode } = errorReport(error, isJson)
    if (text !== undefined) process.stderr.write(`${text}\n`)
    return exitCode
  }
}

/** `kad gett --help` asks for the help of nothing: that there is no such command is the answer, not the help of `kad`. */
export function withoutHelpOfNothing(program: Command, argv: readonly string[]): string[] {
  const [first = '', second] = argv
  const name = first === 'help' && second !== undefined ? second : first
  const isKnown = name === 'help' || program.commands.some((command) => command.name() === name)
  return isKnown || name.startsWith('-') ? [...argv] : [name]
}

/** The whole command line; `exit` takes the exit code of the command that was run. */
export function createProgram(exit: (code: number) => void): Command {
  const program = new Command('kad')
    .description('A Kademlia distributed hash table on libp2p: run a peer, put and get values.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
    .addHelpText(
      'after',
      `
Start here:
  kad demo                       a network of five peers on this machine
  kad daemon                     run a peer
  kad put greeting hello         store a value
  kad get greeting               read it

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 no daemon or no peers, 5 not stored, 130 interrupted`,
    )
  for (const factory of COMMANDS) program.addCommand(factory(exit))
  program.addCommand(completionCommand(program, exit))
  for (const command of program.commands) prepare(command)
  return program
}

/** Has a command, and those below it, throw instead of ending the process, and say where help is. */
function prepare(command: Command): void {
  command.exitOverride().showSuggestionAfterError().showHelpAfterError('(see --help)')
  for (const child of command.commands) prepare(child)
}

/** Has a command, and those below it, print no errors of usage: `errorReport` gives them as JSON. */
function silence(command: Command): void {
  command.configureOutput({ writeErr: () => undefined })
  for (const child of command.commands) silence(child)
}
