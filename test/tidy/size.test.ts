import { describe, expect, it } from 'vitest'
import { longFiles, longFunctions } from './size-exceptions.ts'
import {
  fieldOf,
  lineOf,
  parseSource,
  type SourceFile,
  type SyntaxNode,
  sourceFiles,
  visit,
} from './source-files.ts'

const maxFileLines = 400
const maxFunctionLines = 60

interface Size {
  readonly name: string
  readonly lines: number
}

describe('size', () => {
  const files = sourceFiles('src', 'bin', 'simulations')

  it(`of a file is at most ${maxFileLines} lines`, () => {
    expect(complaints(files.map(fileSize), maxFileLines, longFiles)).toEqual([])
  })

  it(`of a function is at most ${maxFunctionLines} lines`, () => {
    const sizes = files.flatMap(functionSizes)
    expect(complaints(sizes, maxFunctionLines, longFunctions)).toEqual([])
  })

  it('is counted from the first to the last line of a function, named after what holds it', () => {
    const file = parseSource(
      'a.ts',
      'class A {\n  b(): void {\n    run(() => {\n      done()\n    })\n  }\n}\nconst c = () => 1\n',
    )
    expect(fileSize(file)).toEqual({ name: 'a.ts', lines: 8 })
    expect(functionSizes(file)).toEqual([
      { name: 'a.ts: b', lines: 5 },
      { name: 'a.ts: (anonymous)', lines: 3 },
      { name: 'a.ts: c', lines: 1 },
    ])
  })

  it('has exceptions that only shrink', () => {
    const sizes = [
      { name: 'small', lines: 10 },
      { name: 'big', lines: 11 },
    ]
    expect(complaints(sizes, 10, {})).toEqual(['big has 11 lines, at most 10 are allowed'])
    expect(complaints(sizes, 10, { big: 11 })).toEqual([])
    expect(complaints(sizes, 10, { big: 12 })).toEqual([
      'big has shrunk to 11 lines: lower its exception',
    ])
    expect(complaints(sizes, 10, { big: 11, small: 12, gone: 13 })).toEqual([
      'small needs no exception any more: remove it',
      'gone needs no exception any more: remove it',
    ])
  })
})

function complaints(
  sizes: readonly Size[],
  limit: number,
  exceptions: Readonly<Record<string, number>>,
): string[] {
  const tooBig = new Map<string, number>()
  for (const { name, lines } of sizes.filter((size) => size.lines > limit)) {
    tooBig.set(name, Math.max(lines, tooBig.get(name) ?? 0))
  }
  const grown = [...tooBig].flatMap(([name, lines]) => {
    const allowed = exceptions[name] ?? limit
    if (lines > allowed) {
      return [`${name} has ${lines} lines, at most ${allowed} are allowed`]
    }
    return lines < allowed ? [`${name} has shrunk to ${lines} lines: lower its exception`] : []
  })
  const needless = Object.keys(exceptions)
    .filter((name) => !tooBig.has(name))
    .map((name) => `${name} needs no exception any more: remove it`)
  return [...grown, ...needless]
}

function fileSize({ path, text }: SourceFile): Size {
  return { name: path, lines: text.trimEnd().split('\n').length }
}

function functionSizes(file: SourceFile): Size[] {
  const sizes: Size[] = []
  visit(file.root, (node, parent) => {
    if (isFunction(node)) {
      const lines = lineOf(file, node.end) - lineOf(file, node.start) + 1
      sizes.push({
        name: `${file.path}: ${nameOf(node) ?? nameOf(parent) ?? '(anonymous)'}`,
        lines,
      })
    }
  })
  return sizes
}

function isFunction({ type }: SyntaxNode): boolean {
  return (
    type === 'FunctionDeclaration' ||
    type === 'FunctionExpression' ||
    type === 'ArrowFunctionExpression'
  )
}

/** The name that a declaration, a method, a property or a variable gives to its function. */
function nameOf(node: SyntaxNode | undefined): string | undefined {
  const name = fieldOf(node?.id ?? node?.key, 'name')
  return typeof name === 'string' ? name : undefined
}
