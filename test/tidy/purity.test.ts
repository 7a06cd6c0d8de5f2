import { describe, expect, it } from 'vitest'
import {
  childrenOf,
  fieldOf,
  isSyntaxNode,
  parseSource,
  placeOf,
  type SourceFile,
  type SyntaxNode,
  sourceFiles,
  visit,
} from './source-files.ts'

// A decision that reads the clock or the dice behind the ports' back cannot be replayed.

/** Globals that bring in time, chance, input or output. */
const impureGlobals = new Set([
  'Buffer',
  'Date',
  'crypto',
  'fetch',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'globalThis',
  'navigator',
  'require',
  'WeakRef',
  'FinalizationRegistry',
])

const impureMembers = new Set(['Math.random', 'AbortSignal.timeout', 'Atomics.wait'])

describe('purity', () => {
  it.each(['src/core', 'src/node', 'src/wire'])('%s sees the world through its ports', (folder) => {
    expect(sourceFiles(folder).flatMap(impuritiesOf)).toEqual([])
  })

  it('src/core decides without waiting', () => {
    expect(sourceFiles('src/core').flatMap(waitsOf)).toEqual([])
  })

  it('simulations draw from the seed and read the virtual clock', () => {
    const forbidden = /^(Math\.random|crypto)/
    const impurities = sourceFiles('simulations').flatMap(impuritiesOf)
    expect(impurities.filter((place) => forbidden.test(place))).toEqual([])
  })

  it.each([
    'const now = Date.now()',
    'const now = new Date()',
    'const draw = Math.random()',
    "const draw = Math['random']()",
    'const { random } = Math',
    'setTimeout(() => {}, 1)',
    'globalThis.setTimeout(() => {}, 1)',
    'const id = crypto.randomUUID()',
    'const wait = setImmediate',
  ])('is broken by: %s', (text) => {
    expect(impuritiesOf(parseSource('a.ts', text))).toHaveLength(1)
  })

  it.each([
    'const largest = Math.max(1, 2)',
    'const clock = { Date: 1 }; clock.Date',
    'interface Timers { setTimeout(run: () => void): void }',
    'ports.performance.now()',
  ])('is kept by: %s', (text) => {
    expect(impuritiesOf(parseSource('a.ts', text))).toEqual([])
  })

  it.each(['async function a() {}', 'const a = async () => {}', 'Promise.resolve(1)'])(
    'deciding without waiting is broken by: %s',
    (text) => {
      expect(waitsOf(parseSource('a.ts', text))).toHaveLength(1)
    },
  )
})

function impuritiesOf(file: SourceFile): string[] {
  const found: string[] = []
  visit(file.root, (node, parent) => {
    const name = impurityOf(node, parent)
    if (name !== undefined) {
      found.push(`${name} at ${placeOf(file, node)}`)
    }
  })
  return found
}

function impurityOf(node: SyntaxNode, parent: SyntaxNode | undefined): string | undefined {
  if (node.type !== 'Identifier' || typeof node.name !== 'string' || isOnlyAName(node, parent)) {
    return undefined
  }
  const name = node.name
  if (impureGlobals.has(name)) {
    return name
  }
  const member = `${name}.${memberOf(node, parent)}`
  return impureMembers.has(member) ? member : undefined
}

/** True for the name of a property, a method or a type: it reaches no global. */
function isOnlyAName(node: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  if (parent === undefined) {
    return false
  }
  const computed = parent.computed === true
  return (
    (parent.property === node && !computed) ||
    (parent.key === node && !computed && parent.shorthand !== true) ||
    parent.type.startsWith('TS')
  )
}

/** The member of `Math` that is meant by `Math.x`, `Math['x']` or `const { x } = Math`. */
function memberOf(node: SyntaxNode, parent: SyntaxNode | undefined): string {
  if (parent?.type === 'MemberExpression' && parent.object === node) {
    return String(fieldOf(parent.property, 'name') ?? fieldOf(parent.property, 'value'))
  }
  if (parent?.type === 'VariableDeclarator' && parent.init === node) {
    const properties = isSyntaxNode(parent.id) ? childrenOf(parent.id) : []
    const keys = properties.map(({ key }) => String(fieldOf(key, 'name')))
    return keys.find((key) => impureMembers.has(`${String(node.name)}.${key}`)) ?? ''
  }
  return ''
}

function waitsOf(file: SourceFile): string[] {
  const found: string[] = []
  visit(file.root, (node, parent) => {
    const waits =
      node.async === true ||
      node.type === 'AwaitExpression' ||
      (node.type === 'Identifier' &&
        node.name === 'Promise' &&
        parent?.type.startsWith('TS') === false)
    if (waits) {
      found.push(`${node.type} at ${placeOf(file, node)}`)
    }
  })
  return found
}
