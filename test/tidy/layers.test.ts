import { isBuiltin } from 'node:module'
import { describe, expect, it } from 'vitest'
import {
  type Import,
  importsOf,
  parseSource,
  type SourceFile,
  sourceFiles,
} from './source-files.ts'

/** What a layer may import: other layers, packages, and whether Node's builtins. */
interface Layer {
  /** Names of layers, or single files of another layer. */
  readonly layers: readonly string[]
  readonly packages: readonly RegExp[]
  readonly builtins: boolean
  /** Layers and packages of which it may know the types, and load nothing. */
  readonly typesOf?: readonly string[]
}

const multiformats = [/^uint8arrays(\/|$)/, /^multiformats(\/|$)/, /^@multiformats\//]
const libp2pFamily = [/^libp2p$/, /^@libp2p\//, /^@chainsafe\/libp2p-/, ...multiformats]
const connect = [/^@connectrpc\//, /^@bufbuild\/protobuf(\/|$)/]
const anyPackage = [/^/]

const layers: Readonly<Record<string, Layer>> = {
  core: { layers: ['core'], packages: [/^uint8arrays(\/|$)/], builtins: false },
  node: { layers: ['node', 'core'], packages: [/^uint8arrays(\/|$)/], builtins: false },
  wire: { layers: ['wire', 'core'], packages: [/^uint8arrays(\/|$)/], builtins: false },
  libp2p: {
    layers: ['libp2p', 'node', 'core', 'wire'],
    packages: [...libp2pFamily, /^ipns$/, /^interface-datastore$/],
    builtins: true,
  },
  storage: {
    layers: ['storage', 'node', 'core', 'wire'],
    packages: [/^classic-level$/, ...multiformats],
    builtins: true,
  },
  api: {
    layers: ['api', 'api/gen', 'core'],
    packages: [...connect, ...multiformats],
    builtins: true,
    typesOf: ['node'],
  },
  // What the browser loads: of the project it knows the messages of the API and of a simulation, and nothing else.
  dashboard: {
    layers: ['dashboard', 'api/gen'],
    packages: [/^preact(\/hooks)?$/, /^uplot(\/|$)/, /^@connectrpc\/connect(-web)?$/],
    builtins: false,
    typesOf: ['simulations/watch'],
  },
  daemon: {
    layers: ['daemon', 'api', 'libp2p', 'storage', 'node', 'core', 'wire', 'index.ts'],
    packages: anyPackage,
    builtins: true,
  },
  cli: {
    layers: ['cli', 'api', 'core'],
    packages: [/^commander$/, ...connect],
    builtins: true,
  },
  // The public face: of the command line and the daemon nothing belongs to it.
  'index.ts': {
    layers: ['core', 'node', 'wire', 'libp2p', 'storage', 'api'],
    packages: [],
    builtins: false,
  },
  // The public face for programs written for @libp2p/kad-dht.
  'kad-dht.ts': { layers: ['libp2p'], packages: [], builtins: false },
  simulations: {
    layers: ['simulations', 'node', 'core', 'wire'],
    packages: [/^leven$/, /^vega(-lite)?$/, ...multiformats],
    builtins: true,
  },
  // Lets pages look on while a simulation runs.
  'simulations/watch': {
    layers: ['simulations', 'simulations/watch', 'node', 'core', 'wire'],
    packages: [],
    builtins: true,
  },
  // The one network of the simulator that carries real libp2p nodes.
  'simulations/full-stack': {
    layers: ['simulations', 'simulations/full-stack', 'node', 'core', 'wire', 'libp2p', 'storage'],
    packages: libp2pFamily,
    builtins: true,
  },
  bin: { layers: ['cli'], packages: [/^esbuild$/, /^vite$/], builtins: true },
}

/**
 * What a layer may load, but only when it is wanted: a command must not slow the others, and a simulation in virtual time needs
 * no libp2p. Types it may know at any time.
 */
const loadable: Readonly<Record<string, readonly string[]>> = {
  cli: ['daemon', 'simulations', 'simulations/watch'],
  simulations: ['simulations/full-stack'],
}

describe('the layers', () => {
  const files = sourceFiles('src', 'bin', 'simulations')

  it.each(Object.keys(layers))('%s imports only what lies below it', (name) => {
    const violations = files.filter((file) => layerOf(file.path) === name).flatMap(violationsOf)
    expect(violations).toEqual([])
  })

  it('are known for every source file', () => {
    const unknown = files.filter((file) => layers[layerOf(file.path)] === undefined)
    expect(unknown.map((file) => file.path)).toEqual([])
  })

  it('import only files that exist', () => {
    const known = new Set(sourceFiles('src', 'bin', 'simulations').map((file) => file.path))
    const missing = files.flatMap((file) =>
      importsOf(file)
        .filter(({ target }) => target !== undefined && /\.tsx?$/.test(target))
        .filter(({ target = '' }) => !known.has(target) && !target.includes('api/gen/'))
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    )
    expect(missing).toEqual([])
  })

  it('have no cycles between the files of src', () => {
    expect(findCycle(sourceFiles('src'))).toEqual([])
  })

  it.each([
    ['src/core/a.ts', "import '../node/driver.ts'"],
    ['src/core/a.ts', "import type { Socket } from 'node:net'"],
    ['src/core/a.ts', "export * from 'libp2p'"],
    ['src/node/a.ts', "const level = await import('classic-level')"],
    ['src/wire/a.ts', "import { readFileSync } from 'fs'"],
    ['src/api/a.ts', "import { kadmium } from '../libp2p/service.ts'"],
    ['src/api/a.ts', "import { drive } from '../node/driver.ts'"],
    ['src/libp2p/a.ts', "import { start } from '../daemon/main.ts'"],
    ['src/cli/a.ts', "import { start } from '../daemon/main.ts'"],
    ['src/cli/a.ts', "const name: string = 'libp2p'; await import(name)"],
    ['src/daemon/a.ts', "import { main } from '../cli/main.ts'"],
    ['src/dashboard/a.tsx', "import type { ApiPeer } from '../api/peer.ts'"],
    ['src/dashboard/a.tsx', "import { toHex } from '../core/key.ts'"],
    ['src/dashboard/a.tsx', "import { pointOf } from '../../simulations/watch/ring.ts'"],
    ['simulations/a.ts', "import { Watch } from './watch/watch.ts'"],
    ['simulations/a.ts', "import { tcp } from '@libp2p/tcp'"],
    ['simulations/a.ts', "import { FullStackNetwork } from './full-stack/network.ts'"],
  ])('are broken by %s: %s', (path, text) => {
    expect(violationsOf(parseSource(path, text))).toHaveLength(1)
  })

  it.each([
    ['src/core/a.ts', "import { concat } from 'uint8arrays/concat'"],
    ['src/api/a.ts', "import type { KademliaNode } from '../node/kademlia-node.ts'"],
    ['src/cli/a.ts', "const { start } = await import('../daemon/main.ts')"],
    ['src/dashboard/a.tsx', "import { Kadmium } from '../api/gen/kadmium/v1/kadmium_pb.ts'"],
    ['src/dashboard/a.tsx', "import type { Frame } from '../../simulations/watch/frame.ts'"],
    ['simulations/a.ts', "import { drive } from '../src/node/driver.ts'"],
    ['simulations/a.ts', "const { FullStackNetwork } = await import('./full-stack/network.ts')"],
    ['simulations/full-stack/a.ts', "import { memory } from '@libp2p/memory'"],
  ])('are kept by %s: %s', (path, text) => {
    expect(violationsOf(parseSource(path, text))).toEqual([])
  })
})

function violationsOf(file: SourceFile): string[] {
  const name = layerOf(file.path)
  const layer = layers[name]
  if (layer === undefined) {
    return [`${file.path} belongs to no known layer`]
  }
  return importsOf(file)
    .filter((imported) => !isAllowed(name, layer, imported))
    .map(({ specifier }) => `${file.path} imports ${specifier}`)
}

function isAllowed(name: string, layer: Layer, imported: Import): boolean {
  const { specifier, target } = imported
  if (target === undefined) {
    return isBuiltin(specifier)
      ? layer.builtins
      : layer.packages.some((pattern) => pattern.test(specifier)) && !specifier.includes(' ')
  }
  if (target === 'package.json') {
    return layer.builtins
  }
  const to = layerOf(target)
  return (
    layer.layers.includes(to) ||
    (imported.typeOnly && layer.typesOf?.includes(to) === true) ||
    ((imported.dynamic || imported.typeOnly) && loadable[name]?.includes(to) === true)
  )
}

/** `src/core/key.ts` is of the layer core, `bin/kad.ts` of bin. */
function layerOf(path: string): string {
  const [top = '', second = '', third = ''] = path.split('/')
  if (top === 'src') {
    return second === 'api' && third === 'gen' ? 'api/gen' : second
  }
  const isApart = second === 'full-stack' || second === 'watch'
  return top === 'simulations' && isApart ? `${top}/${second}` : top
}

/** The first cycle of imports that stay when types are stripped, as a list of paths. */
function findCycle(files: readonly SourceFile[]): string[] {
  const edges = new Map(
    files.map((file) => [
      file.path,
      importsOf(file)
        .filter(({ typeOnly, dynamic }) => !typeOnly && !dynamic)
        .flatMap(({ target }) => target ?? []),
    ]),
  )
  const finished = new Set<string>()
  const walk = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) {
      return [...trail.slice(trail.indexOf(path)), path]
    }
    if (finished.has(path)) {
      return []
    }
    for (const target of edges.get(path) ?? []) {
      const cycle = walk(target, [...trail, path])
      if (cycle.length > 0) {
        return cycle
      }
    }
    finished.add(path)
    return []
  }
  return files.map((file) => walk(file.path, [])).find((cycle) => cycle.length > 0) ?? []
}
