import { CommanderError } from 'commander'
import type { KadmiumError } from '../core/errors.ts'
import { InterruptedError } from './command.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'

/** How a command ends that failed. */
export interface ErrorReport {
  /** For stderr: a line for people, or a JSON document. `undefined` where all has been said. */
  readonly text: string | undefined
  readonly exitCode: number
}

/** What `kad` says of an error that a command ended with. `KADMIUM_DEBUG` adds where an unexpected one came from. */
export function errorReport(error: unknown, isJson: boolean): ErrorReport {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { text: undefined, exitCode: EXIT.ok }
    // Commander has said it, but with --json.
    return { text: isJson ? jsonOf(usageError(error)) : undefined, exitCode: EXIT.usage }
  }
  if (error instanceof InterruptedError) return { text: undefined, exitCode: EXIT.interrupted }
  if (isKadmiumError(error)) {
    const { code, message, details } = error
    const text = isJson ? jsonOf({ code, message, details }) : `kad: ${message}`
    return { text, exitCode: exitCodeOf(code) }
  }
  return { text: isJson ? jsonOf(unexpected(error)) : lineOf(error), exitCode: EXIT.failure }
}

/** An error as programs read it. */
interface JsonError {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

function jsonOf(error: JsonError): string {
  return JSON.stringify({ error })
}

/** An error of usage in the form of all others. Commander's own begin with their kind, and have a suggestion on the next line. */
function usageError({ code, message }: CommanderError): JsonError {
  const said = code === 'commander.help' ? 'a command is needed' : message.replace(/^error: /, '')
  return {
    code: 'ERR_INVALID_OPTION',
    message: `${said.replaceAll('\n', ' ')} (see --help)`,
    details: {},
  }
}

/** An error that no code of ours names: with the system's or the library's own code, if it has one. */
function unexpected(error: unknown): JsonError {
  const code =
    error instanceof Error && 'code' in error && typeof error.code === 'string'
      ? error.code
      : 'ERR_UNEXPECTED'
  return { code, message: messageOf(error), details: stackOf(error) }
}

function lineOf(error: unknown): string {
  const { stack } = stackOf(error)
  return [`kad: ${messageOf(error)}`, ...(stack === undefined ? [] : [stack])].join('\n')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function stackOf(error: unknown): { readonly stack?: string } {
  const isWanted = process.env.KADMIUM_DEBUG !== undefined
  return isWanted && error instanceof Error && error.stack !== undefined
    ? { stack: error.stack }
    : {}
}

/** By its name: the simulator is loaded beside the bundle and has a class of its own. */
function isKadmiumError(error: unknown): error is KadmiumError {
  return error instanceof Error && error.name === 'KadmiumError' && 'code' in error
}
