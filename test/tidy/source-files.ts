// What the tidy tests read: the project's source files with their syntax trees.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { parseSync } from 'oxc-parser'

export interface SourceFile {
  /** Relative to the project's root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly root: SyntaxNode
}

/** A node of the syntax tree (ESTree with TypeScript's additions), read generically. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

export interface Import {
  /** As written, e.g. `'./key.ts'` or `'libp2p'`. */
  readonly specifier: string
  /** The file it names, relative to the project's root; undefined for packages and builtins. */
  readonly target: string | undefined
  /** True if nothing of it is left when types are stripped. */
  readonly typeOnly: boolean
  readonly dynamic: boolean
}

const projectRoot = resolve(import.meta.dirname, '../..')
const cache = new Map<string, SourceFile[]>()

/** The TypeScript files under the given folders; generated code is nobody's style. */
export function sourceFiles(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) => {
    const files = cache.get(folder) ?? readFolder(folder)
    cache.set(folder, files)
    return files
  })
}

/** Parses a text as if it were a file of the project: for tests of the tidy tests. */
export function parseSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text)
  const [error] = errors
  if (error !== undefined) {
    throw new Error(`${path} does not parse: ${error.message}`)
  }
  return { path, text, root: asSyntaxNode(program) }
}

export function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = []
  visit(file.root, (node) => {
    const { source } = node
    if (!importing.has(node.type) || !isSyntaxNode(source)) {
      return
    }
    // A computed import() hides where it goes, so it counts as a package of that odd name.
    const specifier =
      typeof source.value === 'string' ? source.value : file.text.slice(source.start, source.end)
    imports.push({
      specifier,
      target: specifier.startsWith('.')
        ? posix.normalize(posix.join(posix.dirname(file.path), specifier))
        : undefined,
      typeOnly: isTypeOnly(node),
      dynamic: node.type === 'ImportExpression',
    })
  })
  return imports
}

/** Calls `enter` for every node, outermost first, with the node that holds it. */
export function visit(
  node: SyntaxNode,
  enter: (node: SyntaxNode, parent: SyntaxNode | undefined) => void,
  parent?: SyntaxNode,
): void {
  enter(node, parent)
  for (const child of childrenOf(node)) {
    visit(child, enter, node)
  }
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node)
    .flatMap((value): readonly unknown[] => (Array.isArray(value) ? value : [value]))
    .filter(isSyntaxNode)
}

export function isSyntaxNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

/** Reads a field of whatever may be a node; undefined if it is none. */
export function fieldOf(value: unknown, field: string): unknown {
  return isSyntaxNode(value) ? value[field] : undefined
}

export function lineOf(file: SourceFile, offset: number): number {
  return file.text.slice(0, offset).split('\n').length
}

/** `path:line`, which editors and terminals turn into a link. */
export function placeOf(file: SourceFile, node: SyntaxNode): string {
  return `${file.path}:${lineOf(file, node.start)}`
}

const importing = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
])

function isTypeOnly(node: SyntaxNode): boolean {
  return node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type'
}

function readFolder(folder: string): SourceFile[] {
  const absolute = join(projectRoot, folder)
  if (!existsSync(absolute)) {
    return []
  }
  return readdirSync(absolute, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(absolute, name))
    .filter((name) => !dirname(name).includes(join('api', 'gen')))
    .map((name) =>
      parseSource(relative(projectRoot, name).split(sep).join('/'), readFileSync(name, 'utf8')),
    )
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

function asSyntaxNode(value: unknown): SyntaxNode {
  if (!isSyntaxNode(value)) {
    throw new Error('the parser gave no syntax tree')
  }
  return value
}
