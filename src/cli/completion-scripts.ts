import type { CompletedCommand, CompletedOption, Values } from './completion-tree.ts'

/** The completion of bash; plain enough for the 3.2 of macOS. */
export function bashCompletion(root: CompletedCommand): string {
  const commands = withAllBelow(root)
  return `# bash completion of kad; made by: kad completion bash
_kad() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= words= options= i
  # bash makes words of their own of what stands around the sign in --option=value.
  if [[ $cur == '=' ]]; then cur=; elif [[ $prev == '=' ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
      ${commands.slice(1).map(bashPath).join('|')}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  local IFS=$'\\n'
  COMPREPLY=()
  case "$path:$prev" in
${bashOptionValues(commands)}
  esac
  case "$path" in
${commands.map(bashCommand).join('\n')}
  esac
  if [[ $cur == -* ]]; then words=$options; fi
  COMPREPLY=($(IFS=' ' compgen -W "$words" -- "$cur"))
}
complete -F _kad kad
`
}

/** As the walk over the words spells it: each with a space before it. */
function bashPath({ path }: CompletedCommand): string {
  return `' ${path.join(' ')}'`
}

/** What completes the values of options; options of the same kind of values share a line. */
function bashOptionValues(commands: readonly CompletedCommand[]): string {
  const patterns = new Map<string, string[]>()
  for (const { path, options } of commands) {
    for (const { names, values } of options) {
      if (values === undefined) continue
      const known = patterns.get(bashValues(values)) ?? []
      patterns.set(bashValues(values), known)
      known.push(...names.map((name) => `'${path.map((word) => ` ${word}`).join('')}:${name}'`))
    }
  }
  return [...patterns]
    .map(([action, options]) => `    ${options.join('|')}) ${action}return ;;`)
    .join('\n')
}

function bashValues(values: Values): string {
  if (values === 'unknown') return ''
  const isPath = values === 'file' || values === 'folder'
  const source = isPath ? (values === 'file' ? '-f' : '-d') : `-W '${values.join(' ')}'`
  const split = isPath ? 'compopt -o filenames 2>/dev/null; ' : ''
  return `${split}COMPREPLY=($(IFS=' ' compgen ${source} -- "$cur")); `
}

function bashCommand({ path, commands, values, options }: CompletedCommand): string {
  const pattern = path.map((word) => ` ${word}`).join('')
  const names = options.flatMap((option) => option.names).join(' ')
  const words = [...commands.map(nameOf), ...(typeof values === 'string' ? [] : values)].join(' ')
  return `    '${pattern}') words='${words}' options='${names}' ;;`
}

/** The completion of zsh: sourced after compinit, or a file \`_kad\` on the fpath. */
export function zshCompletion(root: CompletedCommand): string {
  return `#compdef kad
# zsh completion of kad; made by: kad completion zsh
${withAllBelow(root).map(zshFunction).join('\n')}
if [[ $funcstack[1] == _kad ]]; then _kad "$@"; else compdef _kad kad; fi
`
}

function zshFunction(command: CompletedCommand): string {
  const { commands, values, options } = command
  const specs = options.flatMap(zshOption)
  if (commands.length === 0) {
    const first = typeof values === 'string' ? [] : [`'1:value:(${values.join(' ')})'`]
    return `${zshName(command)}() {\n  _arguments -S${[...specs, ...first].map(onItsLine).join('')}\n}\n`
  }
  const names = commands.map((each) => zshQuoted(`${nameOf(each)}:${each.summary}`))
  const cases = commands.map((each) => `        ${nameOf(each)}) ${zshName(each)} ;;`)
  return `${zshName(command)}() {
  local curcontext="$curcontext" context state state_descr line
  typeset -A opt_args
  _arguments -C${[...specs, "'1:command:->command'", "'*::argument:->argument'"].map(onItsLine).join('')}
  case $state in
    command)
      local -a commands
      commands=(${names.map((name) => `\n        ${name}`).join('')}
      )
      _describe -t commands command commands
      ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}
`
}

function zshOption({ names, summary, values, isRepeatable }: CompletedOption): string[] {
  const text = summary.replace(/[\\[\]]/g, '\\$&')
  const others = isRepeatable || names.length === 1 ? '' : `(${names.join(' ')})`
  const star = isRepeatable ? '*' : ''
  return names.map((name) =>
    zshQuoted(`${others}${star}${name}[${text}]${values === undefined ? '' : zshValues(values)}`),
  )
}

function zshValues(values: Values): string {
  if (values === 'unknown') return ':value: '
  if (values === 'file') return ':file:_files'
  return values === 'folder' ? ':folder:_files -/' : `:value:(${values.join(' ')})`
}

function zshName({ path }: CompletedCommand): string {
  return ['_kad', ...path].join('_').replaceAll('-', '_')
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function onItsLine(text: string): string {
  return ` \\\n    ${text}`
}

/** The completion of fish. */
export function fishCompletion(root: CompletedCommand): string {
  const commands = withAllBelow(root)
  return `# fish completion of kad; made by: kad completion fish
# Whether the commands typed so far are exactly these.
function __kad_at
  set -l path
  for word in (commandline -opc)[2..-1]
    switch "$path $word"
      case ${commands
        .slice(1)
        .map(({ path }) => (path.length === 1 ? `' ${path[0] ?? ''}'` : `'${path.join(' ')}'`))
        .join(' ')}
        set path $path $word
    end
  end
  test "$path" = "$argv"
end
complete -c kad -f
${commands.flatMap(fishCommand).join('\n')}
`
}

function fishCommand({ path, commands, options, values }: CompletedCommand): string[] {
  const at = `complete -c kad -n '__kad_at${path.map((word) => ` ${word}`).join('')}'`
  return [
    ...commands.map((each) => `${at} -a ${nameOf(each)} -d ${fishQuoted(each.summary)}`),
    ...(typeof values === 'string' ? [] : [`${at} -a '${values.join(' ')}'`]),
    ...options.map((option) => `${at} ${fishOption(option)} -d ${fishQuoted(option.summary)}`),
  ]
}

function fishOption({ names, values }: CompletedOption): string {
  const flags = names
    .map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
    .join(' ')
  if (values === undefined) return flags
  if (values === 'unknown') return `${flags} -x`
  if (values === 'file') return `${flags} -r -F`
  if (values === 'folder') return `${flags} -x -a '(__fish_complete_directories)'`
  return `${flags} -x -a '${values.join(' ')}'`
}

function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}

function nameOf({ path }: CompletedCommand): string {
  return path.at(-1) ?? ''
}

/** A command and all below it, itself first. */
function withAllBelow(command: CompletedCommand): CompletedCommand[] {
  return [command, ...command.commands.flatMap(withAllBelow)]
}
