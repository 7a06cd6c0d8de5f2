import { type Command, Help, type Option } from 'commander'

/** What may stand for a value: one of a few words, a file, a folder, or what no shell can know. */
export type Values = readonly string[] | 'file' | 'folder' | 'unknown'

/** An option, as a shell completes it. */
export interface CompletedOption {
  /** `--help`, `-h`. */
  readonly names: readonly string[]
  readonly summary: string
  /** `undefined`: it takes no value. */
  readonly values: Values | undefined
  readonly isRepeatable: boolean
}

/** A command, as a shell completes it. */
export interface CompletedCommand {
  /** The words that lead to it, the executable left out: `['config', 'show']`. */
  readonly path: readonly string[]
  readonly summary: string
  readonly options: readonly CompletedOption[]
  readonly commands: readonly CompletedCommand[]
  /** What its first argument may be. */
  readonly values: Values
}

/** What a shell is told of a command and of all below it. */
export function commandTree(command: Command, path: readonly string[] = []): CompletedCommand {
  const help = new Help()
  const visible = help.visibleCommands(command)
  const commands = visible.map((child) => {
    const tree = commandTree(child, [...path, child.name()])
    // `kad help` is followed by another command's name.
    if (child.name() !== 'help') return tree
    return { ...tree, values: visible.map((each) => each.name()).filter((name) => name !== 'help') }
  })
  return {
    path,
    summary: command.summary() === '' ? command.description() : command.summary(),
    options: help.visibleOptions(command).map(completedOption),
    commands,
    values: command.registeredArguments[0]?.argChoices ?? 'unknown',
  }
}

function completedOption(option: Option): CompletedOption {
  const { short, long, description, variadic, argChoices } = option
  const takesValue = option.required || option.optional
  return {
    names: [long, short].filter((name) => name !== undefined && name !== null),
    summary: description,
    values: takesValue ? (argChoices ?? valuesOf(option.flags)) : undefined,
    isRepeatable: variadic || /\brepeatable\b/.test(description),
  }
}

/** By the name that its value has in the help. */
function valuesOf(flags: string): Values {
  const [, name = ''] = /[<[]([^>\]]*)[>\]]/.exec(flags) ?? []
  if (/^(dir|folder)$/.test(name)) return 'folder'
  // The API's address is most often a unix socket.
  return /^(path|address)$|\w\.json$/.test(name) ? 'file' : 'unknown'
}
