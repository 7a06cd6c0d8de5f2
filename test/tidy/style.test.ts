import { describe, expect, it } from 'vitest'
import {
  fieldOf,
  parseSource,
  placeOf,
  type SourceFile,
  type SyntaxNode,
  sourceFiles,
  visit,
} from './source-files.ts'

/** The files that export what others declare: the entries of the package. */
const publicFaces = ['src/index.ts', 'src/kad-dht.ts']

describe('style', () => {
  it('has no enum, namespace, default export, barrel, any or foreign import ending', () => {
    const files = sourceFiles('src', 'bin', 'simulations', 'test')
    expect(files.flatMap(offencesOf)).toEqual([])
  })

  it.each([
    ['enum Kind { A }', 'enum'],
    ['namespace Kinds { export const a = 1 }', 'namespace'],
    ['export default 1', 'default export'],
    ["export * from './a.ts'", 'export of another file'],
    ["export type { A } from './a.ts'", 'export of another file'],
    ['const a = 1; export { a as default }', 'default export'],
    ["import { a } from './a.js'", "relative import that does not end in '.ts'"],
    ["import { a } from '../core'", "relative import that does not end in '.ts'"],
    ['const a: any = 1', 'any'],
    ['class A { constructor(private readonly b: number) {} }', 'parameter property'],
  ])('is broken by: %s', (text, offence) => {
    expect(offencesOf(parseSource('a.ts', text))).toEqual([`${offence} at a.ts:1`])
  })

  it.each(publicFaces)('lets the public face %s export what others declare', (face) => {
    expect(offencesOf(parseSource(face, "export { a } from './a.ts'"))).toEqual([])
  })
})

function offencesOf(file: SourceFile): string[] {
  const found: string[] = []
  visit(file.root, (node) => {
    const offence = offenceOf(node, file.path)
    if (offence !== undefined) {
      found.push(`${offence} at ${placeOf(file, node)}`)
    }
  })
  return found
}

function offenceOf(node: SyntaxNode, path: string): string | undefined {
  const source = fieldOf(node.source, 'value')
  switch (node.type) {
    case 'TSEnumDeclaration':
      return 'enum'
    case 'TSModuleDeclaration':
      // `declare module 'x'` adds to another's types and leaves no code.
      return node.declare === true ? undefined : 'namespace'
    case 'TSAnyKeyword':
      return 'any'
    case 'TSParameterProperty':
      return 'parameter property'
    case 'ExportDefaultDeclaration':
      return 'default export'
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      if (typeof source === 'string') {
        return publicFaces.includes(path) ? undefined : 'export of another file'
      }
      return undefined
    case 'ExportSpecifier':
      return fieldOf(node.exported, 'name') === 'default' ? 'default export' : undefined
    case 'ImportDeclaration':
    case 'ImportExpression':
      return isUnfinishedPath(source) ? "relative import that does not end in '.ts'" : undefined
    default:
      return undefined
  }
}

function isUnfinishedPath(source: unknown): boolean {
  return typeof source === 'string' && source.startsWith('.') && !/\.(tsx?|json|css)$/.test(source)
}
