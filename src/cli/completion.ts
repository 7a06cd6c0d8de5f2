import { Argument, Command } from 'commander'
import { EXIT } from './exit-codes.ts'
import { Output } from './output.ts'

/** The shells that completions are made for. */
const SHELLS = ['bash', 'zsh', 'fish'] as const

/** `kad completion`. `program` is the command line that is completed. */
export function completionCommand(program: Command, exit: (code: number) => void): Command {
  return new Command('completion')
    .summary('completions for a shell')
    .description(
      'Prints a script that completes commands, options and their values in a shell. It is made of the commands as they are, so load it anew after an update.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  source <(kad completion bash)                                     # now; for good, in ~/.bashrc
  source <(kad completion zsh)                                      # in ~/.zshrc, after compinit
  kad completion fish > ~/.config/fish/completions/kad.fish`,
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      const { bashCompletion, fishCompletion, zshCompletion } = await import(
        './completion-scripts.ts'
      )
      const { commandTree } = await import('./completion-tree.ts')
      const make = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }[shell]
      new Output({ json: false }).result(undefined, make(commandTree(program)).trimEnd())
      exit(EXIT.ok)
    })
}
