// Builds dist/: the library by tsc, the command line by esbuild, the dashboard by Vite.
//
//   dist/src, dist/simulations   one module per source module, with declarations
//   dist/bin/kad.js              the executable, in syntax that any Node since 12 can parse
//   dist/cli/main.js, chunk-*    the command line in a few files: one command loads what it needs
//   dist/dashboard               the pages of a daemon and of a simulation, bundled by Vite with all they need
//
// The command line is bundled because a thin client that answers within a blink cannot afford to
// open two hundred files of its dependencies. Whatever it imports dynamically (the daemon and with
// it libp2p) lands in chunks of its own, and the heavy packages stay in node_modules.

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { build as buildPage } from 'vite'
import manifest from '../package.json' with { type: 'json' }

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')
const stamp = join(dist, '.built')

/** Small enough, and needed by every command: these go into the bundle. */
const bundledPackages = [
  '@bufbuild/protobuf',
  '@connectrpc/connect',
  '@connectrpc/connect-node',
  'commander',
]

if (!process.argv.includes('--if-stale') || isStale()) {
  await buildAll()
}

async function buildAll(): Promise<void> {
  rmSync(dist, { recursive: true, force: true })
  compileLibrary()
  await Promise.all([bundleExecutable(), bundleCommandLine(), bundleDashboard()])
  writeFileSync(stamp, '')
}

function compileLibrary(): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const run = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (run.status !== 0) {
    process.exit(run.status ?? 1)
  }
}

async function bundleExecutable(): Promise<void> {
  const outfile = join(dist, 'bin/kad.js')
  await build({
    entryPoints: [join(root, 'bin/kad.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node13.2',
    logLevel: 'warning',
    plugins: [leaveOut(/\/cli\/main\.ts$/, () => '../cli/main.js')],
  })
  chmodSync(outfile, 0o755)
}

async function bundleCommandLine(): Promise<void> {
  const outdir = join(dist, 'cli')
  await build({
    entryPoints: [join(root, 'src/cli/main.ts')],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    sourcemap: true,
    logLevel: 'warning',
    external: externalPackages(),
    // To have the class Headers of Node's, Node loads all of its client for the web. The one that stands for it asks whether
    // it was given one of Node's, which must not be seen either.
    inject: [fileURLToPath(import.meta.resolve('headers-polyfill'))],
    define: { 'globalThis.Headers': 'Headers' },
    // The simulator starts workers from files beside its own, so it stays where tsc put it.
    plugins: [
      loadWhenUsed('node:http', 'node:https', 'node:http2'),
      leaveOut(/\/simulations\/.*\.ts$/, (path) =>
        relative(outdir, join(dist, relative(root, path))).replace(/\.ts$/, '.js'),
      ),
    ],
  })
}

async function bundleDashboard(): Promise<void> {
  await buildPage({
    root: join(root, 'src/dashboard'),
    configFile: false,
    logLevel: 'warn',
    // The page may be served below any path.
    base: './',
    build: {
      outDir: join(dist, 'dashboard'),
      emptyOutDir: true,
      target: 'es2022',
      // Every file of its own: the page's policy allows nothing that is written inside another.
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: {
        input: ['index.html', 'simulation.html'].map((page) => join(root, 'src/dashboard', page)),
      },
    },
  })
}

/** Leaves relative imports that match `filter` out of the bundle and points them at built files. */
function leaveOut(filter: RegExp, target: (sourcePath: string) => string): Plugin {
  return {
    name: 'leave-out',
    setup(bundler) {
      bundler.onResolve({ filter }, ({ path, importer }) =>
        importer === '' ? null : { path: target(resolve(dirname(importer), path)), external: true },
      )
    },
  }
}

/**
 * Loads modules of Node's when something of theirs is first used, not when they are imported: most commands speak neither TLS
 * nor HTTP/2. And an import asks for everything that a module exports: of `node:http` WebSocket too, for which Node loads its
 * client for the web. All that would be a third of the time in which a command starts.
 */
function loadWhenUsed(...names: readonly string[]): Plugin {
  return {
    name: 'load-when-used',
    setup(bundler) {
      bundler.onResolve({ filter: new RegExp(`^(${names.join('|')})$`) }, ({ path }) => ({
        path,
        namespace: 'when-used',
      }))
      bundler.onLoad({ filter: /.*/, namespace: 'when-used' }, ({ path }) => {
        const getters = Object.keys(process.getBuiltinModule(path) ?? {}).map(
          (name) => `get ${name}() { return process.getBuiltinModule('${path}').${name} }`,
        )
        return { contents: `module.exports = {\n${getters.join(',\n')}\n}` }
      })
    },
  }
}

function externalPackages(): string[] {
  return Object.keys(manifest.dependencies).filter((name) => !bundledPackages.includes(name))
}

function isStale(): boolean {
  if (!existsSync(stamp)) {
    return true
  }
  const builtAt = statSync(stamp).mtimeMs
  return ['src', 'bin', 'simulations'].some((folder) => changedSince(join(root, folder), builtAt))
}

function changedSince(folder: string, instantMs: number): boolean {
  return (
    existsSync(folder) &&
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).some(
      (name) => statSync(join(folder, name)).mtimeMs > instantMs,
    )
  )
}
