import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bashCompletion, fishCompletion, zshCompletion } from '../../src/cli/completion-scripts.ts'
import { type CompletedCommand, commandTree } from '../../src/cli/completion-tree.ts'
import { createProgram } from '../../src/cli/main.ts'

const tree = commandTree(createProgram(() => {}))
const scripts = { bash: bashCompletion(tree), zsh: zshCompletion(tree), fish: fishCompletion(tree) }
type Shell = keyof typeof scripts

const folder = mkdtempSync(join(tmpdir(), 'kadmium-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SHELLS = Object.keys(scripts) as Shell[] // its own keys

describe('the completion of', () => {
  it.each(SHELLS)('%s knows every command and every option', (shell) => {
    const all = (command: CompletedCommand): string[] => [
      ...command.path.slice(-1),
      ...command.options.flatMap(({ names }) => names),
      ...command.commands.flatMap(all),
    ]
    const names = new Set(all(tree))
    expect(names.size).toBeGreaterThan(50)
    const missing = [...names].filter((name) => !scripts[shell].includes(name.replace(/^-+/, '')))
    expect(missing).toEqual([])
  })

  it.for(SHELLS)('%s is a script that it takes', (shell, { skip }) => {
    if (!isHere(shell)) return skip(`${shell} is not installed`)
    const { status, stderr } = spawnSync(shell, ['-n', fileOf(shell)], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  it('bash completes commands, options, their values, files and folders', ({ skip }) => {
    if (!isHere('bash')) return skip('bash is not installed')
    expect(inBash('kad', 'da')).toEqual(['daemon', 'dashboard'])
    expect(inBash('kad', 'config', '')).toEqual(['show', 'help'])
    expect(inBash('kad', 'config', 'show', '--co')).toEqual(['--config'])
    expect(inBash('kad', 'daemon', '--m')).toEqual(['--mode'])
    expect(inBash('kad', 'daemon', '--mode', '')).toEqual(['server', 'client', 'auto'])
    expect(inBash('kad', 'daemon', '--mode', '=', 's')).toEqual(['server'])
    expect(inBash('kad', 'completion', 'f')).toEqual(['fish'])
    expect(inBash('kad', 'help', 'stat')).toEqual(['status'])
    expect(inBash('kad', 'simulate', 'pa')).toEqual(['partition'])
    // What stands for a key is nobody's to know, and no command either.
    expect(inBash('kad', 'get', 'p')).toEqual([])
    expect(inBash('kad', 'get', 'put', '--qu')).toEqual(['--quorum'])
    writeFileSync(join(folder, 'a value.txt'), '')
    expect(inBash('kad', 'put', '--file', join(folder, 'a v'))).toEqual([
      join(folder, 'a value.txt'),
    ])
    expect(inBash('kad', 'daemon', '--data', folder.slice(0, -1))).toContain(folder)
  })

  it('zsh completes commands, options and their values', ({ skip }) => {
    if (!isHere('zsh')) return skip('zsh is not installed')
    expect(inZsh('kad da')).toEqual(['daemon', 'dashboard'])
    expect(inZsh('kad config ')).toEqual(['help', 'show'])
    expect(inZsh('kad config show --co')).toEqual(['--config'])
    expect(inZsh('kad daemon --mode ')).toEqual(['auto', 'client', 'server'])
    expect(inZsh('kad completion f')).toEqual(['fish'])
    expect(inZsh('kad simulate chu')).toEqual(['churn'])
    expect(inZsh('kad get p')).toEqual([])
  })

  it('fish completes commands, options and their values', ({ skip }) => {
    if (!isHere('fish')) return skip('fish is not installed')
    expect(inFish('kad da')).toEqual(['daemon', 'dashboard'])
    expect(inFish('kad config ')).toEqual(['help', 'show'])
    expect(inFish('kad config show --co')).toEqual(['--config'])
    expect(inFish('kad daemon --mode ')).toEqual(['auto', 'client', 'server'])
    expect(inFish('kad completion z')).toEqual(['zsh'])
    expect(inFish('kad simulate so')).toEqual(['soak'])
    expect(inFish('kad get p')).toEqual([])
  })
})

function isHere(shell: Shell): boolean {
  return spawnSync(shell, ['--version']).error === undefined
}

function fileOf(shell: Shell): string {
  const path = join(folder, `kad.${shell}`)
  writeFileSync(path, scripts[shell])
  return path
}

/** What bash offers for the last of these words. */
function inBash(...words: readonly string[]): string[] {
  const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kad; printf '%s\\n' "\${COMPREPLY[@]}"`
  const given = ['--norc', '-c', program, 'bash', fileOf('bash'), ...words]
  const { stdout, stderr } = spawnSync('bash', given, { encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((line) => line !== '')
}

/**
 * What zsh offers for a line. Its completion works at a prompt only: one is made on a terminal of zsh's own, and what would be
 * shown there goes to a file.
 */
function inZsh(line: string): string[] {
  const offers = join(folder, 'offers')
  writeFileSync(offers, '')
  const prompt = join(folder, 'prompt.zsh')
  writeFileSync(
    prompt,
    `PS1='READY> '; autoload -U compinit; compinit -D
source ${fileOf('zsh')}
compadd() {
  if [[ " \${@[1,(i)(-|--)]} " != *" -"(O|A|D)" "* ]]; then
    local -a hits
    builtin compadd -A hits "$@"
    print -rl -- $hits >> ${offers}
  fi
  builtin compadd "$@"
}
`,
  )
  const program = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source $1"
zpty -r shell seen '*READY> *'
zpty -w -n shell "$2"$'\\t\\025'
zpty -w shell exit
while zpty -r shell; do :; done`
  const { stderr } = spawnSync('zsh', ['-f', '-c', program, 'zsh', prompt, line], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: folder, TERM: 'xterm' },
  })
  expect(stderr).toBe('')
  const lines = readFileSync(offers, 'utf8').split('\n')
  return [...new Set(lines)].filter((offer) => offer !== '').sort()
}

/** What fish offers for a line. */
function inFish(line: string): string[] {
  const given = ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', fileOf('fish'), line]
  const { stdout } = spawnSync('fish', given, { encoding: 'utf8' })
  return stdout
    .split('\n')
    .filter((offer) => offer !== '')
    .map((offer) => offer.split('\t')[0] ?? '')
}
